"""What keeps sums and means from being steered, how it is taken out, and the test that must fail then."""

# ruff: noqa: E501 - one defence a line reads as a table

from decimal import Decimal
from functools import partial

from tests.prove.defences import Defence as Listed, edited, put, together

ANALYSIS, LINKING = "broker.query.analysis", "broker.disclosure.linking"
MADE = "broker.query.binder.draft_tables.linear_form"
STEP = "broker.disclosure.protected_means:mean_step"
Defence = partial(Listed, module="tests.attacks.test_steered_amounts")
REVIEWED = "test_a_checker_reviews_it_whatever_the_data_are"
UNSCALED = put(f"{ANALYSIS}.aggregate_arguments.is_scaled", lambda _: False)
BY_ROWS = edited(f"{LINKING}.linked_system:_SystemBuilder._rounding_error", "if bounds is None else", "if True else")

DEFENCES = (
    Defence(
        "no factor stands inside a person's total",
        UNSCALED, test=REVIEWED, given=("a factor inside each person's total",),
    ),
    Defence(
        "a mean is rounded before its factor",
        put(MADE, lambda _: (Decimal(1), Decimal(0))),
        test="test_a_factor_reveals_no_more_of_a_mean",
    ),
    Defence(
        "a step is more than one contribution",
        edited(STEP, "return max(least,", "return min(least,"),
        test="test_a_factor_does_not_move_a_mean_across_an_edge_each_time",
    ),
    *(
        Defence("no factor or offset stands where it is not seen", UNSCALED, test=REVIEWED, given=(name,))
        for name in (
            "a factor below DISTINCT", "a factor in a key", "a factor in applied rows", "a limit in a key",
        )
    ),
    *(
        Defence(
            "each row is not rounded by a written number",
            put(f"{ANALYSIS}.aggregate_arguments.is_rounded_by_factor", lambda *_: False),
            test=REVIEWED, given=(name,),
        )
        for name in ("a cast that rounds", "a cast that rounds a quotient")
    ),
    *(
        Defence(
            "a person's aggregate is an amount that nothing steers",
            edited("broker.query.binder.row_aggregation:_is_amount", old, "if op in RANKS:"),
            test=REVIEWED, given=(name,),
        )
        for old, name in (
            ('if op in RANKS or op.startswith(("deviation", "variance")):', "the variance of one person's years"),
            ('if op.startswith("quantile") and args[1] != Literal(MEDIAN, ScalarType.DECIMAL):', "another quantile than the median"),
        )
    ),
    Defence(
        "the reciprocal of an amount is none",
        together(
            edited(f"{ANALYSIS}.aggregate_arguments:is_linear_value", 'case scalars.Call(op="divide", args=(scalars.Literal(), _)):', 'case scalars.Call(op="nothing"):'),
            put(f"{ANALYSIS}.aggregate_arguments.is_rounded_by_factor", lambda *_: False),
        ),
        test=REVIEWED, given=("a reciprocal",),
    ),
    Defence(
        "the plan says whether an amount can be negative",
        put("broker.query.binder.aggregate_statistics.can_be_negative", lambda *_: False),
        test=REVIEWED, given=("a limit that one child alone exceeds",),
    ),
    Defence(
        "a conversion hides no condition",
        put(f"{ANALYSIS}.known_amounts.as_decision_tree", lambda argument, _: argument),
        test=REVIEWED, given=("chosen amounts below a conversion",),
    ),
    Defence(
        "a range has no gap",
        put(f"{ANALYSIS}.known_amounts._is_one_stretch", lambda *_: True),
        test=REVIEWED, given=("small amounts and large ones",),
    ),
    Defence(
        "what rounding leaves open follows from the catalogue",
        BY_ROWS,
        test="test_what_is_hidden_does_not_depend_on_the_largest_amount",
    ),
    Defence(
        "the widths of hidden amounts follow from the catalogue",
        edited(f"{LINKING}.linked_system:_largest_possible", "if bounds:", "if False:"),
        test="test_what_is_hidden_does_not_depend_on_the_rows_of_one_child",
    ),
    Defence(
        "linked tables compare the amount itself, without its factor",
        edited("broker.evidence.table_families:TableFamily.finest", "(f.tests or f.scaled)", "f.tests"),
        test="test_a_factor_steers_no_hole",
    ),
    Defence(
        "the least width of an amount does not follow from its unit",
        edited("broker.disclosure.suppression.suppression_task:least_width", "1.0 if whole else", "1.0 if True else"),
        test="test_the_totals_of_a_share_choose_no_hole",
    ),
    Defence(
        "one person in several cells gives no cell a factor",
        edited("broker.disclosure.differencing.scale_factors:possible_scales", "max(least, t)", "least"),
        test="test_one_child_with_two_rows_gives_no_cell_a_factor_of_its_own",
    ),
    Defence(
        "nobody has more rows than the catalogue allows",
        together(
            edited("broker.disclosure.rules.magnitude:_most_rows", "min(rows - persons + 1, allowed or rows)", "rows - persons + 1"),
            edited("broker.disclosure.rules.magnitude:_cells_of_close_rows", "columns.statistic.growth.most or np.inf", "np.inf"),
        ),
        test="test_rows_that_the_text_writes_hide_no_count", given=("one side",),
    ),
    Defence(
        "what rounding leaves open of a sum is not overrated",
        edited("broker.disclosure.rounding_errors:least_error_of_sum", "/ 4", "/ 2"),
        module="tests.generative.disclosure.test_error_of_sums",
        test="test_the_error_of_a_sum_is_at_most_what_its_mean_leaves_open",
    ),
    Defence(
        "without a catalogue the widths of hidden amounts are coarse",
        put(f"{LINKING}.linked_system.coarse_amount", lambda largest: largest),
        module="tests.unit.disclosure.test_linked_system",
        test="test_without_bounds_amounts_between_powers_of_eight_are_alike", given=(2,),
    ),
)  # fmt: skip
