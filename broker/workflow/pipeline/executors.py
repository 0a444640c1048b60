"""The kinds of jobs: how each opens its data, runs, and drafts its outputs. A new kind is one more executor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from broker.domain.jobs.job import FailureCode, JobKind
from broker.domain.ledger.spends import Spend, SpendState
from broker.domain.ports import Lease, SandboxResult, Vault
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline import query_execution, script_run
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.script_outputs import draft_script_outputs
from broker.workflow.private_jobs import private_answers
from broker.workflow.private_jobs.private_blocks import try_blocks_on_synthetic
from broker.workflow.private_jobs.private_outputs import draft_private
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.run_context import Failed, RunContext


@dataclass(frozen=True, slots=True)
class JobAttempt:
    """One attempt at a job, checked again under today's policy."""

    ports: RunPorts
    lease: Lease
    policies: PolicySet
    project: ResearchProject
    checked: CheckedSubmission

    def latest_vault(self) -> Vault:
        return self.named_vault(self.ports.store.latest_snapshot().ident)

    def named_vault(self, snapshot: str) -> Vault:
        """Return the project's vault. The job names it in the store before the last request for it."""
        vault = self.ports.vaults.ensure(self.project.ident, snapshot)
        self.ports.store.name_vault(self.lease.job.ident, self.lease.attempt, vault.key)
        # A vault that was removed as unused before the job named it is built again here; afterwards it is not removed.
        confirmed = self.ports.vaults.ensure(self.project.ident, snapshot)
        if confirmed.key != vault.key:
            raise Failed(FailureCode.POLICY_CHANGED)
        return confirmed

    def context(self, vault: Vault, checked: CheckedSubmission, spend: Spend | None = None) -> RunContext:
        """Return the context of the run on real data."""
        job = self.lease.job.ident
        return RunContext(
            self.ports, self.ports.vaults, job, self.lease.attempt, vault, checked, self.project, self.policies,
            worker=self.ports, spend=spend,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Executed:
    """What an executor has run. `image` and `runtime` of the sandbox; None if none had to run. `result`: what the same
    executor drafts outputs from."""

    result: Any
    image: str | None
    runtime: str | None


class Executor(Protocol):
    """One kind of job. All methods raise Failed if the attempt ends without outputs."""

    def takes(self, checked: CheckedSubmission) -> bool:
        """Whether a submission is of this kind."""

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        """Return the context of the run, with the data that the job reads. A script first has to pass on synthetic
        data."""

    def execute(self, context: RunContext) -> Executed: ...

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]: ...


def _executed(result: SandboxResult, content: object) -> Executed:
    return Executed(content, result.image, result.runtime)


class QueryExecutor:
    """Exact SQL."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.kind is JobKind.SQL and checked.private is None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        return attempt.context(attempt.latest_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        result = query_execution.run_query(context)
        return _executed(result, result)

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]:
        return query_execution.draft_tables(context, executed.result)


class ScriptExecutor:
    """Exact scripts."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.kind is JobKind.PYTHON and checked.private is None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        script_run.try_on_synthetic(attempt.ports, attempt.lease, attempt.checked, attempt.policies)
        # Only now: a script that fails on synthetic data never has real ones.
        return attempt.context(attempt.latest_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        ran = script_run.run_on_real_rows(context)
        return _executed(ran.result, ran)

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]:
        return draft_script_outputs(executed.result, context.checked.declared, context.policies, context.profile)


class PrivateExecutor:
    """Private queries and scripts: charged once, on the snapshot that the spend names, even if there is a later one."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.private is not None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        ports, policies = attempt.ports, attempt.policies
        spend = private_answers.spend_of_job(ports, attempt.lease.job, attempt.checked)
        vault = attempt.named_vault(spend.request.snapshot)
        checked = private_answers.recheck_on_vault(ports, attempt.project, policies, attempt.checked, vault)
        # Only before the charge: a script that fails on synthetic data costs nothing.
        if spend.state is SpendState.RESERVED:
            try_blocks_on_synthetic(ports, attempt.lease, checked, policies)
        return attempt.context(vault, checked, spend)

    def execute(self, context: RunContext) -> Executed:
        found = private_answers.answer(context)
        return Executed(found.content, found.image, found.runtime)

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]:
        return draft_private(context, executed.result)


EXECUTORS: tuple[Executor, ...] = (QueryExecutor(), ScriptExecutor(), PrivateExecutor())


def executor_of(checked: CheckedSubmission) -> Executor:
    return next(e for e in EXECUTORS if e.takes(checked))
