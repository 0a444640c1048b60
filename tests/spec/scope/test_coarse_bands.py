"""Quasi-identifiers as keys: bands that policy calls coarse enough are values like others, and anything finer is
refused. IDACI has edges at hundredths at least 0.05 apart, the distance to school tenths of a mile at least 0.5 apart,
a date whole months."""

# ruff: noqa: E501 - one case a line reads as a table

from datetime import date
from pathlib import Path

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import check_submission

POLICIES = load_policies(Path(__file__).parents[3] / "policies")


def codes(text: str, dialect: str = "tsql") -> set[str]:
    owner = POLICIES.project("P0421")
    assert owner is not None
    return {r.code for r in check_submission(text, JobKind.SQL, dialect, owner, POLICIES, date(2026, 12, 3)).refusals}


def grouped_by(*keys: str) -> str:
    shown = ", ".join(f"{key} AS k{n}" for n, key in enumerate(keys))
    return (
        f"SELECT {shown}, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2018/2019' GROUP BY "
        + ", ".join(keys)
    )


COARSE = """
CASE WHEN IDACIScore < 0.05 THEN 'a' WHEN IDACIScore < 0.1 THEN 'b' ELSE 'c' END
CASE WHEN IDACIScore <= 0.06 THEN 1 WHEN IDACIScore <= 0.11 THEN 2 WHEN IDACIScore IS NULL THEN 9 ELSE 3 END
CASE WHEN IDACIScore BETWEEN 0.1 AND 0.2 THEN 1 ELSE 0 END
FLOOR(IDACIScore * 10) + CASE WHEN IDACIScore < 0.15 THEN 100 ELSE 0 END
CASE WHEN IDACIScore IS NULL THEN 1 ELSE 0 END
CASE WHEN EntryDate BETWEEN '2018-09-01' AND '2019-08-31' THEN 1 ELSE 0 END
CASE WHEN IDACIScore * 100 > 25 THEN 'deprived' END
FLOOR(IDACIScore * 10)
FLOOR(IDACIScore / 0.1) * 0.1
FLOOR(IDACIScore * 20) / 20
ROUND(IDACIScore, 1)
CASE WHEN DistCurrSch < 0.5 THEN 1 WHEN DistCurrSch < 3 THEN 2 ELSE 3 END
FLOOR(DistCurrSch)
CEILING(DistCurrSch * 2)
YEAR(EntryDate)
MONTH(EntryDate)
DATENAME(month, EntryDate)
DATETRUNC(quarter, EntryDate)
EOMONTH(EntryDate)
DATEFROMPARTS(YEAR(EntryDate), MONTH(EntryDate), 1)
DATEDIFF(month, '2018-09-01', EntryDate)
YEAR(EntryDate) - CASE WHEN MONTH(EntryDate) < 9 THEN 1 ELSE 0 END
CASE WHEN EntryDate >= '2018-09-01' THEN 'new' ELSE 'old' END
CASE WHEN EntryDate <= '2018-08-31' THEN 'old' ELSE 'new' END
"""
FINE = """
CASE WHEN NULLIF(LSOA11, 'E01000001') IS NULL THEN 1 ELSE 0 END
CASE WHEN CASE WHEN IDACIScore = 0.123 THEN 1 END IS NULL THEN 1 ELSE 0 END
CASE WHEN NULLIF(DAY(EntryDate), 17) IS NULL THEN 1 ELSE 0 END
CASE WHEN IDACIScore BETWEEN 0.1 AND 0.1 THEN 1 ELSE 0 END
CASE WHEN IDACIScore < 0.1 THEN 1 WHEN IDACIScore <= 0.1 THEN 2 ELSE 3 END
CASE WHEN IDACIScore <= 0 THEN 1 ELSE 2 END
CASE WHEN IDACIScore >= 1 THEN 1 ELSE 2 END
FLOOR(IDACIScore * 20) + 100 * CEILING(IDACIScore * 20)
FLOOR(IDACIScore * 10) + 100 * FLOOR(IDACIScore * 10 + 0.1)
FLOOR(IDACIScore * 10) + CASE WHEN IDACIScore < 0.51 THEN 100 ELSE 0 END
FLOOR(IDACIScore * -10) + 100 * FLOOR(IDACIScore * 10)
CASE WHEN EntryDate <= '2019-03-01' AND EntryDate >= '2019-03-01' THEN 1 ELSE 0 END
CASE WHEN EntryDate BETWEEN '2019-03-31' AND '2019-04-01' THEN 1 ELSE 0 END
CASE WHEN EntryDate < '2019-03-31' THEN 1 WHEN EntryDate < '2019-04-01' THEN 2 ELSE 3 END
IDACIScore
LSOA11
EntryDate
LEFT(LSOA11, 8)
CASE WHEN IDACIScore < 0.05 THEN 'a' WHEN IDACIScore < 0.06 THEN 'b' ELSE 'c' END
CASE WHEN IDACIScore < 0.055 THEN 'a' ELSE 'c' END
CASE WHEN IDACIScore < 0.01 THEN 'a' ELSE 'c' END
CASE WHEN IDACIScore = 0.1 THEN 'a' ELSE 'c' END
CASE WHEN IDACIScore < 0.1 THEN IDACIScore END
CASE WHEN FLOOR(IDACIScore * 10) = 1 THEN IDACIScore * 2 END
FLOOR(IDACIScore * 100)
ROUND(IDACIScore, 2)
IDACIScore - FLOOR(IDACIScore * 10) / 10
FLOOR(IDACIScore * 10 + DistCurrSch)
CASE WHEN LSOA11 < 'E01' THEN 1 ELSE 0 END
FLOOR(DistCurrSch * 4)
DAY(EntryDate)
DATENAME(weekday, EntryDate)
DATEDIFF(day, '2018-09-01', EntryDate)
DATEDIFF(week, '2018-09-01', EntryDate)
CASE WHEN EntryDate >= '2018-09-10' THEN 'new' ELSE 'old' END
MONTH(DATEADD(day, 14, EntryDate))
YEAR(EntryDate) + DAY(EntryDate)
"""


