"""LATERAL or APPLY makes rows of each row: the outer columns that they read are part of the table's population."""

from itertools import combinations

import pytest
from job_kit import People, judged, lines, people, plan_of, rules

from broker.disclosure.table_recipes import recipe_of

YEAR = "Y = '2018/2019'"
ROWS = people(M1y=40, M1=30, M2y=33, M2=4, F3y=25, F3=20)


def applied(values: str, where: str = "", tell: str = "COUNT(*) AS n", by: str = "") -> str:
    more, key, group = f" AND {where}" if where else "", f"{by}, " if by else "", f" GROUP BY {by}" if by else ""
    return f"SELECT {key}{tell} FROM npd.a AS a CROSS APPLY (VALUES {values}) AS v (v) WHERE a.{YEAR}{more}{group}"


def recipe(text: str) -> str:
    (table,) = plan_of(text, "tsql").outputs[0].tables
    return recipe_of(table)


DIFFERENT = {
    "one column": applied("(a.Flag)", "v.v = 1"),
    "another column": applied("(a.LA)", "v.v = 1"),
    "another of its type": applied("(a.Score)", "v.v = 1"),
    "a number beside": applied("(a.Flag + 1)", "v.v = 1"),
    "two columns": applied("(a.Flag), (a.Score)", "v.v = 1"),
    "the other way round": applied("(a.Score), (a.Flag)", "v.v = 1"),
    "one of them twice": applied("(a.Flag), (a.Flag)", "v.v = 1"),
    "the other twice": applied("(a.Score), (a.Score)", "v.v = 1"),
    "another number twice": applied("(a.LA), (a.LA)", "v.v = 1"),
    "a column of a derived table": applied("(a.Flag)", "v.v = 1").replace(
        "npd.a AS a", "(SELECT Key, Y, 1 - Flag AS Flag FROM npd.a) AS a"
    ),
    "the first row of a query": applied("(1)", "v.v = 1").replace(
        "(VALUES (1)) AS v (v)", "(SELECT TOP 1 b.Flag AS v FROM npd.a AS b WHERE b.Key = a.Key ORDER BY b.Flag) AS v"
    ),
    "the first row of another": applied("(1)", "v.v = 1").replace(
        "(VALUES (1)) AS v (v)",
        "(SELECT TOP 1 b.Flag AS v FROM npd.a AS b WHERE b.Key = a.Key AND b.LA = a.Flag ORDER BY b.Flag) AS v",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), list(combinations(DIFFERENT, 2)))
def test_what_reads_other_columns_is_another_recipe(one: str, other: str) -> None:
    assert recipe(DIFFERENT[one]) != recipe(DIFFERENT[other])


def test_the_same_under_other_names_is_the_same_recipe() -> None:
    text = DIFFERENT["one column"]
    other = text.replace("npd.a AS a", "npd.a AS x").replace("a.Flag", "x.Flag").replace(f"a.{YEAR}", f"x.{YEAR}")
    assert recipe(text) == recipe(other.replace("AS v (v)", "AS w (u)").replace("v.v", "w.u"))


def test_a_part_of_applied_rows_is_compared_with_all_of_them() -> None:
    """The rows of those with the flag beside all rows: the difference is four pupils' of authority 2."""
    both = "(a.Score), (a.Flag)"
    all_rows = applied(both, by="a.LA")
    text = f"-- output: everybody\n{all_rows};\n-- output: flagged\n{applied(both, 'a.Flag = 1', by='a.LA')}"
    everybody, flagged = judged(text, ROWS, dialect="tsql")
    assert "X1" in rules(everybody) | rules(flagged)
    assert not ({"2,74"} & set(lines(everybody)) and {"2,66"} & set(lines(flagged)))
    (alone,) = judged(all_rows, ROWS, dialect="tsql")
    assert lines(alone) == ["LA,n", "1,140", "2,74", "3,90"]


@pytest.mark.parametrize("apply", [
    "CROSS APPLY (VALUES (a.Flag), (1)) AS v (v)",
    "OUTER APPLY (SELECT TOP 1 b.Flag AS v FROM npd.a AS b WHERE b.Key = a.Key ORDER BY b.Flag) AS v",
])  # fmt: skip
def test_a_branch_that_is_an_amount_is_judged_with_applied_rows(apply: str) -> None:
    text = f"SELECT SUM(CASE WHEN a.Flag = 1 THEN a.Score ELSE 0 END) AS m FROM npd.a AS a {apply} WHERE a.{YEAR}"
    (found,) = judged(text, ROWS, dialect="tsql")
    assert "c" not in lines(found)[1].split(",")


TWICE = applied("(a.LA)", tell="a.LA AS k, v.v AS again, COUNT(*) AS n")


def shown(text: str, rows: People) -> dict[str, str]:
    (found,) = judged(text, rows, dialect="tsql")
    told = dict(line.rsplit(",", 1) for line in lines(found)[1:])
    return {keys: n for keys, n in told.items() if n != "c"}


def test_a_key_that_is_given_twice_is_two_equal_dimensions() -> None:
    """Nobody is where they differ, and nothing tells that from a few."""
    assert shown(f"{TWICE} GROUP BY a.LA, v.v", ROWS) == {"1,1": "70", "2,2": "37", "3,3": "45"}


def test_either_of_two_equal_keys_protects_totals() -> None:
    """The three of authority 3 are one group, whichever of the two keys tells of them: no total is shown with all
    others."""
    found = shown(f"{TWICE} GROUP BY CUBE (a.LA, v.v)", people(M1=40, M2=22, M3=3))
    assert found == {"1,": "40", ",1": "40", "2,": "22", ",2": "22"}
