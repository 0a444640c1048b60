"""A value that ingest refuses holds nobody, so a condition that excludes only such values needs no look; an outer side
can still be missing."""

from datetime import date
from pathlib import Path

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import check_submission

POLICIES = load_policies(Path(__file__).parents[3] / "policies")
OUTER = (
    "SELECT s.LA, COUNT(*) AS n FROM npd.spring_census s LEFT JOIN npd.ks4_pupil k ON k.KS4_ACADYR = '2021/2022'"
    " AND k.KS4_PupilMatchingRefAnonymous = s.PupilMatchingRefAnonymous"
    " WHERE s.AcademicYear = '2021/2022' AND s.URN = 100001 AND {} GROUP BY s.LA"
)
OWN = "SELECT COUNT(*) AS n FROM npd.ks2_pupil WHERE KS2_ACADYR = '{}' AND KS2_NATRES = 1 AND {}"


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        (OWN.format("2018/2019", "KS2_GENDER IN ('M', 'F')"), True),
        (OWN.format("2018/2019", "KS2_SENF IN ('N', 'K', 'E')"), True),
        (OWN.format("2017/2018", "KS2_SENF IN ('N', 'K', 'E')"), False),  # statements existed
        (OWN.format("2018/2019", "KS2_EALGRP IN ('1', '2')"), False),
        (OWN.format("2018/2019", "KS2_EALGRP IN ('1', '2', '3')"), False),  # the missing ones are left out
        (OUTER.format("k.KS4_GENDER IN ('M', 'F')"), False),
        (OUTER.format("k.KS4_GENDER IS NULL"), False),
        (OUTER.format("COALESCE(k.KS4_GENDER, 'x') NOT IN ('M', 'F')"), False),
        (OUTER.format("s.Gender = 'm'"), False),
    ],
)
def test_only_values_that_can_occur_count(text: str, alone: bool) -> None:
    project = POLICIES.project("P0421")
    assert project is not None
    found = check_submission(text, JobKind.SQL, "tsql", project, POLICIES, date(2026, 11, 1))
    assert found.accepted
    assert alone == (not any("part of the text" in str(reason) for reason in found.review))
