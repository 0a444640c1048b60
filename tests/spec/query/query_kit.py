"""Tiny tables for specs of the query room: a catalogue by hand, rows in DuckDB, and one call from text to cells."""

# ruff: noqa: E501 - one case a line reads as a table

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from broker.domain.evidence import CellEvidence, OutputEvidence, StatisticEvidence, TableEvidence
from broker.domain.findings import Assessment
from broker.domain.plans.operators import table_numbers
from broker.domain.plans.plan import EvidenceNeeds, PlannedOutput, PlannedTable
from broker.domain.plans.scalars import ScalarType
from broker.domain.plans.variable_uses import VariableClass
from broker.domain.projects.project import ProtectionMode, ResearchProject
from broker.policy.data_catalogue import (
    Catalogue,
    CatalogueTable,
    PrivacyUnit,
    RowRanking,
    TableKind,
    Variable,
    YearAxis,
    YearFormat,
)
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.files import load_policies
from broker.postprocessing.output_rows import OutputCell as Known, OutputRow, OutputRows, StepBudget, compute_cell
from broker.postprocessing.program import public_rows as given_rows, run_program
from broker.query import CompiledSql, compile_sql, evidence_columns, render_public
from tests.oracles.judge_output import judge_output
from tests.oracles.whole_statement import render

YEARS = (2017, 2018, 2019)
WRITTEN = {y: f"{y}/{y + 1}" for y in YEARS}


def variable(name: str, kind: ScalarType, cls: VariableClass = VariableClass.STANDARD, **more: Any) -> Variable:
    return Variable(name=name, type=kind, cls=cls, **more)


def _person(name: str, *variables: Variable, rows: int = 3, rankings: tuple[RowRanking, ...] = ()) -> CatalogueTable:
    return CatalogueTable(
        schema_name="npd", name=name, kind=TableKind.PERSON, unit=PrivacyUnit.PUPIL, link_key="Key", key_domain="PMR",
        year=YearAxis(variable="Y", format=YearFormat.ACADEMIC, years=frozenset(YEARS)), max_rows_per_unit_year=rows,
        rankings=rankings,
        variables=(
            variable("Key", ScalarType.TEXT, VariableClass.IDENTIFIER), variable("Y", ScalarType.TEXT, missing=False), *variables,
        ),
    )  # fmt: skip


CATALOGUE = Catalogue(
    version=1,
    codesets=(),
    tables=(
        _person(
            "a",
            variable("Sex", ScalarType.TEXT, codes=("M", "F")),
            variable("LA", ScalarType.INT, low=1, high=3, listed=True, missing=False),
            variable("Flag", ScalarType.FLAG),
            variable("Score", ScalarType.INT, low=0, high=20),
            variable("Points", ScalarType.DECIMAL, low=0, high=9, decimals=2),
            variable("Note", ScalarType.TEXT, most=40),
            variable("Idaci", ScalarType.DECIMAL, VariableClass.QUASI, low=0, high=1, decimals=3),
            variable("Born", ScalarType.DATE, VariableClass.QUASI),
            variable("UPN", ScalarType.TEXT, VariableClass.IDENTIFIER),
        ),
        _person("b", variable("Kind", ScalarType.TEXT, codes=("X", "Z")), variable("Days", ScalarType.INT, low=0, high=9),
                variable("Wave", ScalarType.FLAG, missing=False), rankings=(RowRanking(within=("Kind",), rows=1),)),
        CatalogueTable(
            schema_name="ref", name="las", kind=TableKind.PUBLIC, unique_key="LA",
            variables=(
                variable("LA", ScalarType.INT, VariableClass.PUBLIC, low=1, high=3, listed=True, missing=False),
                variable("Region", ScalarType.TEXT, VariableClass.PUBLIC, codes=("N", "S")),
            ),
        ),
        CatalogueTable(
            schema_name="swc", name="staff", kind=TableKind.PERSON, unit=PrivacyUnit.STAFF, link_key="StaffKey",
            key_domain="STAFF", variables=(
                variable("StaffKey", ScalarType.TEXT, VariableClass.IDENTIFIER), variable("LA", ScalarType.INT), variable("Pay", ScalarType.INT),
            ),
        ),
    ),
)  # fmt: skip
PROJECT = ResearchProject(
    "P", "t", "o", "university", "g", "p", date(2030, 1, 1), ProtectionMode.DISCLOSURE_CONTROL, "default", 1, "tsql",
    frozenset({"r"}), (), default_schema="npd",
)  # fmt: skip
SERVICE = replace(
    load_policies(Path(__file__).parents[3] / "policies").service,
    text_bytes=65536, max_tokens=20000, max_depth=60, max_statements=200, max_outputs=20, max_parse_steps=45000,
    max_scans=50,
)  # fmt: skip
SQL_TYPES = {
    ScalarType.INT: "INTEGER", ScalarType.FLAG: "TINYINT", ScalarType.DECIMAL: "DECIMAL(9,3)", ScalarType.TEXT: "VARCHAR", ScalarType.DATE: "DATE",
    ScalarType.DOUBLE: "DOUBLE",
}  # fmt: skip
Rows = Sequence[Mapping[str, Any]]


