"""A synthetic town. An attacker knows each child's school, month and year of birth. A text about one child is planned,
run on a vault and judged in this process, without a checker. No attack is here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb

from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.plans.scalars import Value
from broker.domain.progress import no_progress
from broker.domain.projects.project import ResearchProject
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.query import compile_sql
from broker.wiring.data_intake import synthetic_years
from broker.wiring.rehearsal_adapters import build_rehearsal_data
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.rehearsal.query_rehearsal import rehearse_query
from broker.workflow.rehearsal.rehearsal_data import RehearsalData
from broker.workflow.rehearsal.synthetic_data import synthetic_data_spec
from tests.attacks.decoders.towns import lasting_folder

PUPILS, PROJECT, YEAR = 4000, "P0421", 2018
Y = "AcademicYear = '2018/2019'"


@dataclass(frozen=True, slots=True)
class Child:
    """Known by three things to a neighbour; `has` is the secret: whether there is provision for special needs."""

    school: int
    month: int
    year: int
    has: bool

    @property
    def alone(self) -> str:
        return f"URN = {self.school} AND MonthOfBirth = {self.month} AND YearOfBirth = {self.year}"

    @property
    def secret(self) -> str:
        return f"({self.alone} AND SENprovision <> 'N')"


@dataclass(frozen=True, slots=True)
class Left:
    """What left by itself: the first figure of the first row; None where it is hidden. `asked`: a person is asked
    before anything leaves."""

    asked: bool
    figure: Value = None


@dataclass(frozen=True, slots=True)
class Town:
    policies: PolicySet
    stage: RehearsalData

    @property
    def profiles(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.policies.profiles)

    def rows(self, query: str) -> list[tuple[Value, ...]]:
        """What a neighbour, or a public table, knows exactly: `absence` are the rows of the year."""
        vault = self.stage.vaults.ensure(PROJECT, self.stage.snapshot)
        file = vault.evidence / "npd.absence" / f"{YEAR}.parquet"
        with duckdb.connect() as con:
            return con.execute(query.replace("absence", f"'{file}'")).fetchall()

    def count(self, condition: str) -> int:
        ((found,),) = self.rows(f"SELECT count(*) FROM absence WHERE {condition}")
        assert isinstance(found, int)
        return found

    def children(self, each: int) -> Iterator[Child]:
        """So many with the secret and so many without, each alone by what is known."""
        alone = "SELECT URN, MonthOfBirth, YearOfBirth, max(SENprovision) <> 'N' AS has FROM absence GROUP BY ALL"
        for has in (True, False):
            yield from (
                Child(*row)  # type: ignore[arg-type]
                for row in self.rows(f"{alone} HAVING count(*) = 1 AND has = {has} ORDER BY 1, 2, 3 LIMIT {each}")
            )

    def left(self, column: str, profile: str = "npd-default", where: str = Y, rows: str = "npd.absence") -> Left:
        project = self._project(profile)
        text = f"-- output: a\nSELECT {column} AS s FROM {rows} WHERE {where}"
        found = compile_sql(text, "tsql", self.policies.catalogue, project, self.policies.service, 10)
        assert found.plan is not None, found.refusals
        if found.review:
            return Left(asked=True)
        plan = found.plan
        checked = CheckedSubmission(JobKind.SQL, (), (), (), found.uses, found.canonical, plan, plan.hash)
        (one,) = rehearse_query(self.stage.context(checked, project, self.policies))
        leaves = one.route is OutputState.APPROVED and one.assessment.rows
        return Left(one.route is OutputState.IN_REVIEW, one.assessment.rows[0].released[0] if leaves else None)

    def _project(self, profile: str) -> ResearchProject:
        project = self.policies.project(PROJECT)
        assert project is not None
        return replace(project, profile=profile, votes=0)


def town_of(policies: PolicySet, pupils: int = PUPILS) -> Town:
    """The rows of all that the project is granted, as its vault has them."""
    project = policies.project(PROJECT)
    assert project is not None
    data = synthetic_data_spec(project, policies.catalogue, synthetic_years(), pupils, 1)
    return Town(policies, build_rehearsal_data(policies, PROJECT, data, lasting_folder("absence-town"), no_progress))


@cache
def town() -> Town:
    """Made once: the absence rows of one year."""
    found = load_policies(Path(__file__).parents[2] / "policies")
    project = found.project(PROJECT)
    assert project is not None
    grants = tuple(replace(g, years=frozenset({YEAR})) for g in project.grants if g.table == "npd.absence")
    return town_of(replace(found, projects=(replace(project, grants=grants),)))
