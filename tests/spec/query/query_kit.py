"""Tiny tables for specs of the query room: a catalogue by hand, rows in DuckDB, and one call from text to cells."""

# ruff: noqa: E501 - one case a line reads as a table

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import duckdb

from broker.domain.plans import PlannedOutput
from broker.domain.projects import Mode, Project
from broker.domain.scalars import Type
from broker.domain.variables import VariableClass
from broker.policy.models import Catalogue, Service, Table, TableKind, Unit, Variable, YearAxis, YearFormat
from broker.query import Compiled, compile_sql, compute, evidence_columns, render

YEARS = (2017, 2018, 2019)
WRITTEN = {y: f"{y}/{y + 1}" for y in YEARS}


def variable(name: str, kind: Type, cls: VariableClass = VariableClass.STANDARD, **more: Any) -> Variable:
    return Variable(name=name, type=kind, cls=cls, **more)


def _person(name: str, *variables: Variable, rows: int = 3) -> Table:
    return Table(
        schema_name="npd", name=name, kind=TableKind.PERSON, unit=Unit.PUPIL, link_key="Key", key_domain="PMR",
        year=YearAxis(variable="Y", format=YearFormat.ACADEMIC, years=frozenset(YEARS)), max_rows_per_unit_year=rows,
        variables=(
            variable("Key", Type.TEXT, VariableClass.IDENTIFIER), variable("Y", Type.TEXT, missing=False), *variables,
        ),
    )  # fmt: skip


CATALOGUE = Catalogue(
    version=1,
    codesets=(),
    tables=(
        _person(
            "a",
            variable("Sex", Type.TEXT, codes=("M", "F")),
            variable("LA", Type.INT, low=1, high=3, listed=True, missing=False),
            variable("Flag", Type.FLAG),
            variable("Score", Type.INT, low=-5, high=20),
            variable("Points", Type.DECIMAL, low=0, high=9, decimals=2),
            variable("Note", Type.TEXT),
            variable("Idaci", Type.DECIMAL, VariableClass.QUASI, low=0, high=1, decimals=3),
            variable("Born", Type.DATE, VariableClass.QUASI),
            variable("UPN", Type.TEXT, VariableClass.IDENTIFIER),
        ),
        _person("b", variable("Kind", Type.TEXT, codes=("X", "Z")), variable("Days", Type.INT, low=0, high=9),
                variable("Wave", Type.FLAG, missing=False)),
        Table(
            schema_name="ref", name="las", kind=TableKind.PUBLIC, unique_key="LA",
            variables=(
                variable("LA", Type.INT, VariableClass.PUBLIC, low=1, high=3, listed=True, missing=False),
                variable("Region", Type.TEXT, VariableClass.PUBLIC, codes=("N", "S")),
            ),
        ),
        Table(
            schema_name="swc", name="staff", kind=TableKind.PERSON, unit=Unit.STAFF, link_key="StaffKey",
            key_domain="STAFF", variables=(
                variable("StaffKey", Type.TEXT, VariableClass.IDENTIFIER), variable("LA", Type.INT), variable("Pay", Type.INT),
            ),
        ),
    ),
)  # fmt: skip
PROJECT = Project(
    "P", "t", "o", "university", "g", "p", date(2030, 1, 1), Mode.DISCLOSURE_CONTROL, "default", 1, "tsql",
    frozenset({"r"}), (), default_schema="npd",
)  # fmt: skip
SERVICE = Service.model_construct(text_bytes=65536, max_tokens=20000, max_depth=60, max_scans=50)
SQL_TYPES = {
    Type.INT: "INTEGER", Type.FLAG: "TINYINT", Type.DECIMAL: "DECIMAL(9,3)", Type.TEXT: "VARCHAR", Type.DATE: "DATE",
    Type.DOUBLE: "DOUBLE",
}  # fmt: skip
Rows = Sequence[Mapping[str, Any]]


def compiled(text: str, dialect: str = "tsql") -> Compiled:
    return compile_sql(text, dialect, CATALOGUE, PROJECT, SERVICE)


def codes(text: str, dialect: str = "tsql") -> list[str]:
    return [r.code for r in compiled(text, dialect).refusals]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET threads=1")
    for table in CATALOGUE.tables:
        con.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.schema_name}"')
        columns = ", ".join(f'"{v.name}" {SQL_TYPES[v.type]}' for v in table.variables)
        person = ', "__p" UINTEGER' if table.kind is TableKind.PERSON else ""
        con.execute(f'CREATE TABLE "{table.schema_name}"."{table.name}" ({columns}{person})')
    return con


def database(tables: Mapping[str, Rows]) -> duckdb.DuckDBPyConnection:
    """Each row is {variable: value} with `p` for the hidden person number; what is not given is NULL."""
    con = _connection()
    for table in CATALOGUE.tables:
        name = f'"{table.schema_name}"."{table.name}"'
        con.execute(f"TRUNCATE {name}")
        rows = tables.get(table.full_name, ())
        if rows:
            person = ["p"] if table.kind is TableKind.PERSON else []
            values = [[row.get(n) for n in [*(v.name for v in table.variables), *person]] for row in rows]
            one = f"({', '.join('?' * len(values[0]))})"
            con.execute(f"INSERT INTO {name} VALUES {', '.join([one] * len(values))}", [v for r in values for v in r])
    return con


@dataclass
class Cell:
    keys: tuple[Any, ...]
    shown: tuple[Any, ...]
    rows: int
    persons: int
    population: int
    evidence: dict[int, dict[str, Any]]


def cells(output: PlannedOutput, con: duckdb.DuckDBPyConnection) -> list[Cell]:
    cursor = con.execute(render(output))
    names = [d[0] for d in cursor.description]
    found = []
    for row in cursor.fetchall():
        by_name = dict(zip(names, row, strict=True))
        evidence = {s.ident: {c.split("_", 1)[1]: by_name[c] for c in evidence_columns(s)} for s in output.statistics}
        keys = tuple(by_name[f"k{i}"] for i in range(len(output.keys)))
        values = {k.ident: v for k, v in zip(output.keys, keys, strict=True)}
        values |= {i: e["value"] for i, e in evidence.items()}
        shown = tuple(compute(c.expression, values) for c in output.columns)
        found.append(Cell(keys, shown, by_name["rows"], by_name["persons"], by_name["population"], evidence))
    return found


def run(text: str, tables: Mapping[str, Rows], dialect: str = "tsql") -> list[Cell]:
    found = compiled(text, dialect)
    assert found.plan is not None, found.refusals
    return cells(found.plan.outputs[0], database(tables))


def shown(text: str, tables: Mapping[str, Rows], dialect: str = "tsql") -> list[tuple[Any, ...]]:
    return [c.shown for c in run(text, tables, dialect)]
