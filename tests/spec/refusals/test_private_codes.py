"""Codes of private questions that the demo's policy gives to no text: given under another policy."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.domain.ledger.privacy_loss import Accounting
from broker.policy.policy_set import PolicySet
from tests.spec.submission_kit import POLICIES, checked

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


@pytest.mark.parametrize("code", UNDER)
def test_another_policy_gives_the_code(code: str) -> None:
    text, policies = UNDER[code][0], UNDER[code][1]()
    found = checked(text, "duckdb", "P0733", policies).refusals
    assert [r.code for r in found] == [code]
    assert all(r.message and r.advice for r in found)