@pytest.mark.parametrize("key", COARSE.strip().splitlines())
def test_coarse_bands_are_keys(key: str) -> None:
    assert codes(grouped_by(key)) == set()
    # the same for each pupil, and then as a key
    person = f"SELECT t.k, COUNT(*) AS n FROM (SELECT {key} AS k FROM npd.spring_census WHERE AcademicYear = '2018/2019') AS t GROUP BY t.k"
    assert codes(person) == set()


@pytest.mark.parametrize("key", FINE.strip().splitlines())
def test_anything_finer_is_no_key(key: str) -> None:
    assert codes(grouped_by(key)) & {"quasi-grouped", "quasi-arithmetic", "text-order"}
    person = f"SELECT t.k, COUNT(*) AS n FROM (SELECT {key} AS k FROM npd.spring_census WHERE AcademicYear = '2018/2019') AS t GROUP BY t.k"
    assert codes(person) & {"quasi-grouped", "quasi-arithmetic", "text-order"}


def test_two_keys_must_not_split_each_others_bands() -> None:
    first, second = ("CASE WHEN IDACIScore < 0.2 THEN 1 ELSE 2 END", "CASE WHEN IDACIScore < {} THEN 1 ELSE 2 END")
    assert codes(grouped_by(first, second.format("0.25"))) == set()
    assert codes(grouped_by(first, second.format("0.21"))) == {"quasi-grouped"}


def test_bands_of_each_persons_values_are_keys() -> None:
    per_person = (
        "SELECT t.moved, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS pmr, MAX(CASE WHEN EntryDate > '{}' "
        "THEN 1 ELSE 0 END) AS moved FROM npd.spring_census WHERE AcademicYear = '2018/2019' "
        "GROUP BY PupilMatchingRefAnonymous) AS t GROUP BY t.moved"
    )
    assert codes(per_person.format("2018-09-30")) == set()
    assert codes(per_person.format("2018-10-05")) == {"quasi-grouped"}


def test_conditions_of_subqueries_count_together() -> None:
    linked = "FROM npd.spring_census AS b WHERE b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear = '2018/2019'"
    text = (
        "SELECT t.k, COUNT(*) AS n FROM (SELECT CASE WHEN EXISTS (SELECT 1 "
        + linked
        + " AND {}) THEN 1 ELSE 0 END AS k "
        "FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019') AS t GROUP BY t.k"
    )
    assert codes(text.format("b.IDACIScore < 0.1")) == set()
    assert codes(text.format("b.IDACIScore >= 0.10 AND b.IDACIScore < 0.11")) == {"quasi-grouped"}
    assert codes(text.format("b.EntryDate >= '2019-03-01' AND b.EntryDate <= '2019-03-01'")) & {
        "quasi-grouped",
        "quasi-arithmetic",
    }


