"""Every row of the table of differences between T-SQL and the engine: what is said to be followed compiles and runs,
and what is said to be refused is refused by that code, with the form to write."""

import pytest
from scalar_kit import checked, run, stored

from docs.generator.sql_differences import DIFFERENCES, FOLLOWED, DialectDifference

ROWS = [d for rows in DIFFERENCES.values() for d in rows]
ONE = {"Num": 4, "Note": "abc", "Sex": "M", "Code": "2", "Free": 3, "Ratio": 1.5}


@pytest.mark.parametrize("row", ROWS, ids=lambda d: d.construct)
def test_a_difference_is_treated_as_the_page_says(row: DialectDifference) -> None:
    found = checked(row.example)
    if row.verdict == FOLLOWED:
        assert len(run(found, stored([ONE, {}]))) == 2
    else:
        assert {r.code for r in found.refusals} == {row.verdict}
        assert all(r.message and r.advice for r in found.refusals)
