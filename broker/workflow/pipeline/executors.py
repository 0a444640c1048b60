"""The kinds of jobs: how each opens its data, runs, and drafts its outputs. A new kind is one more executor."""

from collections.abc import Sequence

from broker.domain.jobs.job import JobKind
from broker.domain.ledger.spends import SpendState
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline import query_execution, script_run
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.job_attempt import Executed, ExecutedJob, Executor, JobAttempt, OpenedJob
from broker.workflow.pipeline.script_outputs import draft_script_outputs
from broker.workflow.private_jobs import private_answers
from broker.workflow.private_jobs.private_blocks import try_blocks_on_synthetic
from broker.workflow.private_jobs.private_outputs import draft_private
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.run_context import RunContext


class DefinitionExecutor:
    """Texts that only save definitions and request no output. They read no data, so nothing is started for them."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.only_saves_definitions

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        return attempt.context(attempt.no_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        return Executed()

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]:
        return ()


class QueryExecutor:
    """Exact SQL."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.kind is JobKind.SQL and checked.private is None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        return attempt.context(attempt.latest_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        result = query_execution.run_query(context)
        return Executed(result, result.image, result.runtime)

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]:
        return query_execution.draft_tables(context, executed.result)


class ScriptExecutor:
    """Exact scripts."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.kind is JobKind.PYTHON and checked.private is None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        script_run.try_on_synthetic(attempt.ports, attempt.job, attempt.checked, attempt.policies)
        # Only now: a script that fails on synthetic data never has real ones.
        return attempt.context(attempt.latest_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        ran = script_run.run_on_real_rows(context)
        return Executed(ran, ran.result.image, ran.result.runtime)

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]:
        return draft_script_outputs(executed.result, context.checked.declared, context.policies, context.profile)


class PrivateExecutor:
    """Private queries and scripts: charged once, on the snapshot that the spend names, even if there is a later one."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.private is not None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        ports, policies = attempt.ports, attempt.policies
        spend = private_answers.spend_of_job(ports, attempt.job, attempt.checked)
        vault = attempt.named_vault(spend.request.snapshot)
        checked = private_answers.recheck_on_vault(ports, attempt.project, policies, attempt.checked, vault)
        # Only before the charge: a script that fails on synthetic data costs nothing.
        if spend.state is SpendState.RESERVED:
            try_blocks_on_synthetic(ports, attempt.job, checked, policies)
        return attempt.context(vault, checked, spend)

    def execute(self, context: RunContext) -> Executed:
        found = private_answers.answer(context)
        return Executed(found.content, found.image, found.runtime)

    def draft(self, context: RunContext, executed: Executed) -> Sequence[DraftOutput]:
        return draft_private(context, executed.result)


EXECUTORS: tuple[Executor, ...] = (DefinitionExecutor(), QueryExecutor(), ScriptExecutor(), PrivateExecutor())


def executor_of(checked: CheckedSubmission) -> Executor:
    return next(e for e in EXECUTORS if e.takes(checked))


def open_vault(ports: RunPorts, attempt: JobAttempt) -> OpenedJob:
    """Stage: open the data that the job reads, by its executor."""
    executor = executor_of(attempt.checked)
    return OpenedJob(attempt.job, executor, executor.open_vault(attempt))


def execute(ports: RunPorts, opened: OpenedJob) -> ExecutedJob:
    """Stage: run the job on them."""
    return ExecutedJob(opened.job, opened.executor, opened.context, opened.executor.execute(opened.context))
