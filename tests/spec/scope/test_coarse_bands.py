"""Quasi-identifiers as keys: bands that policy calls coarse enough are values like others, and anything finer is
refused. IDACI has edges at hundredths at least 0.05 apart, the distance to school tenths of a mile at least 0.5 apart,
a date whole months."""

import pytest

from tests.spec.submission_kit import checked


def codes(text: str) -> set[str]:
    return {r.code for r in checked(text).refusals}


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


def keyed(key: str) -> list[str]:
    """The text that groups by it, and the one that makes it for each pupil first."""
    person = f"SELECT {key} AS k FROM npd.spring_census WHERE AcademicYear = '2018/2019'"
    return [grouped_by(key), f"SELECT t.k, COUNT(*) AS n FROM ({person}) AS t GROUP BY t.k"]


@pytest.mark.parametrize("key", COARSE.strip().splitlines())
def test_coarse_bands_are_keys(key: str) -> None:
    assert [codes(text) for text in keyed(key)] == [set(), set()]


@pytest.mark.parametrize("key", FINE.strip().splitlines())
def test_anything_finer_is_no_key(key: str) -> None:
    assert all(codes(text) & {"quasi-grouped", "quasi-arithmetic", "text-order"} for text in keyed(key))


CENSUS = "npd.spring_census WHERE AcademicYear = '2018/2019'"
IN_NEED = "npd.cin WHERE CIN_ACADYR = '2018/2019'"
IN_DAYS = "DATEDIFF(day, CIN_CINReferralDate, CIN_CINClosureDate)"


def two_bands(edge: str) -> str:
    first, second = (f"CASE WHEN IDACIScore < {e} THEN 1 ELSE 2 END" for e in ("0.2", edge))
    return grouped_by(first, second)


def moved(since: str) -> str:
    """Whether any row of a person is later."""
    latest = f"MAX(CASE WHEN EntryDate > '{since}' THEN 1 ELSE 0 END) AS moved"
    person = f"SELECT PupilMatchingRefAnonymous AS pmr, {latest} FROM {CENSUS} GROUP BY PupilMatchingRefAnonymous"
    return f"SELECT t.moved, COUNT(*) AS n FROM ({person}) AS t GROUP BY t.moved"


def with_a_row(condition: str) -> str:
    """Whether a person has a row that meets it."""
    linked = "b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.AcademicYear = '2018/2019'"
    met = f"CASE WHEN EXISTS (SELECT 1 FROM npd.spring_census AS b WHERE {linked} AND {condition}) THEN 1 ELSE 0 END"
    rows = f"SELECT {met} AS k FROM npd.spring_census AS a WHERE a.AcademicYear = '2018/2019'"
    return f"SELECT t.k, COUNT(*) AS n FROM ({rows}) AS t GROUP BY t.k"


def tiles(number: int, by: str) -> str:
    rows = f"SELECT NTILE({number}) OVER (ORDER BY {by}) AS g FROM {CENSUS}"
    return f"SELECT t.g, COUNT(*) AS n FROM ({rows}) AS t GROUP BY t.g"


def ordered(key: str, by: str, source: str = CENSUS) -> str:
    """A number orders the bands that it belongs to; any other would be a key that nobody sees."""
    return f"SELECT {key} AS band, COUNT(*) AS n FROM {source} GROUP BY {key}, {by} ORDER BY {by}"


def counted(condition: str) -> str:
    return f"SELECT COUNT(*) AS n FROM {IN_NEED} AND {condition}"


LABEL = "CASE WHEN IDACIScore < 0.1 THEN 'low' WHEN IDACIScore < 0.3 THEN 'middle' ELSE 'high' END"
FEW, SCORES = "CASE WHEN KS4_ATT8 < 10 THEN 'a' ELSE 'b' END", "npd.ks4_pupil WHERE KS4_ACADYR = '2018/2019'"
# a text | one of these codes, or none
ASKED = [
    (two_bands("0.25"), ""),
    (two_bands("0.21"), "quasi-grouped"),
    (moved("2018-09-30"), ""),
    (moved("2018-10-05"), "quasi-grouped"),
    (with_a_row("b.IDACIScore < 0.1"), ""),
    (with_a_row("b.IDACIScore >= 0.10 AND b.IDACIScore < 0.11"), "quasi-grouped"),
    (with_a_row("b.EntryDate >= '2019-03-01' AND b.EntryDate <= '2019-03-01'"), "quasi-grouped quasi-arithmetic"),
    (tiles(10, "IDACIScore"), ""),
    (tiles(20, "IDACIScore"), ""),
    (tiles(21, "IDACIScore"), "quasi-arithmetic"),
    (tiles(2, "LSOA11"), "quasi-arithmetic"),
    (counted("CIN_CINClosureDate >= CIN_CINReferralDate"), ""),
    (counted(f"{IN_DAYS} <= 45"), ""),
    (counted("CIN_CINClosureDate > DATEADD(month, 6, CIN_CINReferralDate)"), ""),
    (counted("MONTH(CIN_CINReferralDate) = 3"), ""),
    (counted("YEAR(CIN_CINReferralDate) = 2019"), ""),
    (counted("CIN_CINReferralDate < '2019-03-14'"), ""),
    (counted("DAY(CIN_CINReferralDate) = 14"), "quasi-arithmetic"),
    (counted("DATEDIFF(day, '2019-01-01', CIN_CINReferralDate) % 7 = 3"), "modulo"),
    (counted(f"{IN_DAYS} % 7 = 3"), "modulo"),
    (f"SELECT AVG(1.0 * {IN_DAYS}) AS d, SUM(CASE WHEN {IN_DAYS} > 90 THEN 1 ELSE 0 END) AS longer FROM {IN_NEED}", ""),
    (ordered(LABEL, "CASE WHEN IDACIScore < 0.1 THEN 1 WHEN IDACIScore < 0.3 THEN 2 ELSE 3 END"), ""),
    (ordered(LABEL, "CASE WHEN IDACIScore < 0.2 THEN 1 ELSE 2 END"), "hidden-key"),
    (ordered("DATENAME(month, EntryDate)", "MONTH(EntryDate)"), ""),
    (ordered("DATENAME(month, EntryDate)", "YEAR(EntryDate)"), "hidden-key"),
    (ordered(FEW, "CASE WHEN KS4_ATT8 < 10 THEN 0 ELSE 10 END", SCORES), ""),
    (ordered(FEW, "CASE WHEN KS4_ATT8 < 10 THEN KS4_ATT8 ELSE 10 END", SCORES), "hidden-key"),
]


@pytest.mark.parametrize(("text", "refused"), ASKED)
def test_bands_and_what_reads_values_in_other_ways(text: str, refused: str) -> None:
    found = codes(text)
    assert found & set(refused.split()) if refused else found == set()
