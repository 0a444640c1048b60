"""A whole job over drawn people: text to evidence in DuckDB to the rules' word on all of its outputs."""

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "query"))

from query_kit import compiled, database

from broker.disclosure.judge_job import judge_job
from broker.disclosure.records.released_tables import released_csv
from broker.disclosure.rules import evidence_needs
from broker.domain.evidence import JobEvidence
from broker.domain.findings import Assessment
from broker.domain.plans.plan import Plan, PlannedTable
from broker.engine.duckdb_engine import DuckDBEngine, joint_tables, statements
from broker.policy.disclosure_rules import DisclosureRules
from broker.query import render_public
from tests.oracles.whole_statement import render

PROFILE = DisclosureRules(name="npd", source="test", t=10, round_base=1)
"""Counts are not rounded, so that a test sees which cell is which."""

People = Sequence[Mapping[str, Any]]


def people(**groups: int) -> list[dict[str, Any]]:
    """`M1=30` are thirty boys of authority 1; `F2y=4` four girls of authority 2 with the flag."""
    found = []
    for name, count in groups.items():
        flag = int(name.endswith("y"))
        for _ in range(count):
            p = len(found)
            row = {"p": p, "Key": f"k{p}", "Y": "2018/2019", "Sex": name[0], "LA": int(name[1]), "Flag": flag}
            found.append(row | {"Score": 1 + p % 17})
    return found


def plan_of(text: str, dialect: str = "duckdb") -> Plan:
    found = compiled(text, dialect)
    assert found.plan is not None, found.refusals
    return found.plan


def evidence_of(plan: Plan, rows: People, profile: DisclosureRules = PROFILE) -> JobEvidence:
    """As a sandbox would answer."""
    return evidence_from(plan, database({"npd.a": rows}), profile)


def evidence_from(plan: Plan, con: duckdb.DuckDBPyConnection, profile: DisclosureRules = PROFILE) -> JobEvidence:
    """As a sandbox with these tables would answer."""
    needs, frames = evidence_needs(profile), []
    for _, asked in statements(plan, joint_tables(plan, needs)):
        text = render(asked, needs) if isinstance(asked, PlannedTable) else render_public(asked, needs.min_persons)
        table: pa.Table = con.sql(text).to_arrow_table()
        target = io.BytesIO()
        with pa.ipc.new_stream(target, table.schema) as writer:
            writer.write_table(table)
        frames.append(("table", target.getvalue()))
    return DuckDBEngine().read(plan, frames, needs)


def judged(
    text: str, rows: People, profile: DisclosureRules = PROFILE, dialect: str = "duckdb"
) -> tuple[Assessment, ...]:
    plan = plan_of(text, dialect)
    return judge_job(plan, evidence_of(plan, rows, profile), profile)


def lines(assessment: Assessment) -> list[str]:
    return released_csv(assessment).decode().splitlines()


def rules(assessment: Assessment) -> set[str]:
    return {f.rule for f in assessment.findings}
