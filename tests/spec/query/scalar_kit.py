"""One wide tiny table for specs of scalar expressions: each row is a cell of its own, so its value can be read."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import duckdb
from query_kit import PROJECT, SERVICE, cells, variable

from broker.domain.plans.operators import Relation, Scan
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import Catalogue, CatalogueTable, PrivacyUnit, TableKind
from broker.query import CompiledSql, compile_sql
from broker.query.operations.possible_values import possible_values

Rows = Sequence[Mapping[str, Any]]
STORED = {
    "Id": "BIGINT", "Num": "BIGINT", "Small": "BIGINT", "Free": "BIGINT", "Flag": "TINYINT", "Pts": "DECIMAL(18,2)",
    "Wide": "DECIMAL(18,4)", "Ratio": "DOUBLE", "Loose": "DOUBLE", "Sex": "VARCHAR", "Code": "VARCHAR",
    "Mixed": "VARCHAR", "Note": "VARCHAR", "D": "DATE", "E": "DATE", "Born": "DATE",
}  # fmt: skip
TABLE = CatalogueTable(
    schema_name="npd", name="s", kind=TableKind.PERSON, unit=PrivacyUnit.PUPIL, link_key="Key", key_domain="PMR",
    variables=(
        variable("Key", ScalarType.TEXT, VariableClass.IDENTIFIER),
        variable("Id", ScalarType.INT, low=1, high=500, listed=True, missing=False),
        variable("Num", ScalarType.INT, low=-5, high=20),
        variable("Small", ScalarType.INT, low=1, high=3, missing=False),
        variable("Free", ScalarType.INT),
        variable("Flag", ScalarType.FLAG),
        variable("Pts", ScalarType.DECIMAL, low=0, high=9, decimals=2),
        variable("Wide", ScalarType.DECIMAL, low=-1000, high=1000, decimals=4),
        variable("Ratio", ScalarType.DOUBLE, low=0.5, high=100),
        variable("Loose", ScalarType.DECIMAL, low=0, high=9),
        variable("Sex", ScalarType.TEXT, codes=("M", "F")),
        variable("Code", ScalarType.TEXT, codes=("01", "2", "10", "-3")),
        variable("Mixed", ScalarType.TEXT, codes=("1", "R")),
        variable("Note", ScalarType.TEXT),
        variable("D", ScalarType.DATE), variable("E", ScalarType.DATE),
        variable("Born", ScalarType.DATE, VariableClass.QUASI),
    ),
)  # fmt: skip
CATALOGUE = Catalogue(version=1, codesets=(), tables=(TABLE,))


def checked(expression: str, dialect: str = "tsql") -> CompiledSql:
    """The expression as a key beside the row's number."""
    text = f"SELECT Id, {expression} AS e, COUNT(*) AS n FROM s GROUP BY Id, {expression}"
    return compile_sql(text, dialect, CATALOGUE, PROJECT, SERVICE)


def refused(expression: str, dialect: str = "tsql") -> list[str]:
    return [r.code for r in checked(expression, dialect).refusals]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET threads=1")
    con.execute("CREATE SCHEMA npd")
    columns = ", ".join(f'"{n}" {k}' for n, k in STORED.items())
    con.execute(f'CREATE TABLE npd.s ("Key" VARCHAR, {columns}, "__p" UINTEGER)')
    return con


def stored(rows: Rows) -> duckdb.DuckDBPyConnection:
    """The rows by their place: the first has Id 1. What is not given is NULL, but Small, which is 1."""
    con = _connection()
    con.execute("TRUNCATE npd.s")
    for place, row in enumerate(rows, 1):
        given = {"Small": 1, **row, "Id": place}
        values = [given.get(n) for n in STORED]
        con.execute(f"INSERT INTO npd.s VALUES (?, {', '.join('?' * len(values))}, ?)", [f"k{place}", *values, place])
    return con


def run(found: CompiledSql, con: duckdb.DuckDBPyConnection) -> list[Any]:
    """The expression's value in each row."""
    assert found.plan is not None, found.refusals
    return [c.keys[1] for c in sorted(cells(found.plan.outputs[0], con), key=lambda c: c.keys[0])]


def value(expression: str, row: Mapping[str, Any], dialect: str = "tsql") -> Any:
    (found,) = run(checked(expression, dialect), stored([row]))
    return found


def folds(found: CompiledSql, row: Mapping[str, Any], place: int = 1) -> frozenset[Any] | None:
    """What folding says of the expression in a row; it is never told binary fractions, only codes and whole numbers."""
    assert found.plan is not None
    output = found.plan.outputs[0].tables[0]
    given = {"Small": 1, **row, "Id": place}
    scans = list(_scans(output.contributions))
    known = {
        c.ident: frozenset({given.get(c.variable)}) for s in scans for c in s.columns if STORED[c.variable] != "DOUBLE"
    }
    return possible_values(output.keys[1].expression, known, {})


def _scans(relation: Relation) -> Iterator[Scan]:
    if isinstance(relation, Scan):
        yield relation
    for name in ("child", "left", "right"):
        if (child := getattr(relation, name, None)) is not None:
            yield from _scans(child)


def day(text: str) -> date:
    return date.fromisoformat(text)
