"""What keeps one person from counting with more rows than another, how it is taken out, and the test that must fail."""

# ruff: noqa: E501 - one defence a line reads as a table

from functools import partial

from tests.prove.defences import Defence as Listed
from tests.prove.defences import edited, put

PLACE = "broker.query.analysis.row_multiplicity"
REASON = f"{PLACE}:multiplicity_reason"
Defence = partial(
    Listed, module="tests.attacks.test_choices_of_rows", test="test_a_checker_reviews_it_whatever_the_data_are"
)
ARGUMENTS = edited(REASON, "for value in values for", "for value in () for")

DEFENCES = (
    *(
        Defence("a CASE is a condition on rows", ARGUMENTS, given=(name,))
        for name in ("a sum of ones", "a count", "a share", "an amount", "a key", "a mark below", "variables as rows")
    ),
    Defence(
        "branches of a CASE are alternatives",
        edited(f"{PLACE}:choices_in", 'yield Call("or", tuple(_conditions_in(value)), ScalarType.TRUTH)', "yield from _conditions_in(value)"),
        given=("branches by year",),
    ),
    Defence(
        "what is 1 elsewhere is an alternative, too",
        edited(f"{PLACE}:choices_in", "otherwise=Literal(value=0 | None)", "otherwise=Literal()"),
        given=("everything but",),
    ),
    Defence("written rows of a join are not mixed", edited(REASON, "([], *([c] for c in choices))", "([],)"), given=("a join",)),
    *(
        Defence("numbers of rows are not mixed", put(f"{PLACE}._mixes_ranks", lambda *_: False), given=(name,))
        for name in ("numbered rows", "numbered rows that are kept")
    ),
    *(
        Defence("years are not mixed", put(f"{PLACE}._mixes_years", lambda *_: False), given=(name,))
        for name in ("branches by year", "branches by two years")
    ),
    Defence(
        "branches of a union choose alike",
        put(f"{PLACE}._choice_texts", lambda *_: iter(())),
        given=("a union of tables",),
    ),
    Defence(
        "derived columns are seen through",
        edited(f"{PLACE}:_is_even_apply", "read_through(c, symbols)", "column_ids(c)"),
        given=("a condition above",),
    ),
    Defence(
        "the average rows of a person are rounded like a mean",
        edited("broker.disclosure.protected_values:rows_step", "profile.round_base * max(", "max("),
        test="test_a_count_of_rows_moves_as_seldom_as_two_counts", given=((1, 9),),
    ),
)  # fmt: skip
