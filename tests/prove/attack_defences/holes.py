"""What keeps holes and rows from depending on one person, how it is taken out, and the test that must fail then."""

from functools import partial

from tests.prove.defences import Defence as Listed, edited, put

LINKING = "broker.disclosure.linking"
OF_HISTORY = "tests.attacks.test_holes_of_the_history"
HOLES_OF_HISTORY = "test_invariant_9_nobody_one_and_nine_of_a_reference_population_show_the_same_holes"
REPAIR = "broker.disclosure.differencing.difference_repair"
ALIGNMENT = "broker.disclosure.differencing.count_alignment"
MOVES = "broker.disclosure.differencing.count_moves"
OVERLAY = "broker.disclosure.differencing.overlay"
COMPARISON = "broker.disclosure.differencing.compare_tables"
OF_ALIGNMENT = "tests.unit.disclosure.test_count_alignment"
NEAR_TABLES = "test_invariant_9_a_series_of_near_tables_shows_the_same_holes_for_nobody_one_and_nine"
Defence = partial(Listed, module="tests.attacks.test_holes", test="test_holes_are_the_same_for_nobody_one_and_nine")

NO_ROW = "test_people_whose_value_is_computed_from_no_row_are_protected"

DEFENCES = (
    Defence(
        "what the padded side of an outer join computes is NULL there",
        edited(
            "broker.evidence.table_populations:_PopulationReader._join", "join.how is JoinHow.LEFT and", "False and"
        ),
        test=NO_ROW,
        given=("a condition on a constant of an outer join, beside all", 9),
    ),
    Defence(
        "a constant of an outer join as a key has a row for NULL",
        edited(
            "broker.query.analysis.group_key_domains:_domain",
            "padded = reads_padded or symbols.is_outer(symbols.source_rows[ident])",
            "padded = reads_padded",
        ),
        test=NO_ROW,
        given=("a constant of an outer join as a key", 1),
    ),
    Defence(
        "an outer join can find no row of a table that reads no other",
        edited("broker.query.bound_relations:written_row", "frozenset({number})", "frozenset()"),
        test=NO_ROW,
        given=("a constant of a derived table that reads no table, as a key", 1),
    ),
    Defence(
        "an outer join can find no row of written rows",
        edited(
            "broker.query.binder.set_operations:_values_row", "symbols.define(s, row.source_rows)", "symbols.define(s)"
        ),
        test=NO_ROW,
        given=("a constant of written rows that reads no table, as a key", 1),
    ),
    Defence(
        "a key that an outer join chooses has a row for each value",
        edited(
            "broker.query.analysis.group_key_domains:_mapped_domain",
            "possible_values(expanded, {ident: frozenset({value})}, {})",
            "possible_values(expression, {ident: frozenset({value})}, symbols.definitions)",
        ),
        test="test_people_whom_an_outer_join_leaves_out_are_not_the_rest_of_a_total",
        given=("another column where there is none", 1),
    ),
    Defence(
        "a row that is not shown has each condition",
        edited(
            f"{LINKING}.joint_cells:_crossings",
            "(unshown | of for of in counted)",
            "(unshown | of for of in counted[:1])",
        ),
        module="tests.spec.disclosure.test_linked_tables",
        test="test_a_condition_on_rows_that_are_not_shown_is_not_the_rest_of_a_total",
        given=(2,),
    ),
    Defence(
        "a key that is computed from no row has a row for NULL",
        edited("broker.query.analysis.group_key_domains:_parts_domain", "opaque.may_be_empty or", "False or"),
        test="test_a_key_that_is_computed_from_no_row_has_a_row_without_value",
        module="tests.spec.query.test_years_of_codes",
        given=(
            "SELECT LAG(AcademicYear) OVER (PARTITION BY PupilMatchingRefAnonymous ORDER BY AcademicYear) AS k "
            "FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019'",
        ),
    ),
    Defence(
        "cells of a few are looked at as cells of nobody",
        put(f"{LINKING}.linked_pattern.known_joint_cells", lambda _family, atoms, *_: list(atoms)),
        given=("two sums that differ by the child, who is among others in another table", "npd-default"),
    ),
    Defence(
        "cells of a few do not tell figures apart",
        edited(f"{LINKING}.joint_cells:known_joint_cells", "if is_rounded:", "if False:"),
        given=("two sums that differ by the child, who is among others in another table", "npd-default"),
    ),
    Defence(
        "whom two conditions differ by are looked at, whoever is there",
        put(f"{LINKING}.joint_cells._gaps", lambda *_: iter(())),
        given=("two conditions that differ by the child, who is among others in another table", "exact"),
    ),
    Defence(
        "somebody in two joint cells is one person",
        put(f"{LINKING}.joint_cells.persons_together", lambda parts, cells, _: sum(cells[n].persons for n in parts)),
        module="tests.spec.disclosure.test_linked_tables",
        test="test_somebody_with_two_rows_counts_once_in_a_figure",
        given=(1,),
    ),
    Defence(
        "who is in no row is thought of",
        put(f"{LINKING}.linked_pattern.unobserved_joint_cells", lambda *_: iter(())),
        test="test_a_row_that_is_not_shown_takes_another_with_it_whoever_is_there",
        given=(0,),
    ),
    Defence(
        "a row without a list may be there unseen",
        edited(f"{LINKING}.joint_cells:_crossings", "if fine in unlisted and", "if False and"),
        test="test_a_row_that_is_not_shown_takes_another_with_it_whoever_is_there",
        given=(0,),
    ),
    Defence(
        "counts that few tell apart are one count",
        put(f"{LINKING}.linked_pattern._count_aliases", lambda *_: {}),
        module="tests.spec.disclosure.test_linked_tables",
        test="test_a_condition_in_an_aggregate_is_linked_like_a_filter",
    ),
    Defence(
        "rows that are applied from other columns are other rows",
        edited("broker.evidence.table_populations:_PopulationReader._whole", "frozenset(self.given)", "frozenset()"),
        module="tests.spec.disclosure.test_applied_rows",
        test="test_what_reads_other_columns_is_another_recipe",
        given=("the other twice", "another number twice"),
    ),
    Defence(
        "an amount stands where most persons are",
        edited(
            f"{LINKING}.joint_cells:_split", "most = max(range(len(parts)), key=lambda n: parts[n].persons)", "most = 0"
        ),
        given=("sum beside a condition on few", "exact"),
    ),
    Defence(
        "the threshold tells nothing about an open cell",
        put(f"{LINKING}.rerun_attack.closed_figures", lambda *_: frozenset()),
        module="tests.spec.disclosure.test_linked_tables",
        test="test_who_knows_which_holes_have_the_threshold_works_out_no_other",
    ),
    Defence(
        "a shown figure has the threshold, too",
        edited("broker.disclosure.linking.rerun_attack:_shown_bounds", "max(released - error, t)", "released - error"),
        module="tests.generative.disclosure.test_all_worlds",
        test="test_a_figure_that_is_shown_has_the_threshold_as_a_hidden_one_has",
    ),
    Defence(
        "a figure that another one hides covers like any other",
        edited(f"{LINKING}.linked_pattern:_hidden_from_reruns", "if not rules <= COVER_RULES", "if True"),
        module="tests.spec.disclosure.test_linked_tables",
        test="test_a_condition_is_hidden_alike_whoever_is_on_its_other_side",
    ),
    Defence(
        "nobody looks because everybody in a hidden sum knows it",
        put(f"{LINKING}.linked_pattern._is_attacked_from_inside", lambda *_: True),
        module="tests.spec.disclosure.test_linked_tables",
        test="test_a_hidden_sum",
        given=(1, "LA", 11),
    ),
    Defence(
        "a few persons are counted with a cell",
        edited(f"{REPAIR}:_choose_changes", "if aligned:", "if False:"),
        module=OF_HISTORY,
        test=HOLES_OF_HISTORY,
        given=("a cell of a reference population",),
    ),
    Defence(
        "a few persons are counted with a sum",
        edited("broker.disclosure.table_recipes:movable_totals", "frozenset(sums))", "frozenset())"),
        module=OF_HISTORY,
        test="test_invariant_9_sums_that_differ_by_a_few_show_the_same_holes",
        given=("sums by two keys of all but a few, and by one of all", 1),
    ),
    Defence(
        "who has a value is counted with a sum",
        edited("broker.disclosure.table_recipes:movable_totals", "frozenset(holders)", "frozenset()"),
        module=OF_HISTORY,
        test="test_invariant_9_sums_that_differ_by_a_few_show_the_same_holes",
        given=("sums by two keys of all but a few, and by one of all", 1),
    ),
    Defence(
        "a few persons are counted in another unit",
        edited(f"{ALIGNMENT}:Alignment.is_of_movable", "leak.factor is not None", "leak.factor == 1"),
        module=OF_HISTORY,
        test="test_invariant_9_sums_that_differ_by_a_few_show_the_same_holes",
        given=("counts of all but a few, and of the rows of all made twice", 1),
    ),
    Defence(
        "what adds up in another unit stays",
        edited(
            f"{COMPARISON}:PartComparison._found",
            "if self._with_ties and scale.factor is not None:",
            "if self._with_ties and scale.factor == 1:",
        ),
        module=OF_ALIGNMENT,
        test="test_a_cell_that_a_known_sum_of_another_unit_fixes_is_not_moved",
        given=((1,),),
    ),
    Defence(
        "amounts are moved by what they are",
        edited(
            f"{ALIGNMENT}:Alignment._known_sum",
            "(is_sum or np.array_equal(by, np.rint(by)))",
            "np.array_equal(by, np.rint(by))",
        ),
        module=OF_ALIGNMENT,
        test="test_a_sum_of_values_is_moved_by_what_few_persons_add",
        given=((1,), 1),
    ),
    Defence(
        "what adding up leaves of binary fractions is nothing",
        edited(f"{ALIGNMENT}:added_up", "SAME_AMOUNT * sums_by_key(persons, np.abs(amounts))[1]", "0"),
        module=OF_ALIGNMENT,
        test="test_a_sum_of_values_is_moved_by_what_few_persons_add",
        given=((1,), 100),
    ),
    Defence(
        "what adds up stays when a count is moved",
        edited(f"{ALIGNMENT}:Alignment.changes", "self._ties()", "frozenset()"),
        module=OF_ALIGNMENT,
        test="test_a_cell_that_a_known_sum_fixes_is_not_moved",
        given=((1,),),
    ),
    Defence(
        "where sums contradict each other the same ones are met for everybody",
        edited(f"{MOVES}:CountMoves._with_rank", "if self._are_solved(missing, [*found, n]):", "if True:"),
        module="tests.unit.disclosure.test_count_moves",
        test="test_where_sums_contradict_each_other_the_same_ones_hold_for_everybody",
    ),
    Defence(
        "sums of few figures are met rather than sums of many",
        edited(f"{ALIGNMENT}:rank_of_sum", "max(2, len(new) + len(old)).bit_length()", "2"),
        module=OF_ALIGNMENT,
        test="test_sums_of_few_figures_are_met_rather_than_sums_of_many",
        given=((1,),),
    ),
    Defence(
        "what is left by persons and adds up in rows stays",
        edited(f"{ALIGNMENT}:Alignment.changes", "if not one.apart for leak", "if False for leak"),
        module=OF_ALIGNMENT,
        test="test_a_part_that_counts_a_few_less_makes_up_for_them_elsewhere",
        given=((1,),),
    ),
    Defence(
        "who is in no known population is not taken from it",
        put(f"{REPAIR}._with_outsiders", lambda new, _: new),
        module=OF_ALIGNMENT,
        test="test_who_is_in_no_known_population_is_counted_with_no_cell_of_it",
        given=(tuple(range(1, 10)),),
    ),
    Defence(
        "who counts less than once is not in what a population leaves",
        edited(f"{OVERLAY}:multi_cell_rows", "[persons, outside, new.not_once, old.not_once]", "[persons, outside]"),
        module=OF_ALIGNMENT,
        test="test_who_counts_twice_in_one_part_and_less_in_the_other_is_not_left",
    ),
    Defence(
        "persons and their rows are moved apart",
        edited(f"{REPAIR}:_aligned", "moves_of(c.shift.amount, c.shift.once)", "c.shift.amount"),
        module=OF_ALIGNMENT,
        test="test_both_counts_of_one_amount_are_moved_once",
    ),
    Defence(
        "a count is moved once an earlier value is shown",
        edited(f"{REPAIR}:_choose_changes", "yield from changes\n        return", "yield from changes"),
        module=OF_ALIGNMENT,
        test="test_an_earlier_mean_and_an_aligned_count_do_not_add_up",
    ),
    Defence(
        "what a population leaves of rows is compared by persons",
        edited(f"{COMPARISON}:PartComparison._compare_figure", "if populations and not is_plain", "if False"),
        module=OF_ALIGNMENT,
        test="test_a_part_that_counts_a_few_less_makes_up_for_them_elsewhere",
        given=((1,),),
    ),
    Defence(
        "values that are shown as rows are known as rows",
        edited("broker.disclosure.close_amounts:shown_amounts", "if np.any(apart[cells[close]]):", "if False:"),
        module=OF_HISTORY,
        test="test_values_that_are_shown_as_rows_stay_equal_to_them",
    ),
    Defence(
        "persons that count rows are rounded as rows",
        edited(
            "broker.disclosure.protected_values:rounded_value",
            "round_rows(int(as_number(evidence.value)), persons, profile)",
            "round_count(evidence.value, profile)",
        ),
        module="tests.spec.disclosure.test_shifted_counts",
        test="test_persons_that_count_rows_are_shown_as_rows",
        given=(142, 1),
    ),
    Defence(
        "a count of persons is moved by their second rows",
        edited(
            f"{ALIGNMENT}:Alignment._change",
            "if len(inside[0]) + more <",
            "if (once and not more) or len(inside[0]) + more <",
        ),
        module=OF_ALIGNMENT,
        test="test_a_count_of_persons_is_moved_by_their_second_rows",
        given=({1: 2}, {0: (1, 0)}),
    ),
    Defence(
        "what a count leaves of another is compared whatever aligned counts add",
        edited(
            "broker.disclosure.differencing.functionals:nested_counts",
            "own_amounts(members, *key)",
            "amounts_of_total(members, *key)",
        ),
        module=OF_ALIGNMENT,
        test="test_what_a_count_leaves_of_another_is_compared_whatever_aligned_counts_add",
    ),
    Defence(
        "a sum over its mean is the count that is shown",
        edited("broker.disclosure.table_findings:shifted_figures", "close={**close, **sums}", "close=close"),
        module="tests.spec.disclosure.test_shifted_counts",
        test="test_a_count_that_is_moved_moves_what_shows_it",
        given=(13, "s13_given", 6, {14: 460}),
    ),
    Defence(
        "of a figure's hidden cells nobody knows anything",
        edited("broker.disclosure.differencing.functionals:without_total", "total_known=False", "total_known=True"),
        module=OF_HISTORY,
        test="test_invariant_9_a_series_shows_the_same_holes_for_nobody_one_and_nine",
        given=("a count beside a share that is hidden",),
    ),
    Defence(
        "what figures tell that were all released before is not hidden",
        edited(f"{REPAIR}:_is_known", "return not total_known", "return False and not total_known"),
        module=OF_ALIGNMENT,
        test="test_what_is_known_from_two_releases_is_not_hidden_when_one_is_repeated",
    ),
)
