"""The trusted stage of one attempt: what it runs on, and what checkers are told of everything that it computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from broker.domain.errors import Unavailable
from broker.domain.findings import Assessment
from broker.domain.handed import HandedRegression, HandedTable, RowsChecked
from broker.domain.jobs import FailureCode
from broker.domain.ports import (
    Collector,
    HandedEngine,
    SandboxEnd,
    SandboxRequest,
    SandboxResult,
    Vault,
    Vaults,
    WorkerPorts,
)
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.python_jobs.rows import Inputs
from broker.python_jobs.written import unwritten
from broker.workflow.check import Checked
from broker.workflow.failing import Failed
from broker.workflow.handed_findings import Computed, by_person, problem_of
from broker.workflow.rehearse import Runner


class TrustedPorts(Protocol):
    """What the trusted stage runs on: a worker's ports, or a rehearsal's."""

    @property
    def sandbox(self) -> Runner: ...

    @property
    def handed(self) -> HandedEngine | None: ...

    @property
    def collector(self) -> Collector: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """What the trusted stage of a job needs: its attempt, the vault, and the policy of the day."""

    ports: TrustedPorts
    vaults: Vaults
    job: str
    attempt: int
    vault: Vault
    checked: Checked
    project: Project
    policies: Policies
    memory: WorkerPorts | None = None
    """Who compares tables with everything released; None on synthetic data."""

    @property
    def inputs(self) -> Inputs:
        return Inputs(self.checked.uses, self.policies.catalogue, self.project.default_schema)

    @property
    def profile(self) -> Profile:
        return self.policies.profile(self.project.profile)

    @property
    def handed(self) -> HandedEngine:
        if self.ports.handed is None:
            raise Unavailable("This worker computes nothing of what scripts hand over.")
        return self.ports.handed

    def run(self, request: SandboxRequest) -> SandboxResult:
        result = self.ports.sandbox.run(request)
        if result.end is not SandboxEnd.ENDED:
            raise Failed(FailureCode(result.end.value))
        return result


def told(
    stage: Stage,
    asked: HandedTable | HandedRegression,
    found: Assessment | None,
    checked: RowsChecked,
    derived: Sequence[str],
) -> Computed:
    kind = "table" if isinstance(asked, HandedTable) else "regression"
    if found is None:
        return Computed(asked.name, kind, asked.description, problem_of(checked))
    judged = by_person(found, checked, derived, unwritten(asked, stage.checked.canonical))
    return Computed(asked.name, kind, asked.description, judged, checked.rows, checked.persons)