def compiled(text: str, dialect: str = "tsql", in_parts: bool = True) -> CompiledSql:
    return compile_sql(text, dialect, CATALOGUE, PROJECT, SERVICE, 10, in_parts=in_parts)


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
    """One cell of a table with its evidence; `shown` is what the program makes of this cell alone (None: no row)."""

    keys: tuple[Any, ...]
    shown: tuple[Any, ...] | None
    rows: int
    persons: int
    population: int
    evidence: dict[int, dict[str, Any]]


def cells(output: PlannedOutput, con: duckdb.DuckDBPyConnection, number: int = 0, least: int = 1) -> list[Cell]:
    """The cells of one of an output's tables."""
    table = output.tables[number]
    cursor = con.execute(render(table, EvidenceNeeds(least)))
    names = [d[0] for d in cursor.description]
    found = []
    for row in cursor.fetchall():
        by_name = dict(zip(names, row, strict=True))
        evidence = {s.ident: {c.split("_", 1)[1]: by_name[c] for c in evidence_columns(s)} for s in table.statistics}
        keys = tuple(by_name[f"k{i}"] for i in range(len(table.keys)))
        cell = Cell(keys, None, by_name["rows"], by_name["persons"], by_name["population"], evidence)
        if list(table_numbers(output.program)) == [number] and not output.public:
            rows = program_rows(output, {number: [cell]})
            cell.shown = rows[0] if rows else None
        found.append(cell)
    return found


def program_rows(
    output: PlannedOutput, tables: Mapping[int, Sequence[Cell]], con: duckdb.DuckDBPyConnection | None = None
) -> list[tuple[Any, ...]]:
    """The output's rows by its program over exact values, in its order: nothing is hidden, rounded or listed."""
    given = [_lines(table, tables.get(i, ())) for i, table in enumerate(output.tables)]
    public = [given_rows(p, con.execute(render_public(p, 1)).fetchall()) for p in output.public] if con else []
    lines = run_program(output.program, given, StepBudget(100_000), public).rows
    return [tuple(compute_cell(c.expression, line.cells).released for c in output.columns) for line in lines]


def _lines(table: PlannedTable, found: Sequence[Cell]) -> OutputRows:
    idents = [*(k.ident for k in table.keys), *(s.ident for s in table.statistics)]
    rows = []
    for cell in found:
        values = [*cell.keys, *(cell.evidence[s.ident]["value"] for s in table.statistics)]
        by_ident = {i: Known(v, v) for i, v in zip(idents, values, strict=True)}
        rows.append(OutputRow(by_ident, exists=True, listed=True, persons=cell.persons))
    return OutputRows(tuple(rows), dict.fromkeys(idents, Known(None, None)))


def planned(text: str, dialect: str = "tsql") -> PlannedOutput:
    found = compiled(text, dialect)
    assert found.plan is not None, found.refusals
    return found.plan.outputs[0]


def run(text: str, tables: Mapping[str, Rows], dialect: str = "tsql", least: int = 1) -> list[Cell]:
    """The cells of the first table: of the only one, where a query has one."""
    return cells(planned(text, dialect), database(tables), least=least)


def shown(text: str, tables: Mapping[str, Rows], dialect: str = "tsql", least: int = 1) -> list[tuple[Any, ...]]:
    """The rows that a query gives, with exact values; a group that persons' rows meet needs `least` persons."""
    output, con = planned(text, dialect), database(tables)
    shown_tables = [i for i, table in enumerate(output.tables) if table.shown]
    return program_rows(output, {i: cells(output, con, i, least) for i in shown_tables}, con)


def judged(text: str, tables: Mapping[str, Rows], profile: DisclosureRules, dialect: str = "tsql") -> Assessment:
    """The rules' word on what a query gives, with the evidence that the engine finds."""
    output, con = planned(text, dialect), database(tables)
    told = []
    for number in range(len(output.tables)):
        found = cells(output, con, number, profile.t)
        evidence = tuple(
            CellEvidence(c.keys, c.rows, c.persons, {i: StatisticEvidence(**e) for i, e in c.evidence.items()})
            for c in found
            if c.rows
        )
        told.append(TableEvidence(evidence, found[0].population if found else 0))
    public = tuple(tuple(con.execute(render_public(p, profile.t)).fetchall()) for p in output.public)
    return judge_output(output, OutputEvidence(output.name, tuple(told), public), profile)


def drawn(table: str, *more: str) -> list[tuple[str, ...]]:
    """The lines of a drawn table as cells without their blanks; a line that ends in a backslash goes on."""
    text = "\n".join([table, *more]).replace("\\\n", " ")
    return [tuple(" ".join(c.split()) for c in line.split(" | ")) for line in text.strip().splitlines() if line.strip()]


def plain(value: Any) -> str:
    """A value as a drawn table has it."""
    if value is None:
        return "-"
    if isinstance(value, float | Decimal):
        return f"{float(value):.4g}"
    return str(value)


def written(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as a drawn table has them: `M 1, F 2`."""
    return ", ".join(" ".join(map(plain, row)) for row in rows)
