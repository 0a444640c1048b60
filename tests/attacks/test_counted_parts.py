"""Where public sizes do not show that a part of a text is about enough people, the engine counts them: no text of an
attacker about one child leaves a synthetic town without a person, whether or not the child has the secret."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.plans.scalars import Value
from broker.domain.projects.project import ResearchProject
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.policy.public_sizes import PublicSizes
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, rehearse_query
from tests.attacks import test_reach
from tests.attacks.absence_town import Child, Town, town_of

PUPILS, PROJECT = 3000, "P0421"
POLICIES = replace(load_policies(Path(__file__).parents[2] / "policies"), sizes=PublicSizes())
"""Without public sizes, so that everything is counted."""
FEW = 30

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def town() -> Town:
    """All that the project is granted."""
    return town_of(POLICIES, PUPILS)


def of_reach(reach: int) -> tuple[ResearchProject, PolicySet]:
    project = POLICIES.project(PROJECT)
    assert project is not None
    profiles = tuple(replace(p, reach=reach) for p in POLICIES.profiles)
    return replace(project, votes=0), replace(POLICIES, profiles=profiles)


def checked(text: str, reach: int = FEW) -> CheckedSubmission:
    found = check_submission(text, JobKind.SQL, "tsql", *of_reach(reach), date(2026, 11, 1))
    assert found.accepted, found.refusals
    return found


def outputs(town: Town, text: str, reach: int = FEW) -> tuple[RehearsedOutput, ...]:
    return rehearse_query(town.stage.context(checked(text, reach), *of_reach(reach)))


def leaves(output: RehearsedOutput) -> bool:
    return output.route is OutputState.APPROVED and bool(output.assessment.rows)


def assert_leaves_unless_few(town: Town, text: str) -> None:
    (output,) = outputs(town, text)
    assert leaves(output), [f.sentence for f in output.assessment.findings]
    (few,) = outputs(town, text, 10 * PUPILS)
    assert few.route is OutputState.IN_REVIEW


def children(town: Town) -> list[Child]:
    """One with the secret and one without, each alone by what is known."""
    found = [child for child in town.children(20) if child.month not in test_reach.PADS]
    return [next(child for child in found if child.has is has) for has in (True, False)]


@pytest.mark.timeout(3600)
def test_no_text_about_one_child_leaves_without_a_person(town: Town) -> None:
    asked, alone = 0, []
    for name, text in test_reach.ATTACKS.items():
        for child in children(town):
            for output in outputs(town, test_reach.about(text, child)):
                asked += 1
                alone += [(name, child)] if leaves(output) else []
    assert alone == []
    assert asked >= 2 * len(test_reach.ATTACKS)


ALONE = {
    "a filter": "WHERE a.{y} AND ({child})",
    "a filter that leaves out": "WHERE a.{y} AND NOT ({child})",
    "an alternative": "WHERE a.{y} AND (a.MonthOfBirth IN (4, 5) OR ({child}))",
    "an alternative below another one": "WHERE a.{y} AND (a.MonthOfBirth = 5 OR (a.MonthOfBirth < 13 AND ({child})))",
    "EXISTS": "WHERE a.{y} AND EXISTS (SELECT 1 FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = "
    "a.PupilMatchingRefAnonymous AND b.{y} AND ({of_b}))",
    "not EXISTS": "WHERE a.{y} AND NOT EXISTS (SELECT 1 FROM npd.absence b WHERE b.PupilMatchingRefAnonymous = "
    "a.PupilMatchingRefAnonymous AND b.{y} AND ({of_b}))",
    "a join": "JOIN npd.absence b ON b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{y} AND ({of_b}) "
    "WHERE a.{y}",
    "a derived flag": "JOIN (SELECT PupilMatchingRefAnonymous AS k, CASE WHEN {bare} THEN 1 ELSE 0 END AS f FROM "
    "npd.absence WHERE {y}) c ON c.k = a.PupilMatchingRefAnonymous WHERE a.{y} AND c.f = 0",
    "own figures": "JOIN (SELECT PupilMatchingRefAnonymous AS k, MAX(URN) AS u, MAX(MonthOfBirth) AS m, "
    "MAX(YearOfBirth) AS y FROM npd.absence WHERE {y} GROUP BY PupilMatchingRefAnonymous) c "
    "ON c.k = a.PupilMatchingRefAnonymous WHERE a.{y} AND NOT (c.u = {school} AND c.m = {month} AND c.y = {year})",
}


@pytest.mark.parametrize("how", ALONE)
def test_one_child_is_counted_as_one(town: Town, how: str) -> None:
    """Two people are enough here. The part that is one child's is found all the same; the text without it leaves."""
    for child in children(town):
        of = {
            "y": test_reach.Y, "bare": child.alone, "school": child.school, "month": child.month, "year": child.year,
            "child": qualified(child, "a"), "of_b": qualified(child, "b"),
        }  # fmt: skip
        rows = f"FROM npd.absence a {ALONE[how].format(**of)}"
        (output,) = outputs(town, f"SELECT a.FSMeligible, COUNT(*) AS n {rows} GROUP BY a.FSMeligible", reach=2)
        assert not leaves(output), child


