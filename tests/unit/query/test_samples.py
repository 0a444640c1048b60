"""Verdicts on the sample queries and the hostile samples; refusals have code, place and advice."""

# ruff: noqa: E501 - one case a line reads as a table

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
ACCEPTED = ["A01", "A03", "A05", "A07", "A09", "A11", "T01", "T11", "T15"]
REFUSED = {
    "R01": "limit", "R03": "identifier", "R07": "into", "R09": "unknown-table", "R11": "identifier", "T03": "individual-value",
    "T05": "identifier", "T07": "no-aggregate", "T09": "small-groups", "T13": "individual-value",
}  # fmt: skip
LATER = {"S205", "S251", "S255", "S257", "S259", "S267", "S269"}
"""Samples that may run one day and are refused by name today."""
LOOKED_AT = {"S247"}
"""Samples that run, and whose result a person looks at."""


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


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted_samples(policies: PolicySet, name: str) -> None:
    (dialect, *_), text = QUERIES[name]
    assert _check(policies, text, dialect, "P0421").refusals == ()


@pytest.mark.parametrize(("name", "code"), REFUSED.items())
def test_refused_samples(policies: PolicySet, name: str, code: str) -> None:
    (dialect, *_), text = QUERIES[name]
    refusals = _check(policies, text, dialect, "P0421").refusals
    assert code in [r.code for r in refusals]
    assert all(r.message and r.advice and r.line for r in refusals)


def test_years_out_of_scope_are_reported_to_the_scope_check(policies: PolicySet) -> None:
    (dialect, *_), text = QUERIES["R05"]
    uses = _check(policies, text, dialect, "P0421").uses
    assert {u.variable for u in uses} == {"KS2_MATSCORE", "KS2_ACADYR"}
    assert all(u.years is not None and min(u.years) == 2021 for u in uses)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_samples(policies: PolicySet, name: str) -> None:
    (verdict, *_), text = HOSTILE[name]
    found = _check(policies, text, "duckdb", "FIXTURE")
    if name == "S125":
        # Out of the project's scope, which `broker.scope` tells from this use.
        assert [u.table for u in found.uses] == ["fixture.npd_cin"]
    elif verdict == "ACCEPT":
        assert found.plan is not None, found.refusals
    elif verdict == "REFUSE" or name in LATER:
        assert found.plan is None
        assert all(r.message and r.advice for r in found.refusals)
    else:
        assert found.plan is not None, found.refusals
        assert bool(found.review) == (name in LOOKED_AT)


@pytest.mark.parametrize("name", ["S161", "S163", "S165", "S167", "S169", "S173", "S177", "S179"])
def test_hidden_columns_are_uses_wherever_they_occur(policies: PolicySet, name: str) -> None:
    _, text = HOSTILE[name]
    hidden = {"upn", "surname", "postcode"}
    assert hidden & {u.variable for u in _check(policies, text, "duckdb", "FIXTURE").uses}


def test_months_of_birth_and_a_share(policies: PolicySet) -> None:
    """A07: the mean of 1.0 * flag is a share, and keys are listed from the catalogue."""
    (dialect, *_), text = QUERIES["A07"]
    plan = _check(policies, text, dialect, "P0421").plan
    assert plan is not None
    output = plan.outputs[0]
    (table,) = output.tables
    assert [s.measure.value for s in table.statistics] == ["count", "share"]
    assert table.keys[0].domain is not None
    assert table.keys[0].domain[:12] == tuple(range(1, 13))
    assert [c.statistic for c in output.columns] == ["key", "key", "count", "share"]
    assert plan.review == ()


def test_a_filter_narrows_the_listed_keys(policies: PolicySet) -> None:
    (dialect, *_), text = QUERIES["A05"]
    plan = _check(policies, text, dialect, "P0421").plan
    assert plan is not None
    assert plan.outputs[0].tables[0].keys[1].domain == ("FIXD", "PERM")
