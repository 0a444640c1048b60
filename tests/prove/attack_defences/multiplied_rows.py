"""What keeps joins from multiplying one child's second row, how it is taken out, and the test that must fail then."""

# ruff: noqa: E501 - one defence a line reads as a table

from functools import partial

from broker.domain.plans.plan import ORDINARY_ROWS
from broker.query.analysis.row_growths import NO_TIMES
from tests.prove.defences import Defence as Listed, edited, put

FACTORS = "broker.query.analysis.row_growths"
VALUES = "broker.disclosure.rounded_counts"
Defence = partial(Listed, module="tests.attacks.test_multiplied_rows")
FACTOR, TOLD = ("test_the_plan_says_how_often_a_second_row_counts", "test_a_child_with_two_rows_is_not_disclosed")
ONE = put(f"{FACTORS}.RowGrowths.of", lambda *_: ORDINARY_ROWS)

DEFENCES = (
    Defence("rounding knows how often a row counts", ONE, test=TOLD, given=(1,)),
    Defence(
        "a count is rounded by what joins make of a row",
        edited(f"{VALUES}:rows_step", "growth.largest(CellSize(rows, persons).rows_each)", "CellSize(rows, persons).rows_each"),
        test=TOLD, given=(1,),
    ),
    *(
        Defence(
            "each joined table counts",
            edited(f"{FACTORS}:RowGrowths._times_of_scan", "int(several or count > 1)", "0"),
            test=FACTOR, given=(name,),
        )
        for name in ("two tables", "four tables", "a share", "the rows of a sum")
    ),
    *(
        Defence(
            "a count of each multiplies, too",
            put(f"{FACTORS}.RowGrowths._growth", lambda *_: NO_TIMES),
            test=FACTOR, given=(name,),
        )
        for name in ("a count of each, added up", "a count of each person, added up")
    ),
    Defence(
        "what is even is multiplied, too",
        edited("broker.domain.plans.plan:RowGrowth.largest", "self.evenly(each) * self.factor", "self.factor"),
        test=TOLD, given=(1,),
    ),
    Defence(
        "the rows that joins multiply are rounded alone",
        edited(f"{VALUES}:_has_further_rows", " or growth.largest(each) > each", ""),
        test="test_multiplied_rows_are_rounded_as_if_alone", given=(8,),
    ),
    *(
        Defence("a checker sees what rounding cannot hide", put("broker.query.output_planning.LARGEST_FACTOR", 1000), test="test_a_checker_reviews_it_whatever_the_data_are", given=(name,))
        for name in ("a count of each person, joined again", "a count of each, joined again")
    ),
)  # fmt: skip
