"""What keeps one person from counting with more rows than another, how it is taken out, and the test that must fail."""

# ruff: noqa: E501 - one defence a line reads as a table

from functools import partial

from broker.disclosure.rounded_counts import round_count
from tests.prove.defences import Defence as Listed, edited, put

PLACE = "broker.query.analysis.row_multiplicity"
REASON = f"{PLACE}:multiplicity_reason"
AMOUNT_ROOM = "broker.query.analysis.person_amounts"
AMOUNTS = f"{AMOUNT_ROOM}:amount_reason"
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
        edited(f"{PLACE}:choices_in", 'yield scalars.truth_call("or", *case_conditions(value))', "yield from case_conditions(value)"),
        given=("branches by year",),
    ),
    Defence(
        "what is 1 elsewhere is an alternative, too",
        edited(f"{PLACE}:choices_in", "otherwise=scalars.Literal(value=0 | None)", "otherwise=scalars.Literal()"),
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
        edited(f"{PLACE}:_is_even_apply", "read_through(c, symbols)", "scalars.column_ids(c)"),
        given=("a condition above",),
    ),
    *(
        Defence("rows below a person's aggregate multiply evenly", edited(AMOUNTS, "if calls else None", "if False else None"), given=(name,))
        for name in ("written rows joined below a count", "public rows below a count", "public rows counted by a subquery")
    ),
    Defence(
        "what a subquery reads of its row is followed, too",
        put(f"{AMOUNT_ROOM}.columns_behind", lambda _, amounts, __: amounts),
        given=("a count that a subquery reads",),
    ),
    *(
        Defence("no decision mixes made rows with a variable", put(f"{AMOUNT_ROOM}._mixes", lambda *_: False), given=(name,))
        for name in (
            "written rows counted for each row", "an order that picks the amount", "a partition that picks the amount",
        )
    ),
    Defence(
        "a code is looked up in a join only",
        edited(f"{AMOUNT_ROOM}:_mixes", " if not read & applied", ""),
        given=("written rows counted for each row",),
    ),
    Defence(
        "public rows of a subquery are joined by their key",
        edited(REASON, "or not any(map(symbols.is_person, scans))", ""),
        given=("public rows counted by a subquery",),
    ),
    *(
        Defence("made rows hold a variable once", put(f"{PLACE}._repeats_variable", lambda *_: False), given=(name,))
        for name in ("a variable in many made rows", "a variable in many branches", "a code of every year and another of everybody")
    ),
    Defence(
        "a variable of two tables is one",
        edited(f"{PLACE}:_names_in", 'v.rpartition(".")[2]', "v"),
        given=("a code of every year and another of everybody",),
    ),
    *(
        Defence("no column of made rows mixes a constant with a variable", put("broker.query.output_planning.made_rows_reason", lambda *_: None), given=(name,))
        for name in (
            "a code beside an amount, filtered below", "a code beside an amount, filtered", "a code beside an amount, in a union",
            "a code beside an amount, as a key", "a code beside an amount, in a branch", "a code beside an amount, in an order",
            "a code beside an amount, in a partition", "an amount beside an amount",
        )
    ),
    Defence(
        "no test of made rows picks the variable that is added up",
        edited("broker.query.analysis.made_rows:made_rows_reason", "if (several & read and other) or (several & present and other - present):", "if False:"),
        given=("two codes beside two amounts",),
    ),
    Defence(
        "keys are tests, too",
        edited("broker.query.analysis.made_rows:made_rows_reason", "() if apart else keys", ""),
        given=("a code beside an amount, as a key",),
    ),
    Defence(
        "what is missing is a choice",
        edited(f"{PLACE}:choices_in", 'if op == "coalesce":', "if False:"),
        given=("values that are missing",),
    ),
    Defence(
        "the rows of a sum are rounded by its persons",
        put("broker.disclosure.protected_values.summed_rows", lambda _, evidence, __, ___, profile: round_count(evidence.rows, profile)),
        test="test_equal_rows_of_everybody_show_no_more_than_the_persons", given=("a sum", 5),
    ),
    Defence(
        "a person on both sides of a share counts once",
        put("broker.disclosure.protected_values.persons_of_both", lambda evidence, _: evidence.persons + evidence.rest),
        test="test_equal_rows_of_everybody_show_no_more_than_the_persons", given=("a share", 5),
    ),
    Defence(
        "the average rows of a person are rounded like a mean",
        edited("broker.disclosure.rounded_counts:rows_step", "profile.round_base * growth", "growth"),
        test="test_a_count_of_rows_moves_as_seldom_as_two_counts", given=((1, 9),),
    ),
)  # fmt: skip
