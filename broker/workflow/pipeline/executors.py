"""Stages open_vault and execute: how each kind of job opens its data, and how it runs and drafts its outputs. A new
kind is one more executor."""

from broker.disclosure.judge_job import judge_job
from broker.disclosure.rules import evidence_needs
from broker.domain.jobs.job import JobKind
from broker.domain.ledger.spends import SpendState
from broker.domain.ports import SandboxResult
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline import script_run
from broker.workflow.pipeline.draft_output import DraftOutput, draft_table
from broker.workflow.pipeline.job_attempt import Executed, Executor, JobAttempt
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
        return Executed(context)


class QueryExecutor:
    """Exact SQL."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.kind is JobKind.SQL and checked.private is None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        return attempt.context(attempt.latest_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        result = run_query(context)
        return Executed(context, draft_tables(context, result), result.image, result.runtime)


def run_query(context: RunContext) -> SandboxResult:
    """Run the evidence statements of a plan. Raises Failed."""
    context.progress("run", 1, 3)
    needs = evidence_needs(context.profile)
    request = context.ports.engine.prepare(
        context.plan, context.vault, context.subject, context.attempt, context.limits, needs
    )
    return context.run(request)


def draft_tables(context: RunContext, result: SandboxResult) -> list[DraftOutput]:
    """Judge the outputs of a query together, and draft each. Raises Breach if the frames are not those requested."""
    context.progress("assess", 2, 3)
    plan, profile = context.plan, context.profile
    evidence = context.ports.engine.read(plan, result.frames, evidence_needs(profile))
    registers = context.vaults.registers(context.vault)
    judged = judge_job(plan, evidence, profile, registers, context.progress)
    return [draft_table(a, found.name, profile.name) for a, found in zip(judged, evidence.outputs, strict=True)]


class ScriptExecutor:
    """Exact scripts."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.kind is JobKind.PYTHON and checked.private is None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        script_run.try_on_synthetic(attempt)
        # Only now: a script that fails on synthetic data never has real ones.
        return attempt.context(attempt.latest_vault(), attempt.checked)

    def execute(self, context: RunContext) -> Executed:
        ran = script_run.run_on_real_rows(context)
        drafts = draft_script_outputs(ran, context.checked.declared, context.policies, context.profile)
        return Executed(context, drafts, ran.result.image, ran.result.runtime)


class PrivateExecutor:
    """Private queries and scripts: charged once, on the snapshot that the spend names, even if there is a later one."""

    def takes(self, checked: CheckedSubmission) -> bool:
        return checked.private is not None

    def open_vault(self, attempt: JobAttempt) -> RunContext:
        spend = private_answers.spend_of_job(attempt)
        vault = attempt.named_vault(spend.request.snapshot)
        checked = private_answers.recheck_on_vault(attempt, vault)
        # Only before the charge: a script that fails on synthetic data costs nothing.
        if spend.state is SpendState.RESERVED:
            try_blocks_on_synthetic(attempt)
        return attempt.context(vault, checked, spend)

    def execute(self, context: RunContext) -> Executed:
        found = private_answers.answer(context)
        return Executed(context, draft_private(context, found.content), found.image, found.runtime)


EXECUTORS: tuple[Executor, ...] = (DefinitionExecutor(), QueryExecutor(), ScriptExecutor(), PrivateExecutor())


def executor_of(checked: CheckedSubmission) -> Executor:
    return next(e for e in EXECUTORS if e.takes(checked))


def open_vault(ports: RunPorts, attempt: JobAttempt) -> RunContext:
    """Stage: open the data that the job reads."""
    return executor_of(attempt.checked).open_vault(attempt)


def execute(ports: RunPorts, context: RunContext) -> Executed:
    """Stage: run the job on them and draft its outputs."""
    return executor_of(context.checked).execute(context)
