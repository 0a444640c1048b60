"""A rehearsal: an accepted submission planned, run and judged on synthetic data, as a job would be. Keeps nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from broker.disclosure.judge_job import judge_job
from broker.disclosure.needs import needs_of
from broker.disclosure.repair.attack import Progress, untold
from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs import Kind
from broker.domain.outputs import OutputState
from broker.domain.plans import Plan
from broker.domain.ports import Engine, SandboxEnd, SandboxRequest, SandboxResult, Vaults
from broker.domain.projects import Project
from broker.domain.scalars import Value
from broker.policy.models import Policies
from broker.workflow.limits import limits_for
from broker.workflow.settle import way_of

if TYPE_CHECKING:
    from broker.workflow.private.ports import PrivatePorts

JOB = "rehearsal"


class Runner(Protocol):
    """Runs a request as `Sandbox.run` does. Raises Breach where the data are not synthetic."""

    def run(self, request: SandboxRequest) -> SandboxResult: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """What a rehearsal needs of the world: adapters on one snapshot of synthetic data, and a name for its sandbox."""

    engine: Engine
    vaults: Vaults
    runner: Runner
    snapshot: str
    private: "PrivatePorts | None" = None
    job: str = JOB
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One output as the rules leave it, where it would go, and why people would look, in words for everybody."""

    assessment: Assessment
    way: OutputState
    why: tuple[str, ...]
    exact: tuple[tuple[Value, ...] | None, ...] | None = None
    """Of a private output, what its rows would be without noise; None for a row that is there by noise only."""


def rehearse(
    plan: Plan,
    project: Project,
    policies: Policies,
    stage: Stage,
    lap: Callable[[str], None] = lambda what: None,
    progress: Progress = untold,
) -> tuple[Rehearsed, ...]:
    """Every output of an accepted plan. `lap` hears when the vault is there, the engine has run and the rules are done;
    `progress` how far the rules are.

    Raises Invalid where the engine does not come to an end: a job would fail in the same way."""
    profile = policies.profile(project.profile)
    needs = needs_of(profile)
    vault = stage.vaults.ensure(project.ident, stage.snapshot)
    lap("data")
    limits = limits_for(Kind.SQL, policies)
    frames = ran(stage.runner.run(stage.engine.prepare(plan, vault, stage.job, stage.attempt, limits, needs)))
    lap("run")
    evidence = stage.engine.read(plan, frames, needs)
    found = judge_job(plan, evidence, profile, stage.vaults.registers(vault), progress)
    lap("assess")
    return tuple(rehearsed(a, project, policies) for a in found)


def ran(result: SandboxResult) -> Sequence[tuple[str, bytes]]:
    if result.end is SandboxEnd.ENDED:
        return result.frames
    words = result.log.decode(errors="replace").strip()
    limits = {SandboxEnd.TIME_LIMIT: "time", SandboxEnd.MEMORY_LIMIT: "memory", SandboxEnd.OUTPUT_LIMIT: "output"}
    if result.end in limits:
        sentence = f"It reached the limit of {limits[result.end]} that every job has."
    else:
        sentence = "The engine could not run it. A job would fail in the same way, if the data here are not damaged."
    raise Invalid(result.end.value.replace("_", "-"), f"{sentence} {words}".strip())


def rehearsed(assessment: Assessment, project: Project, policies: Policies) -> Rehearsed:
    """Where an output would go."""
    way = way_of(assessment.verdict, True, project, policies, int(assessment.small))
    return Rehearsed(assessment, way, tuple(_why(assessment, project)))


def _why(assessment: Assessment, project: Project) -> list[str]:
    """The rules' sentences; they have no figures."""
    severe = [f for f in assessment.findings if f.verdict in {Verdict.REVIEW, Verdict.REFUSE}]
    told = [f"{f.rule}: {f.sentence}" for f in severe]
    if project.votes:
        told.append(f"Every output of project {project.ident} is looked at: its policy asks for votes.")
    if assessment.small:
        told.append("Its population, or every cell of it, is under the threshold: it counts against a small quota.")
    return list(dict.fromkeys(told))