def qualified(child: Child, table: str) -> str:
    return " AND ".join(f"{table}.{condition}" for condition in child.alone.split(" AND "))


ORDINARY = {
    "codes of two variables": "WHERE a.{y} AND a.MonthOfBirth <= 6 AND a.FSMeligible = 1",
    "an alternative": "WHERE a.{y} AND (a.MonthOfBirth = 5 OR a.FSMeligible = 1)",
    "EXISTS": "WHERE a.{y} AND a.FSMeligible = 0 AND EXISTS (SELECT 1 FROM npd.absence b WHERE "
    "b.PupilMatchingRefAnonymous = a.PupilMatchingRefAnonymous AND b.{y} AND b.MonthOfBirth <= 6)",
    "own figures": "JOIN (SELECT PupilMatchingRefAnonymous AS k, SUM(OverallAbsence_6HalfTerms) AS s FROM npd.absence "
    "WHERE {y} GROUP BY PupilMatchingRefAnonymous) c ON c.k = a.PupilMatchingRefAnonymous WHERE a.{y} AND c.s >= 20 "
    "AND a.MonthOfBirth <= 6",
}


@pytest.mark.parametrize("how", ORDINARY)
def test_parts_of_enough_people_leave(town: Town, how: str) -> None:
    rows = f"FROM npd.absence a {ORDINARY[how].format(y=test_reach.Y)}"
    text = f"SELECT a.NCyearActual, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS n {rows} GROUP BY a.NCyearActual"
    plan = checked(text, 10 * PUPILS).plan
    assert plan is not None
    assert plan.outputs[0].counted, "without them, nothing here would be counted"
    assert_leaves_unless_few(town, text)


FIGURES = {
    "a flag": "MAX(CASE WHEN {path} THEN 1 ELSE 0 END)",
    "the other flag": "MIN(CASE WHEN {path} THEN 0 ELSE 1 END)",
    "a number of rows": "COUNT(CASE WHEN {path} THEN 1 END)",
}
OF_EACH = (
    "SELECT d.f, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(FSMeligible) AS g, {figure} AS f "
    "FROM npd.absence WHERE {y} GROUP BY PupilMatchingRefAnonymous) d {above} GROUP BY d.f"
)


PATH = "MonthOfBirth <= 6 AND OverallAbsence_6HalfTerms >= 10"


def of_each(figure: str, path: str, above: str = "") -> str:
    return OF_EACH.format(figure=FIGURES[figure].format(path=path), y=test_reach.Y, above=above)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_of_each_person_is_counted_by_its_rows(town: Town, figure: str) -> None:
    """Whom the conditions select and leave out, among the rows that the figure is made of."""
    assert_leaves_unless_few(town, of_each(figure, PATH))


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_about_one_child_is_counted_as_one(town: Town, figure: str) -> None:
    """Two people are enough here, and the path names no school. One child meets it, or fails it alone."""
    for month, missed in alone_by_absence(town):
        for path in (
            f"MonthOfBirth = {month} AND OverallAbsence_6HalfTerms = {missed}",
            f"MonthOfBirth = {month} AND OverallAbsence_6HalfTerms <> {missed}",
            f"MonthOfBirth <> {month} AND OverallAbsence_6HalfTerms = {missed}",
            f"MonthOfBirth <> {month} OR OverallAbsence_6HalfTerms <> {missed}",
        ):
            (output,) = outputs(town, of_each(figure, path), reach=2)
            assert not leaves(output), path


def alone_by_absence(town: Town) -> list[tuple[Value, ...]]:
    """A month and a number of sessions that one child has, whom others share each with."""
    return town.rows(
        "SELECT MonthOfBirth, OverallAbsence_6HalfTerms FROM absence WHERE MonthOfBirth > 0 AND "
        "OverallAbsence_6HalfTerms BETWEEN 2 AND 60 GROUP BY ALL HAVING count(*) = 1 ORDER BY ALL LIMIT 2"
    )


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_below_a_condition_is_not_counted_by_its_rows(figure: str) -> None:
    """The condition above chooses among the people, so the rows below it are of too many."""
    plan = checked(of_each(figure, PATH, "WHERE d.g = 1")).plan
    assert plan is not None
    assert any(not part.counted for part in plan.outputs[0].small_parts)
