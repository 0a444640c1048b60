"""Rehearses a SQL submission: plans, runs and judges it on synthetic data, as a job would be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker.disclosure.judge_job import judge_job
from broker.disclosure.rules import evidence_needs
from broker.disclosure.suppression.attack_intervals import Progress, no_progress
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.outputs import OutputState
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports import Engine, SandboxEnd, SandboxResult, SandboxRunner, Vaults
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.attempts import limits_for
from broker.workflow.pipeline.output_routing import route_of

if TYPE_CHECKING:
    from broker.workflow.private_jobs.private_ports import PrivatePorts

REHEARSAL_JOB = "rehearsal"


@dataclass(frozen=True, slots=True)
class RehearsalContext:
    """Adapters for a rehearsal on one snapshot of synthetic data, and the job id and attempt that name its sandbox."""

    engine: Engine
    vaults: Vaults
    runner: SandboxRunner
    snapshot: str
    private: "PrivatePorts | None" = None
    job: str = REHEARSAL_JOB
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class RehearsedOutput:
    """One output as the rules leave it, its route, and the reasons for a review in words that everybody may read."""

    assessment: Assessment
    route: OutputState
    why: tuple[str, ...]
    exact: tuple[tuple[Value, ...] | None, ...] | None = None
    """For a private output, its rows without noise. None for a row that is there only because of noise."""


def rehearse_query(
    plan: Plan, project: ResearchProject, policies: PolicySet, context: RehearsalContext,
    on_step: Callable[[str], None] = lambda what: None, progress: Progress = no_progress,
) -> tuple[RehearsedOutput, ...]:  # fmt: skip
    """Return every output of an accepted plan.

    Calls `on_step` when the vault is there, the engine has run and the rules are done, and `progress` while the rules
    run. Raises Invalid if the engine does not finish: a job would fail in the same way.
    """
    profile = policies.disclosure_rules(project.profile)
    needs = evidence_needs(profile)
    vault = context.vaults.ensure(project.ident, context.snapshot)
    on_step("data")
    limits = limits_for(JobKind.SQL, policies)
    frames = completed_frames(
        context.runner.run(context.engine.prepare(plan, vault, context.job, context.attempt, limits, needs))
    )
    on_step("run")
    evidence = context.engine.read(plan, frames, needs)
    found = judge_job(plan, evidence, profile, context.vaults.registers(vault), progress)
    on_step("assess")
    return tuple(rehearsed_output(a, project, policies) for a in found)


def completed_frames(result: SandboxResult) -> Sequence[tuple[str, bytes]]:
    if result.end is SandboxEnd.ENDED:
        return result.frames
    # The data are synthetic, so the author may read the engine's own words.
    words = result.log.decode(errors="replace").strip()
    limits = {SandboxEnd.TIME_LIMIT: "time", SandboxEnd.MEMORY_LIMIT: "memory", SandboxEnd.OUTPUT_LIMIT: "output"}
    if result.end in limits:
        sentence = f"The query reached the {limits[result.end]} limit of a job."
    else:
        sentence = (
            "The engine could not run the query. A job would fail in the same way, unless the synthetic data are "
            "damaged."
        )
    raise Invalid(result.end.value.replace("_", "-"), f"{sentence} {words}".strip())


def rehearsed_output(assessment: Assessment, project: ResearchProject, policies: PolicySet) -> RehearsedOutput:
    """Return an output with the route that it would take."""
    route = route_of(assessment.verdict, True, project, policies, int(assessment.small))
    return RehearsedOutput(assessment, route, tuple(_review_reasons(assessment, project)))


def _review_reasons(assessment: Assessment, project: ResearchProject) -> list[str]:
    """Return the rules' sentences. They have no figures."""
    severe = [f for f in assessment.findings if f.verdict in {Verdict.REVIEW, Verdict.REFUSE}]
    sentences = [f"{f.rule}: {f.sentence}" for f in severe]
    if project.votes:
        sentences.append(
            f"A checker reviews every output of project {project.ident}, because its policy requires votes."
        )
    if assessment.small:
        sentences.append(
            "The whole population, or every cell, is under the threshold: the job counts against a small quota."
        )
    return list(dict.fromkeys(sentences))
