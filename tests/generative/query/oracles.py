"""Oracles on any compiled text: values, years, non-interference and scanned columns, by running what is rendered and
the twin.

What is rendered is cut to the years of the uses and would hide a fault of theirs; so years are judged by the twin too.
"""

# ruff: noqa: E501 - one value a line reads as a table

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import duckdb
from pieces import YEARS
from query_kit import cells, program_rows
from scalar_reference import exact
from scanned_columns import scanned
from shapes import Sample, sample
from worlds import TABLES, changed, domain, without_year

from broker.domain.plans.plan import EvidenceNeeds, Plan
from broker.domain.plans.variable_uses import VariableUse
from broker.policy.data_catalogue import Catalogue, CatalogueTable, TableKind, Variable
from broker.policy.policy_set import PolicySet
from broker.query import CompiledSql, compile_sql
from tests.oracles.whole_statement import render

Answer = tuple[Any, ...]
BARE = EvidenceNeeds(1)


def parts_of(plan: Plan) -> Iterator[Any]:
    """What is rendered of a plan, one statement each."""
    for output in plan.outputs:
        yield from getattr(output, "tables", (output,))


def statements(compiled: CompiledSql) -> list[str]:
    return [] if compiled.plan is None else [render(p, EvidenceNeeds(1)) for p in parts_of(compiled.plan)]


def answer(con: duckdb.DuckDBPyConnection, text: str) -> Answer:
    """Rows as a set with counts, in a form that compares exactly; text that cannot run has no answer."""
    return tuple(sorted(map(repr, con.execute(text).fetchall())))


def runs(con: duckdb.DuckDBPyConnection, text: str) -> bool:
    try:
        con.execute(text).fetchall()
    except duckdb.Error:
        return False
    return True


def years_used(uses: tuple[VariableUse, ...], table: str) -> set[int]:
    return {y for u in uses if u.table == table for y in u.years or ()}


def delete_years(
    con: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    one: Sample,
    compiled: CompiledSql,
    mattered: set[tuple[str, int]],
) -> list[tuple[str, int]]:
    """The (table, year) that change an answer and stand in no use. Adds to `mattered` all that change one."""
    texts = [t for t in (one.twin, *statements(compiled)) if runs(con, t)]
    before = [answer(con, t) for t in texts]
    used_tables = {u.table for u in compiled.uses}
    unsound = []
    for name in TABLES:
        table = catalogue.table(name)
        if table.kind is not TableKind.PERSON or (name not in used_tables and name.split(".")[1] not in one.twin):
            continue
        for year in YEARS:
            with changed(con, [without_year(table, year)]):
                after = [answer(con, t) for t in texts]
            if after != before:
                mattered.add((name, year))
                if year not in years_used(compiled.uses, name):
                    unsound.append((name, year))
    return unsound


def scramble(catalogue: Catalogue, uses: tuple[VariableUse, ...], seed: int) -> list[str]:
    """Statements that give every variable another value in its domain, or none, in every year that no use has."""
    rng, found = Random(seed), []
    by_name = {(u.table, u.variable): u for u in uses}
    for name in TABLES:
        table = catalogue.table(name)
        groups: dict[frozenset[int], list[Variable]] = {}
        for variable in table.variables:
            use = by_name.get((name, variable.name))
            kept = (
                frozenset(YEARS) if use is not None and use.years is None else frozenset(use.years or () if use else ())
            )
            groups.setdefault(kept & frozenset(YEARS) if table.year else kept, []).append(variable)
        for kept, variables in groups.items():
            if variables and not (kept >= frozenset(YEARS)):
                found += scrambled(table, variables, kept, rng)
    return found


def scrambled(table: CatalogueTable, variables: list[Variable], kept: frozenset[int], rng: Random) -> Iterator[str]:
    """The year column itself stays, unless nothing of the table is used: a row's year says in which files it lies."""
    sets = []
    for variable in variables:
        if table.year is not None and variable.name == table.year.variable:
            continue
        values = [
            f"'{v}'" if isinstance(v, str) or (not isinstance(v, int | float) and hasattr(v, "year")) else str(v)
            for v in domain(variable)
        ]
        choices = ", ".join([*values, "NULL"])
        sets.append(
            f'"{variable.name}" = list_extract([{choices}], 1 + CAST(hash(rowid, {rng.randrange(10**6)}) % {len(values) + 1} AS INT))'
        )
    if not sets:
        return
    where = ""
    if table.year is not None and kept:
        written = [table.year.format.write(y) for y in sorted(kept)]
        listed = ", ".join(f"'{y}'" if isinstance(y, str) else str(y) for y in written)
        where = f' WHERE "{table.year.variable}" NOT IN ({listed})'
    yield f'UPDATE "{table.schema_name}"."{table.name}" SET {", ".join(sets)}{where}'


