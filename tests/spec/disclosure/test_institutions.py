"""F6, and F3 and M3 on schools, as drawn tables: what leaves where the profile protects institutions."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tables_kit import judged_table, key_of, lines, output_of

from broker.domain.evidence import CellEvidence, StatisticEvidence
from broker.domain.findings import Assessment, Verdict
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ColumnRef, ScalarType
from broker.policy.disclosure_rules import DisclosureRules, ZeroPolicy

PROFILE = DisclosureRules(name="dea", source="test", t=10, protects_institutions=True, round_base=1, min_institutions=3)
COUNT = PlannedStatistic(10, Measure.COUNT_ROWS, None, ScalarType.INT)
SUM = PlannedStatistic(10, Measure.SUM, ColumnRef(2, ScalarType.INT), ScalarType.INT)
Schools = tuple[int, ...] | None


def cell(la: str, schools: Schools) -> CellEvidence:
    """A cell by its schools' pupils, the largest first; None where the schools of its 100 pupils cannot be counted."""
    if schools is None:
        return CellEvidence((la,), 100, 100, {10: StatisticEvidence(100, 100, 100)})
    persons, first, second = sum(schools), schools[0], schools[1] if len(schools) > 1 else None
    told = StatisticEvidence(persons, persons, persons, institution_largest=first, institution_second=second)
    return CellEvidence((la,), persons, persons, {10: told}, len(schools), first)


def assessed(
    cells: Mapping[str, Schools], profile: DisclosureRules = PROFILE, variable: str = "npd.census.LA"
) -> Assessment:
    planned = output_of((COUNT,), (key_of(*cells, variable=variable),))
    return judged_table(planned, [cell(la, schools) for la, schools in cells.items()], profile)


def shown(cells: Mapping[str, Schools], profile: DisclosureRules = PROFILE) -> list[str]:
    return lines(assessed(cells, profile))[1:]


def finding_set(assessment: Assessment) -> set[tuple[str, str, Verdict]]:
    return {(f.rule, "" if f.cell is None else str(f.cell[0]), f.verdict) for f in assessment.findings}


SMALL_COUNTY = {"Kent": (300, 280, 90), "City": (60,), "Scilly": (40, 30)}


def test_an_area_of_one_or_two_schools_is_not_shown() -> None:
    """F6. The City has one school and Scilly two: their figures would be those schools' own."""
    found = assessed(SMALL_COUNTY)
    assert lines(found)[1:] == ["Kent,670", "City,c", "Scilly,c"]
    assert {("F6", "City", Verdict.SUPPRESS), ("F6", "Scilly", Verdict.SUPPRESS)} <= finding_set(found)


def test_where_the_profile_protects_pupils_only_schools_do_not_matter() -> None:
    pupils_only = replace(PROFILE, protects_institutions=False)
    assert shown(SMALL_COUNTY, pupils_only) == ["Kent,670", "City,60", "Scilly,70"]


@pytest.mark.parametrize(
    ("schools", "rules"),
    [
        ((950, 25, 25), {"M3"}),  # three schools, and one of them has nearly everybody
        ((900, 50, 50), {"M3"}),
        ((900, 10, 90), {"M3"}),  # what is left after two: 90 of the largest's 900 would do; 10 counts as the second
        ((500, 400, 100), set()),
        ((500, 400, 50), set()),  # exactly ten percent of the largest
        ((500, 400, 49), {"M3"}),
    ],
)
def test_one_school_with_nearly_all_pupils_of_an_area(schools: tuple[int, ...], rules: set[str]) -> None:
    """M3. Three schools pass F6, but the second could work out the largest to within a tenth."""
    ordered = tuple(sorted(schools, reverse=True))
    assert {rule for rule, *_ in finding_set(assessed({"Kent": ordered}))} == rules


def test_full_shares_of_one_school() -> None:
    """F3. The profile says from which share on one school is everybody: 90 % here, by the strict profile's word."""
    strict = replace(PROFILE, p_percent=None, full_share=0.9, full=ZeroPolicy.SUPPRESS)
    found = assessed({"Kent": (300, 280, 90), "Dover": (90, 5, 5)}, strict)
    assert lines(found)[1:] == ["Kent,670", "Dover,c"]
    assert ("F3", "Dover", Verdict.SUPPRESS) in finding_set(found)
    for other in (replace(strict, full_share=0.91), replace(strict, full=ZeroPolicy.PUBLISH)):
        assert shown({"Dover": (90, 5, 5)}, other) == ["Dover,100"]


def test_tables_by_school_are_judged_by_pupils_alone() -> None:
    """Each cell is one school, which is what was asked for: a table by URN is not empty for it. The finding says so."""
    found = assessed({"100001": (60,), "100002": (9,), "100003": (40,)}, variable="npd.census.URN")
    assert lines(found)[1:] == ["100001,60", "100002,c", "100003,40"]
    assert ("F6", "", Verdict.PUBLISH) in finding_set(found)
    assert found.verdict is Verdict.SUPPRESS
    (notice,) = (f for f in found.findings if f.rule == "F6")
    assert "only its persons" in notice.sentence


def test_schools_that_cannot_be_counted_are_a_persons_business() -> None:
    """No school is granted, or it was lost in a group below: the figure is not shown before somebody has looked."""
    found = assessed({"Kent": None, "Dover": (40, 30, 30)})
    assert found.verdict is Verdict.REVIEW
    assert ("F6", "Kent", Verdict.REVIEW) in finding_set(found)
    (why,) = (f.sentence for f in found.findings if f.cell == ("Kent",))
    assert "cannot be counted" in why
    hidden = assessed({"Kent": (300, 280, 90), "Dover": None}, replace(PROFILE, t=101))
    assert ("F6", "Dover", Verdict.REVIEW) not in finding_set(hidden)


def amounts(schools: tuple[int, ...]) -> Assessment:
    """A sum over 100 pupils by the schools' totals; no pupil has much of it."""
    evidence = StatisticEvidence(
        sum(schools), 100, 100, largest=3, second=3, low=1, high=3, total=sum(schools),
        institution_largest=schools[0], institution_second=schools[1],
    )  # fmt: skip
    kent = CellEvidence(("Kent",), 100, 100, {10: evidence}, len(schools), 40)
    return judged_table(output_of((SUM,), (key_of("Kent", variable="npd.census.LA"),)), [kent], PROFILE)


def test_amounts_of_schools() -> None:
    """M3 on a sum: 30 of 40 pupils' worth in one school is the school's, however many pupils share it."""
    assert amounts((90, 60, 50)).verdict is Verdict.PUBLISH
    assert {rule for rule, *_ in finding_set(amounts((160, 30, 10)))} == {"M3"}
