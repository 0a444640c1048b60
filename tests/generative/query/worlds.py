"""Random small databases for catalogue tables, in the rendering that rendered SQL runs on: `__p` and all variables.

Rows are kept in Python too, for evaluators of their own. A person's link keys agree over all tables of a domain; a row
without a key has a person number of its own.
"""

# ruff: noqa: E501 - one value a line reads as a table

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
from pieces import YEARS

from broker.domain.plans.scalars import ScalarType
from broker.policy.data_catalogue import Catalogue, CatalogueTable, TableKind, Variable
from broker.vault.duckdb_access import storage_type

Rows = dict[str, list[dict[str, Any]]]
TABLES = (
    "npd.spring_census", "npd.absence", "npd.exclusions", "npd.ks4_pupil", "npd.ks2_pupil", "npd.cin", "swc.workforce", "ref.schools",
)  # fmt: skip
BROAD = (
    *TABLES, "npd.eyfsp", "npd.phonics", "npd.nccis", "leo.ae_pmr", "leo.ae_edukey", "leo.earnings",
)  # fmt: skip
SCHOOLS = 5
"""Schools of pupils; the register holds one less, so that outer joins with it matter."""

LONE = 1000
"""The number of the first person who is a row without a key."""


def domain(variable: Variable) -> list[Any]:
    """A few values that the catalogue allows; the first ones, so that conditions meet them."""
    if variable.codes is not None:
        return list(variable.codes[:3])
    low = variable.low or 0
    match variable.type:
        case ScalarType.FLAG:
            return [0, 1]
        case ScalarType.INT:
            return [int(low) + i for i in range(SCHOOLS if variable.name.upper().endswith("URN") else 4)]
        case ScalarType.DECIMAL | ScalarType.DOUBLE:
            step = Decimal("0.25") if (variable.high or 9) <= 1.2 else Decimal("1.5")
            return [Decimal(str(low)) + step * i for i in range(4)]
        case ScalarType.DATE:
            return [date(2016, 1, 1), date(2016, 9, 1), date(2018, 3, 2)]
        case _:
            return ["x", "z"]


def _value(variable: Variable, rng: Random) -> Any:
    return None if variable.missing and rng.random() < 0.12 else rng.choice(domain(variable))


def row_of(
    table: CatalogueTable, person: int, year: int | None, value: Callable[[Variable], Any], keyed: bool = True
) -> dict[str, Any]:
    row = {v.name: value(v) for v in table.variables}
    for key, of in ((table.link_key, table.key_domain), (table.second_key, table.second_key_domain)):
        if key is not None:
            number = next(v for v in table.variables if v.name == key).type is ScalarType.INT
            row[key] = (person if number else f"{of}{person}") if keyed else None
    if table.year is not None and year is not None:
        row[table.year.variable] = table.year.format.write(year)
    return row | {"__p": person}


def rows(
    catalogue: Catalogue, seed: int, people: int = 10, tables: tuple[str, ...] = TABLES, years: Sequence[int] = YEARS
) -> Rows:
    """Rows of all the tables: most persons have a row in most years, some several, some none."""
    rng, found, lone = Random(seed), {}, LONE
    value = partial(_value, rng=rng)
    for name in tables:
        table = catalogue.table(name)
        if table.kind is TableKind.PUBLIC:
            found[name] = [
                {v.name: rng.choice(domain(v)) for v in table.variables} | {"URN": 100000 + i}
                for i in range(SCHOOLS - 1)
            ]
            continue
        first = 500 if table.unit == "staff" else 1
        of = [
            row_of(table, person, year, value)
            for person in range(first, first + people)
            for year in years
            for _ in range(rng.choice((0, 0, 1, 1, 1, 2)))
        ]
        for _ in range(rng.randint(0, 3)):
            of.append(row_of(table, lone, rng.choice(years), value, keyed=False))
            lone += 1
        rng.shuffle(of)
        found[name] = of
    return found


def connect(catalogue: Catalogue, tables: tuple[str, ...] = TABLES) -> duckdb.DuckDBPyConnection:
    """An engine with empty tables and the settings of the sandbox's."""
    con = duckdb.connect()
    con.execute("SET threads=1")
    for name in tables:
        table = catalogue.table(name)
        con.execute(f'CREATE SCHEMA IF NOT EXISTS "{table.schema_name}"')
        columns = [f'"{v.name}" {storage_type(v)}' for v in table.variables]
        columns += ['"__p" UINTEGER'] if table.kind is TableKind.PERSON else []
        con.execute(f'CREATE TABLE "{table.schema_name}"."{table.name}" ({", ".join(columns)})')
    return con


def fill(con: duckdb.DuckDBPyConnection, catalogue: Catalogue, of: Rows) -> None:
    """The tables hold these rows and no others."""
    for name, some in of.items():
        table = catalogue.table(name)
        quoted = f'"{table.schema_name}"."{table.name}"'
        con.execute(f"DELETE FROM {quoted}")
        names = [v.name for v in table.variables] + (["__p"] if table.kind is TableKind.PERSON else [])
        insert(con, quoted, [{n: r[n] for n in names} for r in some])


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """By Arrow: the engine takes many seconds for as many parameters."""
    if rows:
        con.register("inserted", pa.Table.from_pylist(rows))
        con.execute(f"INSERT INTO {table} BY NAME FROM inserted")
        con.unregister("inserted")


def world(catalogue: Catalogue, seed: int) -> duckdb.DuckDBPyConnection:
    con = connect(catalogue)
    fill(con, catalogue, rows(catalogue, seed))
    return con


def keyed_world(catalogue: Catalogue, seed: int) -> duckdb.DuckDBPyConnection:
    """Only rows with a key: to plain SQL, rows without one are alike, not each a person of its own."""
    con, drawn = connect(catalogue), rows(catalogue, seed)
    fill(con, catalogue, {name: [r for r in of if r.get("__p", 0) < LONE] for name, of in drawn.items()})
    return con


def broad_world(catalogue: Catalogue, seed: int) -> duckdb.DuckDBPyConnection:
    """All years of all tables that one project was granted, for texts that are not made from pieces."""
    con = connect(catalogue, BROAD)
    fill(con, catalogue, rows(catalogue, seed, people=6, tables=BROAD, years=range(2011, 2024)))
    return con


@contextmanager
def changed(con: duckdb.DuckDBPyConnection, statements: list[str]) -> Iterator[None]:
    """The database with some changes, which are undone."""
    con.execute("BEGIN")
    try:
        for statement in statements:
            con.execute(statement)
        yield
    finally:
        con.execute("ROLLBACK")


def without_year(table: CatalogueTable, year: int) -> str:
    """A statement that takes all rows of one table-year away."""
    assert table.year is not None
    written = table.year.format.write(year)
    literal = f"'{written}'" if isinstance(written, str) else written
    return f'DELETE FROM "{table.schema_name}"."{table.name}" WHERE "{table.year.variable}" = {literal}'
