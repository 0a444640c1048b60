"""One attempt at a job: what the stages of its run hand on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from broker.domain.errors import Invalid
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
            self.policies, worker=self.ports, job=self.job, spend=spend,
        )  # fmt: skip

    def synthetic_context(self) -> RunContext | None:
        """Return the context of the trial that precedes a script's run on real rows; None if policy has no such trial
        or no synthetic data can be made."""
        synthetic, service = self.ports.synthetic, self.policies.service
        if synthetic is None or not service.python_synthetic_first:
            return None
        try:
            data = synthetic.for_project(self.project.ident, service.synthetic_pupils, lambda seconds: None)
        except Invalid:
            return None
        return RunContext(
            self.ports, data.vaults, self.item.subject, self.item.attempt, data.vault, self.checked, self.project,
            self.policies,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Executed:
    """A submission that has run and was judged. `image` and `runtime` of the sandbox; None if none had to run."""

    context: RunContext
    drafts: Sequence[DraftOutput] = ()
    image: str | None = None
    runtime: str | None = None


class Executor(Protocol):
    """One kind of job. All methods raise Failed if the attempt ends without outputs."""

    def takes(self, checked: CheckedSubmission) -> bool:
        """Whether a submission is of this kind."""

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        """Return the context of the run, with the data that the job reads. A script first has to pass on synthetic
        data."""

    def execute(self, context: RunContext) -> Executed:
        """Run the submission on the context's data and draft its outputs."""
