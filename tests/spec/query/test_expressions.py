"""Predicates and sums of expressions, dialect by dialect, run in DuckDB. Constant folding never excludes a truth that
the engine finds. (Values: `test_functions`, and `tests/generative/query/test_scalars.py`.)"""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from query_kit import compiled, drawn, judged, planned, run, shown

from broker.domain.plans.operators import Filter
from broker.domain.plans.scalars import Value
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy
from broker.query.operations.possible_values import possible_values

PREDICATES: list[tuple[str, str, dict[str, Any], bool | None]] = [
    ("tsql", "Note = 'ABC'", {"Note": "abc  "}, True),
    ("duckdb", "Note = 'ABC'", {"Note": "abc"}, False),
    ("tsql", "Note <> 'x'", {"Note": None}, None),
    ("tsql", "Sex = 'f '", {"Sex": "F"}, True),
    ("duckdb", "Sex IN ('f', 'M')", {"Sex": "F"}, False),
    ("tsql", "Sex IN ('m', 'f')", {"Sex": "F"}, True),
    ("tsql", "Sex NOT IN ('M', NULL)", {"Sex": "F"}, None),
    ("tsql", "Note LIKE 'A%'", {"Note": "abc"}, True),
    ("duckdb", "Note LIKE 'A%'", {"Note": "abc"}, False),
    ("tsql", "Score BETWEEN 1 AND 5", {"Score": 5}, True),
    ("tsql", "NOT (Score > 1 OR LA = 2)", {"Score": None, "LA": 2}, False),
    ("tsql", "Score > 1 AND LA = 2", {"Score": None, "LA": 1}, False),
    ("tsql", "Score > 1 AND LA = 2", {"Score": None, "LA": 2}, None),
    ("tsql", "LA = '2'", {"LA": 2}, True),
    ("tsql", "Y >= '2018/2019'", {"Y": "2018/2019"}, True),
    ("tsql", "Y <> '2018/2019 '", {"Y": "2018/2019"}, False),
    ("tsql", "Born < '2010-01-01'", {"Born": date(2009, 12, 31)}, True),
    ("tsql", "Flag = 1", {"Flag": None}, None),
    ("duckdb", "Flag = TRUE", {"Flag": 1}, True),
    ("tsql", "(Note) IS NOT NULL", {"Note": ""}, True),
    ("tsql", "LA / Score > 1", {"LA": 4, "Score": 0}, None),
    ("tsql", "LA / Score > 1", {"LA": 4, "Score": 2}, True),
    ("tsql", "CAST(Note AS int) = 1", {"Note": "x"}, None),
    ("tsql", "CAST(Note AS int) = 1", {"Note": "1"}, True),
    ("duckdb", "CAST(Points AS int) = 2", {"Points": Decimal("2.4")}, True),
    ("duckdb", "Flag", {"Flag": 1}, True),
    ("duckdb", "Flag", {"Flag": None}, None),
    ("duckdb", "(Score > 1) = (LA = 2)", {"Score": 0, "LA": 1}, True),
]


def _row(given: dict[str, Any]) -> dict[str, Any]:
    return {"p": 1, "Key": "k", "Y": "2017/2018", "LA": 1, **given}


@pytest.mark.parametrize(("dialect", "text", "given", "truth"), PREDICATES)
def test_a_predicate_has_three_values(dialect: str, text: str, given: dict[str, Any], truth: bool | None) -> None:
    counts = []
    for predicate in (text, f"NOT ({text})"):
        query = f"SELECT COUNT(*) AS n FROM a WHERE {predicate}"
        (cell,) = run(query, {"npd.a": [_row(given)]}, dialect)
        counts.append(cell.rows)
        relation = planned(query, dialect).tables[0].contributions
        assert isinstance(relation, Filter)
        scan = relation.child if not isinstance(relation.child, Filter) else relation.child.child
        known = {c.ident: frozenset({_row(given).get(c.variable)}) for c in scan.columns}  # type: ignore[union-attr]
        folded = possible_values(relation.predicate, known, {})
        assert folded is not None
        expected = truth if predicate is text else None if truth is None else not truth
        assert expected in folded
    assert counts == [int(truth is True), int(truth is False)]


REFUSED = drawn("""
Note > 'b'                                         | text-order
Note LIKE '[a-ç]%'                                 | like
Sex = 1                                            | type
LA / 0 > 1                                         | division
Idaci % 2 = 1                                      | modulo
Idaci * 2 > 1                                      | quasi-arithmetic
Key = 'k'                                          | link-key
Key < 'm'                                          | link-key
UPN = 'k'                                          | identifier
EXISTS (SELECT 1 FROM b)                           | subquery-persons
Sex IN (SELECT Kind FROM b WHERE b.Days = a.LA)    | correlated
COUNT(*) > 1                                       | nested-aggregation
HASHBYTES('MD5', Note) = Note                      | hash
""")


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_cannot_be_followed_is_refused_by_name(text: str, code: str) -> None:
    (refusal,) = compiled(f"SELECT COUNT(*) AS n FROM a\nWHERE {text}").refusals
    assert (refusal.code, refusal.line) == (code, 2)
    assert refusal.advice


