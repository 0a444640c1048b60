"""Rehearses a private query or script on synthetic data, with the figures without noise alongside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from broker.domain.errors import Invalid
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import OutputState
from broker.domain.plans.scalars import Value
from broker.domain.projects.project import ResearchProject
from broker.policy.policy_set import PolicySet
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.results.noise_intervals import Floats
from broker.privacy.sample_and_aggregate import block_answers, clamped_answers
from broker.python_jobs.private_directive import BlockEstimator
from broker.workflow.output_routes import route_of
from broker.workflow.private_jobs.private_answers import NoisyAnswer, noisy_answer
from broker.workflow.private_jobs.private_blocks import block_table, cut_rows, draw_noise, run_blocks
from broker.workflow.private_jobs.private_outputs import noisy_tables
from broker.workflow.private_jobs.private_ports import ExactAnswers
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript, plan_private_query
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, engine_words, reasons_of_votes
from broker.workflow.run_context import Failed, RunContext


@dataclass(frozen=True, slots=True)
class RehearsedNumber:
    """One number over the blocks. `spread`: standard deviation of the blocks' answers; `beyond`: number of answers
    outside the range; `without`: mean or median without noise."""

    name: str
    without: float
    spread: float
    beyond: int


@dataclass(frozen=True, slots=True)
class RehearsedBlocks:
    """A rehearsed script. `failed`: number of blocks without an answer. `log`: what blocks printed,
    including errors."""

    table: Assessment
    numbers: tuple[RehearsedNumber, ...]
    failed: int
    seconds: float
    runtime: str
    log: str


def rehearse_blocks(context: RunContext, script: PrivateScript) -> RehearsedBlocks:
    """Rehearse a private script. Nothing is charged: the data are synthetic."""
    context.progress("cut", 1, 4)
    try:
        rows = cut_rows(context, script)
        context.progress("run", 2, 4)
        content, result = run_blocks(context, script, rows)
    except Failed as failed:
        sentence = "The blocks did not finish. A job would fail in the same way, and would not be refunded."
        raise Invalid(failed.code.value.replace("_", "-"), sentence) from None
    context.progress("noise", 3, 4)
    answers = block_answers(content, script.design)
    table = block_table(script, draw_noise(script.design, content, context.private_ports.noise))
    failed_blocks = int((~np.isfinite(answers)).any(axis=1).sum())
    log = result.log.decode(errors="replace")
    return RehearsedBlocks(table, numbers_of(script, answers), failed_blocks, result.seconds, result.runtime, log)


def numbers_of(script: PrivateScript, answers: Floats) -> tuple[RehearsedNumber, ...]:
    middle = np.median if script.parameters.estimator is BlockEstimator.MEDIAN else np.mean
    found = []
    for n, of in enumerate(script.parameters.ranges):
        within = clamped_answers(answers[:, n], of)
        known = answers[:, n][np.isfinite(answers[:, n])]
        beyond = int(((known < float(of.low)) | (known > float(of.high))).sum())
        spread = float(known.std()) if len(known) else 0.0
        found.append(RehearsedNumber(of.name, float(middle(within)), spread, beyond))
    return tuple(found)


def rehearse_private(context: RunContext, private: PrivateQuery) -> tuple[RehearsedOutput, ...]:
    """Rehearse a private query. Nothing is charged: the data are synthetic."""
    context.progress("run", 1, 4)
    project, policies, ports = context.project, context.policies, context.private_ports
    query = plan_private_query(private.plan, private.lines, project, policies, context.vaults.registers(context.vault))
    request = ports.engine.prepare(
        query.plan, query.measured, context.vault, context.subject, context.attempt, context.limits
    )
    with engine_words():
        frames = context.run(request).frames
    context.progress("noise", 2, 4)
    exact = ports.engine.read(query.plan, query.measured, query.design, frames)
    drawn = ports.noise.draw(query.design.bundle, exact.vectors)
    context.progress("assess", 3, 4)
    steps = context.profile.max_group_steps
    noisy = noisy_tables(query, noisy_answer(query.design, drawn, exact), steps)
    # The figures without noise are all shown, also those under the display floor.
    unseen = replace(query, profile=replace(query.profile, display_floor=0))
    real = noisy_tables(unseen, without_noise(query, exact), steps)
    found = tuple(_rehearsed_private(n, e, project, policies) for n, e in zip(noisy, real, strict=True))
    return found


def without_noise(private: PrivateQuery, exact: ExactAnswers) -> NoisyAnswer:
    """Return the answer as if no noise had been drawn. A choice among candidates has no such value; it takes the best
    candidate."""
    drawn = []
    for part, vector in zip(private.design.parts, exact.vectors, strict=True):
        mechanism = private.design.mechanism(part)
        points = getattr(mechanism, "points", None)
        values = list(vector) if points is None else list(_best(vector, points))
        drawn.append(MechanismAnswer(values, tuple(range(len(vector))) if part.block is None else None))
    return noisy_answer(private.design, drawn, exact)


def _best(scores: Sequence[int], points: int) -> Iterator[int]:
    for start in range(0, len(scores), points):
        cell = scores[start : start + points]
        yield min(range(len(cell)), key=cell.__getitem__)


def _rehearsed_private(
    noisy: Assessment, real: Assessment, project: ResearchProject, policies: PolicySet
) -> RehearsedOutput:
    # Noise may hide or add rows, so the two tables are matched by keys.
    by_keys = {row.keys: row.released for row in real.rows}
    exact: tuple[tuple[Value, ...] | None, ...] = tuple(by_keys.get(row.keys) for row in noisy.rows)
    route = route_of(noisy.verdict, True, project, policies, 0)
    why = [f.sentence for f in noisy.findings if f.verdict is Verdict.REVIEW]
    if route is OutputState.IN_REVIEW:
        why += reasons_of_votes(project)
    return RehearsedOutput(noisy, route, tuple(why), exact)
