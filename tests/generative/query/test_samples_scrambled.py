"""Invariant 3 on what researchers send: scrambling every variable and year that the project was not granted changes no
byte of result or evidence of any accepted sample, each of which runs."""

from collections import defaultdict
from random import Random

import duckdb
import pytest
from oracles import changed, scrambled, statements
from worlds import BROAD, broad_world

from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.query import compile_sql
from tests.samples import samples

ACCEPTED = [s for file in ("queries.sql", "more_queries.sql") for s in samples(file) if s[2] == "accept"]


@pytest.fixture(scope="module")
def people(policies: PolicySet) -> duckdb.DuckDBPyConnection:
    return broad_world(policies.catalogue, 1)


@pytest.fixture(scope="module")
def others(policies: PolicySet) -> list[str]:
    """What gives all that P0421 was not granted other values."""
    project = policies.project("P0421")
    assert project is not None
    return ungranted(policies, project)


def ungranted(policies: PolicySet, project: ResearchProject) -> list[str]:
    rng, found = Random(1), []
    for table in map(policies.catalogue.table, BROAD):
        groups = defaultdict(list)
        for variable in table.variables:
            years = project.granted_years(table.full_name, variable.name)
            kept = years if isinstance(years, frozenset) else frozenset()
            if years is False or (table.years is not None and not kept >= table.years):
                groups[kept].append(variable)
        for kept, variables in groups.items():
            found += list(scrambled(table, variables, kept, rng))
    return found


def test_who_reads_all_of_a_table_sees_the_scrambling(people: duckdb.DuckDBPyConnection, others: list[str]) -> None:
    before = people.execute("SELECT * FROM npd.spring_census ORDER BY ALL").fetchall()
    with changed(people, others):
        after = people.execute("SELECT * FROM npd.spring_census ORDER BY ALL").fetchall()
    assert before != after


@pytest.mark.parametrize("one", ACCEPTED, ids=lambda s: s[0])
def test_what_is_not_granted_says_nothing(
    policies: PolicySet, people: duckdb.DuckDBPyConnection, others: list[str], one: tuple[str, str, str, str]
) -> None:
    _, dialect, _, text = one
    compiled = compile_sql(text, dialect, policies.catalogue, policies.project("P0421"), policies.service)
    texts = statements(compiled)
    assert texts
    before = [people.execute(t).fetchall() for t in texts]
    with changed(people, others):
        after = [people.execute(t).fetchall() for t in texts]
    assert repr(before) == repr(after)
