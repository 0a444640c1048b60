"""One attempt at a job: what the stages of its run hand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from broker.domain.jobs.job import Job
from broker.domain.jobs.work_items import WorkItem
from broker.domain.ledger.spends import Spend
from broker.domain.ports import Vault
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.run_context import RunContext, named_vault


@dataclass(frozen=True, slots=True)
class JobAttempt:
    """One attempt at a job, checked again under today's policy. `item` is its lease."""

    ports: RunPorts
    item: WorkItem
    job: Job
    policies: PolicySet
    project: ResearchProject
    checked: CheckedSubmission

    def latest_vault(self) -> Vault:
        return self.named_vault(self.ports.store.latest_snapshot().ident)

    def named_vault(self, snapshot: str) -> Vault:
        return named_vault(self.ports, self.item, self.project.ident, snapshot)

    def no_vault(self) -> Vault:
        """Return the vault of a job that reads no data."""
        return Vault("", "", self.project.ident, Path(), Path(), (), synthetic=True)

    def context(self, vault: Vault, checked: CheckedSubmission, spend: Spend | None = None) -> RunContext:
        """Return the context of the run on real data."""
        return RunContext(
            self.ports, self.ports.vaults, self.item.subject, self.item.attempt, vault, checked, self.project,
            self.policies, worker=self.ports, spend=spend,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Executed:
    """What an executor has run. `image` and `runtime` of the sandbox; None if none had to run. `result`: what the same
    executor drafts outputs from."""

    result: Any = None
    image: str | None = None
    runtime: str | None = None


class Executor(Protocol):
    """One kind of job. All methods raise Failed if the attempt ends without outputs."""

    def takes(self, checked: CheckedSubmission) -> bool:
        """Whether a submission is of this kind."""

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        """Return the context of the run, with the data that the job reads. A script first has to pass on synthetic
        data."""

    def execute(self, context: RunContext) -> Executed: ...

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]: ...


@dataclass(frozen=True, slots=True)
class OpenedJob:
    """A job whose data are open."""

    job: Job
    executor: Executor
    context: RunContext


@dataclass(frozen=True, slots=True)
class ExecutedJob:
    """A job that has run: its outputs have to be drafted and stored."""

    job: Job
    executor: Executor
    context: RunContext
    executed: Executed
