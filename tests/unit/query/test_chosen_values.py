"""A value that is chosen among a person's rows tells of what it was chosen by. A checker sees a text in which several
variables choose; a person's last code of a year, or whether a condition ever held, is an ordinary figure."""

from datetime import date

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission

KEY = "PupilMatchingRefAnonymous"
ROWS = f"FROM npd.absence WHERE AcademicYear IN ('2017/2018', '2018/2019') GROUP BY {KEY}"


def checked(policies: PolicySet, text: str) -> CheckedSubmission:
    project = policies.project("P0421")
    assert project is not None
    found = check_submission(text, JobKind.SQL, "duckdb", project, policies, date(2026, 12, 2))
    assert not found.refusals, found.refusals
    return found


def of_each(choice: str) -> str:
    return f"SELECT t.x, COUNT(*) AS n FROM (SELECT {KEY} AS k, {choice} AS x {ROWS}) AS t GROUP BY t.x"


@pytest.mark.parametrize("choice", [
    "arg_max(AcademicYear, LA)",
    "arg_max(AcademicYear, CASE WHEN SENprovision = 'E' THEN 1 ELSE 0 END)",
    "arg_max(URN, SENprovision)",
    "last(URN ORDER BY SENprovision, AcademicYear)",
    "list(URN ORDER BY SENprovision)[1]",
    "any_value(URN ORDER BY SENprovision)",
    "first(URN ORDER BY CASE WHEN SENprovision = 'E' AND MonthOfBirth = 3 THEN 0 ELSE 1 END)",
    "bool_or(URN = 100001 AND MonthOfBirth = 3)",
    "mode(CASE WHEN URN = 100001 AND MonthOfBirth = 3 THEN 1 ELSE 0 END)",
])  # fmt: skip
def test_what_chooses_a_value_is_seen_by_a_person(policies: PolicySet, choice: str) -> None:
    assert checked(policies, of_each(choice)).review


@pytest.mark.parametrize("choice", [
    "arg_max(SENprovision, AcademicYear)", "first(LA ORDER BY AcademicYear DESC)", "any_value(SENprovision)",
    "mode(SENprovision)", "bool_or(SENprovision = 'E')", "list_contains(list(LA), 201)",
])  # fmt: skip
def test_ordinary_choices_need_nobody(policies: PolicySet, choice: str) -> None:
    assert not checked(policies, of_each(choice)).review


@pytest.mark.parametrize(("one", "other"), [
    ("MAX(URN)", "MIN(URN)"),
    ("arg_max(URN, URN)", "arg_min(URN, URN)"),
    ("first(URN ORDER BY URN DESC)", "list(URN ORDER BY URN)[1]"),
    ("first(URN ORDER BY AcademicYear)", "last(URN ORDER BY AcademicYear)"),
])  # fmt: skip
def test_the_first_and_the_last_are_two_variables(policies: PolicySet, one: str, other: str) -> None:
    key = "SIGN(ABS(t.p - 100002) + ABS(t.q - 100001))"
    own = f"SELECT {KEY} AS k, {one} AS p, {other} AS q, MAX(MonthOfBirth) AS m {ROWS}"
    text = f"SELECT {key} AS z, t.m, COUNT(*) AS n FROM ({own}) t GROUP BY {key}, t.m"
    assert checked(policies, text).review
