"""Codes of private questions that the demo's policy gives to no text: given under another policy, or by other tests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broker.domain.jobs.job import JobKind
from broker.domain.ledger.privacy_loss import Accounting
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import check_submission
from docs.generator.refusal_codes.privacy import LEDGER, PRIVACY
from docs.generator.refusal_codes.scripts import MICRODATA

ROOT = Path(__file__).parents[3]
POLICIES = load_policies(ROOT / "policies")
BY_SESSIONS = """-- private: epsilon 0.5
SELECT OverallAbsence_6HalfTerms, COUNT(*) AS n FROM npd.absence WHERE AcademicYear = '2022/2023'
GROUP BY OverallAbsence_6HalfTerms"""
BY_YEAR = """-- private: epsilon 0.5
SELECT NCyearActual, COUNT(*) AS n FROM npd.absence
WHERE AcademicYear BETWEEN '2018/2019' AND '2022/2023' GROUP BY NCyearActual"""


def with_profile(**limits: float) -> PolicySet:
    profiles = tuple(replace(p, **limits) for p in POLICIES.privacy.profiles)
    return replace(POLICIES, privacy=replace(POLICIES.privacy, profiles=profiles))


def purely() -> PolicySet:
    promises = tuple(replace(p, accounting=Accounting.PURE, delta=0.0) for p in POLICIES.privacy.promises)
    return replace(POLICIES, privacy=replace(POLICIES.privacy, promises=promises))


UNDER: dict[str, tuple[str, Callable[[], PolicySet]]] = {
    "private-delta": (BY_SESSIONS, lambda: with_profile(max_delta=0.0)),
    "private-keys": (BY_SESSIONS, purely),
    "private-influence": (BY_YEAR, lambda: with_profile(max_influence=3)),
}
ELSEWHERE = {
    "private-extreme": "tests/spec/query/test_private_refusals.py",
    "private-nobody": "tests/spec/query/test_private_refusals.py",
    "private-points": "tests/unit/privacy/test_forecast.py",
    "no-budget": "tests/integration/ledger/test_spends.py",
    "other-accounting": "tests/integration/ledger/test_spends.py",
    "over-budget": "tests/unit/workflow/test_private_jobs.py",
    "over-cap": "tests/integration/ledger/test_spends.py",
    "over-release-maximum": "tests/integration/ledger/test_spends.py",
    "formula": "tests/unit/python_jobs/test_formula.py",
    "request": "tests/unit/python_jobs/test_request_reader.py",
    "size": "tests/unit/python_jobs/test_sanitised_files.py",
    "unreadable": "tests/unit/python_jobs/test_sanitised_files.py",
}
"""Rooms refuse these of what no text comes to, the ledger of what is left, or the stage after a script."""


@pytest.mark.parametrize("code", UNDER)
def test_another_policy_gives_the_code(code: str) -> None:
    text, policies = UNDER[code][0], UNDER[code][1]()
    project = policies.project("P0733")
    assert project is not None
    found = check_submission(text, JobKind.SQL, project.dialect, project, policies, date(2026, 11, 24)).refusals
    assert [r.code for r in found] == [code]
    assert all(r.message and r.advice for r in found)


def test_every_code_has_an_example_or_a_test() -> None:
    without = {c.code for c in (*PRIVACY, *LEDGER, *MICRODATA) if c.example is None}
    assert without == UNDER.keys() | ELSEWHERE.keys()
    for code, file in ELSEWHERE.items():
        assert code in (ROOT / file).read_text(), file