@pytest.mark.parametrize(("mean", "dialect", "value"), [
    ("AVG(Score)", "tsql", 1), ("AVG(1.0 * Score)", "tsql", 5 / 3), ("avg(Score)", "duckdb", 5 / 3),
])  # fmt: skip
def test_avg_of_whole_numbers_is_truncated_in_tsql(mean: str, dialect: str, value: float) -> None:
    """And said so: `test_functions`."""
    rows = {"npd.a": [_row({"Score": s, "p": s}) for s in (1, 2, 2)]}
    assert run(f"SELECT {mean} AS m FROM a", rows, dialect)[0].shown == (pytest.approx(value),)


@pytest.mark.parametrize(
    "total", ["SUM(CASE WHEN Sex = 'M' THEN 1.0 ELSE 0 END)", "SUM(CASE WHEN Sex = 'M' THEN 1.0 END)",
              "SUM(1.0 * Flag)", "SUM(CAST(Flag AS float))",
              "SUM(CASE WHEN Sex = 'M' THEN 1.5 ELSE 1 END) - COUNT(*) + 0.5"],
)  # fmt: skip
def test_a_count_that_is_written_as_a_sum_of_fractions_is_not_truncated(total: str) -> None:
    """T-SQL truncates quotients of whole numbers, and such a sum is none."""
    tables = {"npd.a": [{"p": p, "Key": f"k{p}", "Sex": "FM"[p == 1], "Flag": int(p == 1)} for p in range(4)]}
    within = f"SELECT t.x / t.n AS m FROM (SELECT {total} AS x, COUNT(*) AS n FROM a) t"
    ((direct,),) = shown(f"SELECT ({total}) / COUNT(*) AS m FROM a", tables)
    ((derived,),) = shown(within, tables)
    assert float(direct) == float(derived) == 0.25


@pytest.mark.parametrize(
    "total", ["SUM(CASE WHEN Sex = 'M' THEN 1 ELSE 0 END)", "SUM(CASE WHEN Sex = 'M' THEN 1 END)",
              "SUM(CASE WHEN Sex = 'M' THEN 1.0 END)", "COUNT(CASE WHEN Sex = 'M' THEN 1 END)"],
)  # fmt: skip
def test_a_sum_of_ones_is_hidden_where_a_count_is(total: str) -> None:
    """Whether a CASE has an ELSE changes nothing: those who have the property, and those who do not, are counted."""
    rules = DisclosureRules(name="drawn", source="test", t=10, full=ZeroPolicy.SUPPRESS)

    def left(men: int, women: int) -> Value:
        rows = [{"p": p, "Key": f"k{p}", "Sex": "FM"[p < men]} for p in range(men + women)]
        (row,) = judged(f"SELECT {total} AS x FROM a", {"npd.a": rows}, rules).rows
        return row.released[0]

    assert left(30, 70) == 30
    assert left(70, 30) == 70
    assert [left(9, 70), left(70, 9), left(0, 70), left(70, 0)] == [None] * 4


@pytest.mark.parametrize(
    "total", ["SUM(COALESCE(Score, 0))", "SUM(ISNULL(Score, 0) * 1.0)", "SUM(CAST(ISNULL(Score, 0) AS float) / 1)",
              "SUM(CASE WHEN Score IS NULL THEN 0 ELSE Score END)"],
)  # fmt: skip
@pytest.mark.parametrize("missing", [0, 1, 30])
def test_zeros_for_missing_values_hide_no_sum(total: str, missing: int) -> None:
    """Such a sum is the same without them, and tells nothing about those who have no value."""
    rules = DisclosureRules(name="drawn", source="test", t=10)
    rows = [{"p": p, "Key": f"k{p}", "Score": None if p < missing else 1 + p % 5} for p in range(100)]
    (filled, plain) = (
        judged(f"SELECT {written} AS x FROM a", {"npd.a": rows}, rules).rows[0] for written in (total, "SUM(Score)")
    )
    assert float(filled.exact[0]) == sum(row["Score"] or 0 for row in rows)
    assert filled.released[0] == plain.released[0] is not None


def test_sums_of_fractions_do_not_depend_on_the_order_of_rows() -> None:
    rows = [_row({"Points": Decimal("0.1"), "p": i}) for i in range(100)]
    assert run("SELECT SUM(CAST(Points AS float)) AS s FROM a", {"npd.a": rows})[0].shown == (10,)