def interferes(con: duckdb.DuckDBPyConnection, catalogue: Catalogue, compiled: CompiledSql, seed: int) -> bool:
    """Whether scrambling what is not used changes a byte of what is rendered."""
    texts = statements(compiled)
    before = [con.execute(t).fetchall() for t in texts]
    with changed(con, scramble(catalogue, compiled.uses, seed)):
        after = [con.execute(t).fetchall() for t in texts]
    return repr(before) != repr(after)


def columns(catalogue: Catalogue) -> dict[str, list[str]]:
    return {n: [v.name for v in catalogue.table(n).variables] for n in TABLES}


def not_in_uses(
    con: duckdb.DuckDBPyConnection, catalogue: Catalogue, one: Sample, compiled: CompiledSql
) -> list[tuple[str, str]]:
    """Columns that the engine scans for the twin and for what is rendered, and that no use tells. A physical name is
    its year, which only the twin reads from a column."""
    names, used = columns(catalogue), {(u.table, u.variable) for u in compiled.uses}
    rendered = set().union(*(scanned(con, t, names) for t in statements(compiled)))
    twin = scanned(con, one.twin, names) if runs(con, one.twin) else set()
    if one.shape.startswith("physical"):
        twin -= {(n, t.year.variable) for n in TABLES if (t := catalogue.table(n)).year is not None}
    return sorted((rendered | twin) - used)


def number(value: Any) -> Decimal | None:
    if isinstance(value, bool | int | Decimal):
        return Decimal(value)
    return Decimal(repr(value)) if isinstance(value, float) and math.isfinite(value) else None


def alike(mine: Any, engine: Any) -> bool:
    """Equal, numbers to one unit of the last place that the engine shows: it rounds binary fractions. T-SQL cuts an
    average to six places."""
    if isinstance(engine, float) and math.isnan(engine):
        return mine is None  # a correlation of equal values
    a, b = number(mine), number(engine)
    if a is None or b is None:
        return str(mine) == str(engine).removesuffix(" 00:00:00")
    exponent = b.normalize().as_tuple().exponent
    unit = Decimal(10) ** int(exponent) if -4 <= int(exponent) < 6 and exponent else Decimal(0)
    return abs(a - b) <= max(unit, abs(b) * Decimal("1e-6"), Decimal("1e-5"))


def same_rows(mine: Sequence[tuple[Any, ...]], engine: Sequence[tuple[Any, ...]]) -> bool:
    left = list(engine)
    for row in mine:
        found = next((r for r in left if len(r) == len(row) and all(map(alike, row, r))), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def own_tables(compiled: CompiledSql, con: duckdb.DuckDBPyConnection) -> list[list[tuple[Any, ...]]]:
    assert compiled.plan is not None
    found = []
    for output in compiled.plan.outputs:
        shown = [i for i, table in enumerate(output.tables) if table.shown]
        found.append(program_rows(output, {i: cells(output, con, i) for i in shown}, con))
    return found


def as_the_engine(con: duckdb.DuckDBPyConnection, one: Sample, compiled: CompiledSql) -> bool:
    """Whether a text gives what the engine gives of its twin, but for what differs between the dialects."""
    is_tsql = one.dialect == "tsql"
    nulls = "nulls_first_on_asc_last_on_desc" if is_tsql else "nulls_last"
    con.execute(f"SET integer_division = {is_tsql}; SET default_null_order = '{nulls}'")
    try:
        engine = con.execute(one.twin).fetchall()
    finally:
        con.execute("SET integer_division = false; RESET default_null_order")
    (mine,) = own_tables(compiled, con)
    return len(mine) == len(engine) and same_rows(mine, engine)


def rendered(con: duckdb.DuckDBPyConnection, table: Any, needs: EvidenceNeeds = BARE) -> list[dict[str, Any]]:
    """The rows of a table's evidence by the names of its columns."""
    cursor = con.execute(render(table, needs))
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def seen(key: Any) -> Any:
    """A group's value as the engine holds it: an average such as 4/3 is a binary fraction there."""
    return exact(float(key)) if isinstance(key, Fraction | float) else exact(key)


def accepted(policies: PolicySet, start: int, many: int) -> Iterator[tuple[int, Plan]]:
    """The plans of generated queries from a number on, with their numbers."""
    project = policies.project("P0421")
    for number in range(start, start + many):
        one = sample(number)
        plan = compile_sql(one.text, one.dialect, policies.catalogue, project, policies.service).plan
        if plan is not None:
            yield number, plan