def test_quantile_groups_are_no_more_than_bands() -> None:
    text = (
        "SELECT t.g, COUNT(*) AS n FROM (SELECT NTILE({}) OVER (ORDER BY IDACIScore) AS g FROM npd.spring_census "
        "WHERE AcademicYear = '2018/2019') AS t GROUP BY t.g"
    )
    assert codes(text.format(10)) == set()
    assert codes(text.format(20)) == set()
    assert codes(text.format(21)) == {"quasi-arithmetic"}
    assert codes(text.format(2).replace("IDACIScore", "LSOA11")) == {"quasi-arithmetic"}


# a condition | whether it is followed
CONDITIONS = """
CIN_CINClosureDate >= CIN_CINReferralDate                           | yes
DATEDIFF(day, CIN_CINReferralDate, CIN_CINClosureDate) <= 45        | yes
CIN_CINClosureDate > DATEADD(month, 6, CIN_CINReferralDate)         | yes
MONTH(CIN_CINReferralDate) = 3                                      | yes
YEAR(CIN_CINReferralDate) = 2019                                    | yes
CIN_CINReferralDate < '2019-03-14'                                  | yes
DAY(CIN_CINReferralDate) = 14                                       | no
DATEDIFF(day, '2019-01-01', CIN_CINReferralDate) % 7 = 3            | no
DATEDIFF(day, CIN_CINReferralDate, CIN_CINClosureDate) % 7 = 3      | no
"""


@pytest.mark.parametrize("line", CONDITIONS.strip().splitlines())
def test_conditions_on_dates(line: str) -> None:
    condition, followed = (cell.strip() for cell in line.split("|"))
    text = f"SELECT COUNT(*) AS n FROM npd.cin WHERE CIN_ACADYR = '2018/2019' AND {condition}"
    assert (codes(text) == set()) == (followed == "yes"), codes(text)


def test_a_duration_is_a_number_like_others() -> None:
    text = (
        "SELECT CIN_PrimaryNeedCode, AVG(1.0 * DATEDIFF(day, CIN_CINReferralDate, CIN_CINClosureDate)) AS days, "
        "SUM(CASE WHEN DATEDIFF(day, CIN_CINReferralDate, CIN_CINClosureDate) > 90 THEN 1 ELSE 0 END) AS longer "
        "FROM npd.cin WHERE CIN_ACADYR = '2018/2019' GROUP BY CIN_PrimaryNeedCode"
    )
    assert codes(text) == set()


def test_a_number_orders_the_bands_that_it_belongs_to() -> None:
    label = "CASE WHEN IDACIScore < 0.1 THEN 'low' WHEN IDACIScore < 0.3 THEN 'middle' ELSE 'high' END"
    number = "CASE WHEN IDACIScore < 0.1 THEN 1 WHEN IDACIScore < 0.3 THEN 2 ELSE 3 END"
    other = "CASE WHEN IDACIScore < 0.2 THEN 1 ELSE 2 END"
    text = "SELECT {0} AS band, COUNT(*) AS n FROM npd.spring_census WHERE AcademicYear = '2018/2019' GROUP BY {0}, {1} ORDER BY {1}"
    assert codes(text.format(label, number)) == set()
    assert codes(text.format(label, other)) == {"hidden-key"}
    assert codes(text.format("DATENAME(month, EntryDate)", "MONTH(EntryDate)")) == set()
    assert codes(text.format("DATENAME(month, EntryDate)", "YEAR(EntryDate)")) == {"hidden-key"}
    score = "SELECT {0} AS b, COUNT(*) AS n FROM npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019' GROUP BY {0}, {1} ORDER BY {1}"
    few = "CASE WHEN KS4_ATT8 < 10 THEN 'a' ELSE 'b' END"
    assert codes(score.format(few, "CASE WHEN KS4_ATT8 < 10 THEN 0 ELSE 10 END")) == set()
    assert codes(score.format(few, "CASE WHEN KS4_ATT8 < 10 THEN KS4_ATT8 ELSE 10 END")) == {"hidden-key"}
