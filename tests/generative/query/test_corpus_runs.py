"""Every accepted text of analysts runs, and gives what the plain engine gives before protection: DuckDB's texts as they
are written, T-SQL's in a translation where the engine understands it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from corpus_worlds import rows_for
from oracles import own_tables, same_rows
from worlds import connect, fill

from broker.policy.policy_set import PolicySet
from broker.query import compile_sql
from tests.proof_size import report_figures

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_800)]
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
    report_figures("corpus_runs", {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))})
    assert {i for i, verdict in found.items() if verdict == "differs"} <= TIES | OTHER_MEANING.keys()
    assert verdicts.count("equal") >= 95
