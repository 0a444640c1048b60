"""Where public sizes do not show that a part of a text is about enough people, the engine counts them: no text of an
attacker about one child leaves a synthetic town without a person, whether or not the child has the secret."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import duckdb
import pytest

from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.progress import no_progress
from broker.domain.projects.project import ResearchProject
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.policy.public_sizes import PublicSizes
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, rehearse_query
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from tests.attacks import test_reach
from tests.attacks.absence_town import Child

PUPILS, PROJECT = 3000, "P0421"
POLICIES = replace(load_policies(Path(__file__).parents[2] / "policies"), sizes=PublicSizes())
"""Without public sizes, so that everything is counted."""
FEW = 30

pytestmark = pytest.mark.long


@cache
def stage(folder: str) -> RehearsalData:
    """All that the project is granted, of one town."""
    project = POLICIES.project(PROJECT)
    assert project is not None
    data = synthetic_data_spec(project, POLICIES.catalogue, synthetic_years(), PUPILS, 1)
    return build_rehearsal_data(POLICIES, PROJECT, data, Path(folder), no_progress)


@pytest.fixture(scope="module")
def town() -> Iterator[RehearsalData]:
    folder = mkdtemp(prefix="counted_parts")
    yield stage(folder)
    rmtree(folder, ignore_errors=True)


def of_reach(reach: int) -> tuple[ResearchProject, PolicySet]:
    project = POLICIES.project(PROJECT)
    assert project is not None
    profiles = tuple(replace(p, reach=reach) for p in POLICIES.profiles)
    return replace(project, votes=0), replace(POLICIES, profiles=profiles)


def outputs(town: RehearsalData, text: str, reach: int = FEW) -> tuple[RehearsedOutput, ...]:
    project, policies = of_reach(reach)
    checked = check_submission(text, JobKind.SQL, "tsql", project, policies, date(2026, 11, 1))
    assert checked.accepted, checked.refusals
    return rehearse_query(town.context(checked, project, policies))


def leaves(output: RehearsedOutput) -> bool:
    return output.route is OutputState.APPROVED and bool(output.assessment.rows)


def children(town: RehearsalData) -> list[Child]:
    """One with the secret and one without, each alone by what is known."""
    (table,) = (t for t in town.vaults.ensure(PROJECT, town.snapshot).tables if t.name == "npd.absence")
    files = [str(town.vaults.ensure(PROJECT, town.snapshot).evidence / p) for p in table.paths]
    with duckdb.connect() as con:
        found = con.execute(
            "SELECT URN, MonthOfBirth, YearOfBirth, max(SENprovision) <> 'N' AS has "
            f"FROM read_parquet({files!r}, union_by_name=true) WHERE AcademicYear = '2018/2019' "
            "GROUP BY ALL HAVING count(*) = 1 ORDER BY ALL"
        ).fetchall()
    return [
        next(Child(*row) for row in found if row[3] is has and row[1] not in test_reach.PADS) for has in (True, False)
    ]


@pytest.mark.timeout(3600)
def test_no_text_about_one_child_leaves_without_a_person(town: RehearsalData) -> None:
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
def test_one_child_is_counted_as_one(town: RehearsalData, how: str) -> None:
    """Two people are enough here. The part that is one child's is found all the same; the text without it leaves."""
    for child in children(town):
        of = {
            "y": test_reach.Y, "bare": child.alone, "school": child.school, "month": child.month, "year": child.year,
            "child": qualified(child, "a"), "of_b": qualified(child, "b"),
        }  # fmt: skip
        text = (
            f"SELECT a.FSMeligible, COUNT(*) AS n FROM npd.absence a {ALONE[how].format(**of)} GROUP BY a.FSMeligible"
        )
        (output,) = outputs(town, text, reach=2)
        assert not leaves(output), child


