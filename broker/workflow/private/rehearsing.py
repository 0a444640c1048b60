"""A rehearsal of a private job: the way of a job without ledger and shelf, on synthetic data only, with the figures
that the synthetic data really have beside it. Keeps nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from broker.domain.errors import Breach
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs import Kind
from broker.domain.outputs import OutputState
from broker.domain.projects import Project
from broker.domain.scalars import Value
from broker.policy.models import Policies
from broker.privacy.noise.client import Drawn
from broker.workflow.limits import limits_for
from broker.workflow.private.answers import NoisyAnswer, answered
from broker.workflow.private.asking import PrivateJob, ask
from broker.workflow.private.outputs import tables_of
from broker.workflow.private.ports import ExactAnswers
from broker.workflow.rehearse import JOB, Rehearsed, Stage, ran
from broker.workflow.settle import way_of


def rehearse_private(
    private: PrivateJob,
    project: Project,
    policies: Policies,
    stage: Stage,
    lap: Callable[[str], None] = lambda what: None,
) -> tuple[Rehearsed, ...]:
    """Raises Breach before anything is read where the data are not synthetic: nothing is charged here."""
    vault = stage.vaults.ensure(project.ident, stage.snapshot)
    if not vault.synthetic or stage.private is None:
        raise Breach("Only synthetic data are asked without a charge.")
    lap("data")
    here = ask(private.plan, private.lines, project, policies, stage.vaults.registers(vault))
    limits = limits_for(Kind.SQL, policies)
    frames = ran(stage.runner.run(stage.private.engine.prepare(here.plan, here.measured, vault, JOB, 1, limits)))
    lap("run")
    exact = stage.private.engine.read(here.plan, here.measured, here.made, frames)
    drawn = stage.private.noise.draw(here.made.bundle, exact.vectors)
    lap("noise")
    steps = policies.profile(project.profile).max_group_steps
    noisy = tables_of(here, answered(here.made, drawn, exact), steps)
    unseen = replace(here, profile=replace(here.profile, display_floor=0))
    real = tables_of(unseen, without_noise(here, exact), steps)
    found = tuple(_rehearsed(n, e, project, policies) for n, e in zip(noisy, real, strict=True))
    lap("assess")
    return found


def without_noise(private: PrivateJob, exact: ExactAnswers) -> NoisyAnswer:
    """As if nothing had been drawn; choices among candidates have no such thing, and take the best."""
    drawn = []
    for part, vector in zip(private.made.parts, exact.vectors, strict=True):
        mechanism = private.made.mechanism(part)
        points = getattr(mechanism, "points", None)
        values = list(vector) if points is None else list(_best(vector, points))
        drawn.append(Drawn(values, tuple(range(len(vector))) if part.block is None else None))
    return answered(private.made, drawn, exact)


def _best(scores: Sequence[int], points: int) -> Iterator[int]:
    for start in range(0, len(scores), points):
        cell = scores[start : start + points]
        yield min(range(len(cell)), key=cell.__getitem__)


def _rehearsed(noisy: Assessment, real: Assessment, project: Project, policies: Policies) -> Rehearsed:
    by_keys = {row.keys: row.released for row in real.rows}
    exact: tuple[tuple[Value, ...] | None, ...] = tuple(by_keys.get(row.keys) for row in noisy.rows)
    way = way_of(noisy.verdict, True, project, policies, 0)
    why = [f.sentence for f in noisy.findings if f.verdict is Verdict.REVIEW]
    if project.votes and way is OutputState.IN_REVIEW:
        why.append(f"Every output of project {project.ident} is looked at: its policy asks for votes.")
    return Rehearsed(noisy, way, tuple(why), exact)
