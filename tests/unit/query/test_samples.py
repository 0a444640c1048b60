"""Plans of the sample queries and the hostile samples: the canonical text has the same, and each can be rendered."""

import re
from pathlib import Path

import pytest

from broker.domain.plans.plan import EvidenceNeeds
from broker.policy.policy_set import PolicySet
from broker.query import CompiledSql, compile_sql
from tests.oracles.whole_statement import render

LEAST = 10
"""The persons that a released cell needs, as in the profile of the demo projects."""

FIXTURES = Path(__file__).parents[2] / "fixtures"


def _samples(name: str, mark: str) -> dict[str, tuple[list[str], str]]:
    found = {}
    for block in re.split(rf"^{mark} ", (FIXTURES / name).read_text(), flags=re.M)[1:]:
        head, body = block.split("\n", 1)
        fields = [f.strip() for f in head.split("|")]
        text = body.rstrip("\n")
        found[fields[0]] = (fields[1:], eval(text[4:]) if text.startswith("GEN:") else text)
    return found


QUERIES = _samples("queries.sql", "-- @@")
HOSTILE = _samples("hostile_sql.txt", "@@")


def _check(policies: PolicySet, text: str, dialect: str, project: str) -> CompiledSql:
    owner = policies.project(project)
    assert owner is not None
    found = compile_sql(text, dialect, policies.catalogue, owner, policies.service, LEAST)
    assert (found.plan is None) == bool(found.refusals)
    if found.plan is not None:
        again = compile_sql(found.canonical, dialect, policies.catalogue, owner, policies.service, LEAST)
        assert again.plan is not None
        assert again.plan.hash == found.plan.hash
        assert all(render(table, EvidenceNeeds(10)) for output in found.plan.outputs for table in output.tables)
    return found


def _check_query(policies: PolicySet, name: str) -> CompiledSql:
    (dialect, *_), text = QUERIES[name]
    return _check(policies, text, dialect, "P0421")


@pytest.mark.parametrize("name", QUERIES)
def test_a_sample_query_is_the_plan_of_its_canonical_text(policies: PolicySet, name: str) -> None:
    """Which are refused, and how: tests/generative/query/test_sample_verdicts.py and tests/corpus."""
    assert all(r.line for r in _check_query(policies, name).refusals)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_sample_that_runs_is_the_plan_of_its_canonical_text(policies: PolicySet, name: str) -> None:
    found = _check(policies, HOSTILE[name][1], "duckdb", "FIXTURE")
    assert all(r.message and r.advice for r in found.refusals)


def test_years_out_of_scope_are_reported_to_the_scope_check(policies: PolicySet) -> None:
    uses = _check_query(policies, "R05").uses
    assert {u.variable for u in uses} == {"KS2_MATSCORE", "KS2_ACADYR"}
    assert all(u.years is not None and min(u.years) == 2021 for u in uses)


@pytest.mark.parametrize("name", ["S161", "S163", "S165", "S167", "S169", "S173", "S177", "S179"])
def test_hidden_columns_are_uses_wherever_they_occur(policies: PolicySet, name: str) -> None:
    _, text = HOSTILE[name]
    hidden = {"upn", "surname", "postcode"}
    assert hidden & {u.variable for u in _check(policies, text, "duckdb", "FIXTURE").uses}


def test_months_of_birth_and_a_share(policies: PolicySet) -> None:
    """A07: the mean of 1.0 * flag is a share, and keys are listed from the catalogue."""
    plan = _check_query(policies, "A07").plan
    assert plan is not None
    output = plan.outputs[0]
    (table,) = output.tables
    assert [s.measure.value for s in table.statistics] == ["count", "share"]
    assert table.keys[0].domain is not None
    assert table.keys[0].domain[:12] == tuple(range(1, 13))
    assert [c.statistic for c in output.columns] == ["key", "key", "count", "share"]
    assert plan.review == ()


def test_a_filter_narrows_the_listed_keys(policies: PolicySet) -> None:
    plan = _check_query(policies, "A05").plan
    assert plan is not None
    assert plan.outputs[0].tables[0].keys[1].domain == ("FIXD", "PERM")
