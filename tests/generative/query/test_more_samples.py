"""Submissions of researchers: each gets the verdict of its header, and accepted ones run."""

import duckdb
import pytest
from oracles import statements
from worlds import broad_world

from broker.policy.policy_set import PolicySet
from broker.query import compile_sql
from tests.generative.query.test_sample_verdicts import checked, verdict_of
from tests.prove.samples import samples

MORE = list(samples("more_queries.sql"))
REFUSED_YET: dict[str, str] = {}
"""Accepted by a fair checker, and refused here: the code. An entry goes when its form is understood."""
RUN = [s for s in MORE if s[2] == "accept" and s[0] not in REFUSED_YET]


@pytest.fixture(scope="module")
def people(policies: PolicySet) -> duckdb.DuckDBPyConnection:
    return broad_world(policies.catalogue, 1)


@pytest.mark.parametrize("one", MORE, ids=lambda s: s[0])
def test_verdicts(policies: PolicySet, one: tuple[str, str, str, str]) -> None:
    ident, dialect, expected, text = one
    found = checked(policies, text, dialect, "P0421")
    if ident in REFUSED_YET:
        assert REFUSED_YET[ident] in {r.code for r in found.refusals}
        return
    assert verdict_of(found) == expected, [(r.code, r.message) for r in found.refusals]


@pytest.mark.parametrize("one", RUN, ids=lambda s: s[0])
def test_what_is_accepted_runs(
    policies: PolicySet, people: duckdb.DuckDBPyConnection, one: tuple[str, str, str, str]
) -> None:
    _, dialect, _, text = one
    compiled = compile_sql(text, dialect, policies.catalogue, policies.project("P0421"), policies.service)
    rendered = statements(compiled)
    assert rendered
    for statement in rendered:
        people.execute(statement).fetchall()