def qualified(child: Child, table: str) -> str:
    return (
        f"{table}.URN = {child.school} AND {table}.MonthOfBirth = {child.month} AND {table}.YearOfBirth = {child.year}"
    )


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
def test_parts_of_enough_people_leave(town: RehearsalData, how: str) -> None:
    text = "SELECT a.Gender, COUNT(DISTINCT a.PupilMatchingRefAnonymous) AS n FROM npd.absence a "
    text = f"{text}{ORDINARY[how].format(y=test_reach.Y)} GROUP BY a.Gender".replace("a.Gender", "a.NCyearActual")
    (output,) = outputs(town, text)
    assert leaves(output), [f.sentence for f in output.assessment.findings]
    project, policies = of_reach(10 * PUPILS)
    checked = check_submission(text, JobKind.SQL, "tsql", project, policies, date(2026, 11, 1))
    assert checked.plan is not None
    assert checked.plan.outputs[0].counted, "without them, nothing here would be counted"
    (few,) = outputs(town, text, 10 * PUPILS)
    assert few.route is OutputState.IN_REVIEW


FIGURES = {
    "a flag": "MAX(CASE WHEN {path} THEN 1 ELSE 0 END)",
    "the other flag": "MIN(CASE WHEN {path} THEN 0 ELSE 1 END)",
    "a number of rows": "COUNT(CASE WHEN {path} THEN 1 END)",
}
OF_EACH = (
    "SELECT d.f, COUNT(*) AS n FROM (SELECT PupilMatchingRefAnonymous AS k, MAX(FSMeligible) AS g, {figure} AS f "
    "FROM npd.absence WHERE {y} GROUP BY PupilMatchingRefAnonymous) d {above} GROUP BY d.f"
)


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_of_each_person_is_counted_by_its_rows(town: RehearsalData, figure: str) -> None:
    """Whom the conditions select and leave out, among the rows that the figure is made of."""
    path = "MonthOfBirth <= 6 AND OverallAbsence_6HalfTerms >= 10"
    text = OF_EACH.format(figure=FIGURES[figure].format(path=path), y=test_reach.Y, above="")
    (output,) = outputs(town, text)
    assert leaves(output), [f.sentence for f in output.assessment.findings]
    (few,) = outputs(town, text, 10 * PUPILS)
    assert few.route is OutputState.IN_REVIEW


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_about_one_child_is_counted_as_one(town: RehearsalData, figure: str) -> None:
    """Two people are enough here, and the path names no school. One child meets it, or fails it alone."""
    for month, missed in alone_by_absence(town):
        for path in (
            f"MonthOfBirth = {month} AND OverallAbsence_6HalfTerms = {missed}",
            f"MonthOfBirth = {month} AND OverallAbsence_6HalfTerms <> {missed}",
            f"MonthOfBirth <> {month} AND OverallAbsence_6HalfTerms = {missed}",
            f"MonthOfBirth <> {month} OR OverallAbsence_6HalfTerms <> {missed}",
        ):
            text = OF_EACH.format(figure=FIGURES[figure].format(path=path), y=test_reach.Y, above="")
            (output,) = outputs(town, text, reach=2)
            assert not leaves(output), path


def alone_by_absence(town: RehearsalData) -> list[tuple[int, int]]:
    """A month and a number of sessions that one child has, whom others share each with."""
    (table,) = (t for t in town.vaults.ensure(PROJECT, town.snapshot).tables if t.name == "npd.absence")
    files = [str(town.vaults.ensure(PROJECT, town.snapshot).evidence / p) for p in table.paths]
    with duckdb.connect() as con:
        return con.execute(
            "SELECT MonthOfBirth, OverallAbsence_6HalfTerms FROM read_parquet(?, union_by_name=true) "
            "WHERE AcademicYear = '2018/2019' AND MonthOfBirth > 0 AND OverallAbsence_6HalfTerms BETWEEN 2 AND 60 "
            "GROUP BY ALL HAVING count(*) = 1 ORDER BY ALL LIMIT 2",
            [files],
        ).fetchall()


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_below_a_condition_is_not_counted_by_its_rows(town: RehearsalData, figure: str) -> None:
    """The condition above chooses among the people, so the rows below it are of too many."""
    path = "MonthOfBirth <= 6 AND OverallAbsence_6HalfTerms >= 10"
    text = OF_EACH.format(figure=FIGURES[figure].format(path=path), y=test_reach.Y, above="WHERE d.g = 1")
    project, policies = of_reach(FEW)
    checked = check_submission(text, JobKind.SQL, "tsql", project, policies, date(2026, 11, 1))
    assert checked.plan is not None
    assert any(not part.counted for part in checked.plan.outputs[0].small_parts)
