"""Runs the statements of a query and judges its tables."""

from broker.disclosure.judge_job import judge_job
from broker.disclosure.rules import evidence_needs
from broker.domain.ports import SandboxResult
from broker.workflow.pipeline.draft_output import DraftOutput, draft_table
from broker.workflow.run_context import RunContext


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
