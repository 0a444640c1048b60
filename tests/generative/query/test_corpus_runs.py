"""Every accepted text of analysts runs, and gives what the plain engine gives before protection: DuckDB's texts as they
are written, T-SQL's in a translation where the engine understands it."""

import json
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from corpus_worlds import rows_for
from proof_size import tell
from query_kit import cells, program_rows
from worlds import connect, fill

from broker.policy.policy_set import PolicySet
from broker.query import CompiledSql, compile_sql

pytestmark = pytest.mark.long
CORPUS = Path(__file__).parents[2] / "fixtures" / "language" / "read.json"
TIES = {"T010", "D010", "D040", "D075"}
"""NTILE and LAG over an order with ties: any of several answers is right."""
OTHER_MEANING = {
    "T007": "the engine's quantile of a decimal is cut to its places",
    "D137": "BAR gives the number itself",
    "T139": "AVG of whole numbers is truncated in T-SQL",
    "T140": "AVG of whole numbers is truncated in T-SQL",
}
SEEDS, LAST_SEED = 2, 6
"""Worlds for each text; up to the last, until one gives a row."""


def number(value: Any) -> Decimal | None:
    if isinstance(value, bool | int | Decimal):
        return Decimal(value)
    return Decimal(repr(value)) if isinstance(value, float) and math.isfinite(value) else None


def alike(mine: Any, engine: Any) -> bool:
    """Equal, numbers to one unit of the last place that the engine shows: it rounds binary fractions."""
    if isinstance(engine, float) and math.isnan(engine):
        return mine is None  # a correlation of equal values
    a, b = number(mine), number(engine)
    if a is None or b is None:
        return str(mine) == str(engine).removesuffix(" 00:00:00")
    exponent = b.normalize().as_tuple().exponent
    unit = Decimal(10) ** int(exponent) if -4 <= int(exponent) < 6 and exponent else Decimal(0)
    return abs(a - b) <= max(unit, abs(b) * Decimal("1e-6"), Decimal("1e-9"))


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


def engine_tables(text: str, con: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    for statement in con.extract_statements(text):
        result = con.execute(statement)
        if result.description and [d[0] for d in result.description] not in (["Count"], ["Success"]):
            yield result.fetchall()


def for_the_engine(text: str, dialect: str) -> str:
    """A text in the engine's words; an empty one where it has none."""
    try:
        return ";\n".join(sqlglot.transpile(text, read=dialect, write="duckdb"))
    except sqlglot.errors.SqlglotError:
        return ""


def verdict_of(query: dict[str, Any], policies: PolicySet) -> str | None:
    """What became of a text: None if it is refused."""
    text, dialect = query["text"], query["dialect"]
    compiled = compile_sql(text, dialect, policies.catalogue, policies.project("P0421"), policies.service)
    if compiled.plan is None:
        return None
    if dialect == "tsql":
        text = for_the_engine(text, dialect)
    tables, rows, compared = tuple(sorted({u.table for u in compiled.uses})), 0, True
    for seed in range(LAST_SEED):
        if seed >= SEEDS and rows:
            break
        con = connect(policies.catalogue, tables)
        people = 40 if seed < SEEDS else 150
        fill(con, policies.catalogue, rows_for(policies.catalogue, query["text"], compiled.uses, seed, people))
        mine = own_tables(compiled, con)
        con.execute(f"SET integer_division = {dialect == 'tsql'}")
        rows += sum(map(len, mine))
        if any(t.startswith("npd.") for t in tables):
            con.execute("SET schema = 'npd'")
        try:
            engine = list(engine_tables(text, con))
        except duckdb.Error:
            assert dialect == "tsql"
            compared = False
            continue
        if len(engine) == len(mine) and not all(map(same_rows, mine, engine)):
            return "differs"
        compared = compared and len(engine) == len(mine)
    return ("equal" if compared else "runs") if rows else "no row"


def test_an_accepted_text_gives_what_the_engine_gives(policies: PolicySet) -> None:
    found = {q["id"]: verdict_of(q, policies) for q in json.loads(CORPUS.read_text())}
    verdicts = [v for v in found.values() if v is not None]
    tell("corpus_runs", {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))})
    assert {i for i, verdict in found.items() if verdict == "differs"} <= TIES | OTHER_MEANING.keys()
    assert verdicts.count("equal") >= 95
