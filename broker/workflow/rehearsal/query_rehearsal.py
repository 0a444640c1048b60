"""A rehearsal of a SQL submission: planned, run and judged on synthetic data, as a job would be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from broker.disclosure.judge_job import judge_job
from broker.disclosure.rules.rule_input import evidence_needs
from broker.disclosure.suppression.attack_intervals import Progress, no_progress
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.outputs import OutputState
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Value
from broker.domain.ports import Engine, SandboxEnd, SandboxRequest, SandboxResult, Vaults
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.workflow.attempts import limits_for
from broker.workflow.pipeline.output_routing import route_of

if TYPE_CHECKING:
    from broker.workflow.private_jobs.private_ports import PrivatePorts

REHEARSAL_JOB = "rehearsal"


class SandboxRunner(Protocol):
    """Runs a request as `Sandbox.run` does. Raises Breach where the data are not synthetic."""

    def run(self, request: SandboxRequest) -> SandboxResult: ...


@dataclass(frozen=True, slots=True)
class RehearsalContext:
    """What a rehearsal needs of the world: adapters on one snapshot of synthetic data, and a name for its sandbox."""

    engine: Engine
    vaults: Vaults
    runner: SandboxRunner
    snapshot: str
    private: "PrivatePorts | None" = None
    job: str = REHEARSAL_JOB
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class RehearsedOutput:
    """One output as the rules leave it, where it would go, and why people would look, in words for everybody."""

    assessment: Assessment
    route: OutputState
    why: tuple[str, ...]
    exact: tuple[tuple[Value, ...] | None, ...] | None = None
    """Of a private output, what its rows would be without noise; None for a row that is there by noise only."""


def rehearse_query(
    plan: Plan,
    project: ResearchProject,
    policies: PolicySet,
    context: RehearsalContext,
    on_step: Callable[[str], None] = lambda what: None,
    progress: Progress = no_progress,
) -> tuple[RehearsedOutput, ...]:
    """Every output of an accepted plan. `on_step` hears when the vault is there, the engine has run and the rules are
    done; `progress` how far the rules are.

    Raises Invalid where the engine does not come to an end: a job would fail in the same way."""
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
    words = result.log.decode(errors="replace").strip()
    limits = {SandboxEnd.TIME_LIMIT: "time", SandboxEnd.MEMORY_LIMIT: "memory", SandboxEnd.OUTPUT_LIMIT: "output"}
    if result.end in limits:
        sentence = f"It reached the limit of {limits[result.end]} that every job has."
    else:
        sentence = "The engine could not run it. A job would fail in the same way, if the data here are not damaged."
    raise Invalid(result.end.value.replace("_", "-"), f"{sentence} {words}".strip())


def rehearsed_output(assessment: Assessment, project: ResearchProject, policies: PolicySet) -> RehearsedOutput:
    """Where an output would go."""
    route = route_of(assessment.verdict, True, project, policies, int(assessment.small))
    return RehearsedOutput(assessment, route, tuple(_review_reasons(assessment, project)))


def _review_reasons(assessment: Assessment, project: ResearchProject) -> list[str]:
    """The rules' sentences; they have no figures."""
    severe = [f for f in assessment.findings if f.verdict in {Verdict.REVIEW, Verdict.REFUSE}]
    sentences = [f"{f.rule}: {f.sentence}" for f in severe]
    if project.votes:
        sentences.append(f"Every output of project {project.ident} is looked at: its policy asks for votes.")
    if assessment.small:
        sentences.append(
            "Its population, or every cell of it, is under the threshold: it counts against a small quota."
        )
    return list(dict.fromkeys(sentences))
