"""Standard populations are offered by what a text says, never by data or the memory; and docs list those of policy."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broker.domain.errors import Invalid
from broker.domain.jobs.job import JobKind
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.files import load_policies
from broker.workflow.checking.standard_populations import check_standard_populations, near_standard
from broker.workflow.checking.submission_check import check_submission

ROOT = Path(__file__).parents[3]
POLICIES = load_policies(ROOT / "policies")
(STANDARD,) = POLICIES.memory.standard
YEAR = "c.AcademicYear = '2018/2019'"
WHOLE = "c.OnRoll = 1 AND (c.RecordStatus IS NULL OR c.RecordStatus < 100)"
SELECT = "-- output: phases\nSELECT c.PHASE, COUNT(*) AS n FROM npd.spring_census AS c WHERE {} GROUP BY c.PHASE"

NEAR = {
    "some of its conditions": f"{YEAR} AND c.OnRoll = 1",
    "the other one": f"(c.RecordStatus IS NULL OR c.RecordStatus < 100) AND {YEAR}",
    "none": YEAR,
    "who has no value is left out": f"{YEAR} AND {WHOLE} AND c.FSMeligible IS NOT NULL",
}
NOT_NEAR = {
    "it": f"{YEAR} AND {WHOLE}",
    "it in another order": f"(c.RecordStatus IS NULL OR c.RecordStatus < 100) AND c.OnRoll = 1 AND {YEAR}",
    "another part of everybody": f"{YEAR} AND c.FSMeligible = 1",
    "a part of it": f"{YEAR} AND {WHOLE} AND c.FSMeligible = 1",
    "who is not on roll": f"{YEAR} AND c.OnRoll = 0",
}


def checked(text: str, dialect: str = "tsql", policies=POLICIES):
    return check_submission(text, JobKind.SQL, dialect, policies.project("P0421"), policies, date(2026, 1, 1))


def population_advice(where: str, dialect: str = "tsql", policies=POLICIES, select: str = SELECT) -> list[str]:
    found = checked(select.format(where), dialect, policies)
    assert found.accepted, found.refusals
    return [a for a in found.advice if "standard population" in a]


@pytest.mark.parametrize("dialect", SQL_DIALECTS)
@pytest.mark.parametrize("what", NEAR)
def test_a_text_near_a_standard_population_is_offered_it_by_name_as_advice(what, dialect):
    (sentence,) = population_advice(NEAR[what], dialect)
    assert STANDARD.name in sentence
    assert STANDARD.where in sentence
    assert "phases" in sentence


@pytest.mark.parametrize("what", NOT_NEAR)
def test_other_texts_hear_nothing_of_it(what):
    assert population_advice(NOT_NEAR[what]) == []


def test_another_table_and_private_texts_hear_nothing_of_it():
    absence = "-- output: a\nSELECT a.LA, COUNT(*) AS n FROM npd.absence AS a WHERE {} GROUP BY a.LA"
    assert population_advice("a.AcademicYear = '2018/2019'", select=absence) == []
    private = checked("-- private: epsilon 0.1\n" + SELECT.format(NEAR["none"])).advice
    assert not any("standard population" in a for a in private)


def test_what_was_not_granted_is_not_offered():
    own, text = POLICIES.project("P0421"), NEAR["some of its conditions"]
    grants = tuple(g for g in own.grants if g.variable != "RecordStatus")
    fewer = replace(POLICIES, projects=(replace(own, grants=grants),))
    assert population_advice(text, policies=fewer) == []
    plan = checked(SELECT.format(text), policies=fewer).plan
    assert [n.name for n in near_standard(plan, fewer)] == ["phases"], "checkers see it all the same"


def test_a_set_with_a_standard_population_that_is_no_query_cannot_be_proposed():
    check_standard_populations(POLICIES)
    wrong = replace(STANDARD, where="NoSuchThing = 1")
    broken = replace(POLICIES, memory=replace(POLICIES.memory, standard=(wrong,)))
    with pytest.raises(Invalid, match="NoSuchThing"):
        check_standard_populations(broken)
    assert population_advice(NEAR["none"], policies=broken) == [], "a set that is stored already breaks no check"


def test_the_docs_list_policys_standard_populations():
    """docs/reference/sql.md is written from them: tests/docs/test_sql_page.py."""
    text = (ROOT / "docs" / "explanation" / "release-history.md").read_text()
    for p in POLICIES.memory.standard:
        assert f"| {p.name} | `{p.table}` | `{p.where}` | {p.about} |" in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`npd.spring_census`" in line]
    assert len(rows) == len(POLICIES.memory.standard)
