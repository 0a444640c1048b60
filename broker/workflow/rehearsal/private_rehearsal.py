"""Rehearses a private query or script on synthetic data, with the figures without noise alongside."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from broker.disclosure.records.released_tables import text_of_value
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
from broker.workflow.private_jobs.private_answers import NoisyAnswer, noisy_answer
from broker.workflow.private_jobs.private_blocks import block_table, cut_rows, draw_noise, run_blocks
from broker.workflow.private_jobs.private_outputs import noisy_tables
from broker.workflow.private_jobs.private_ports import ExactAnswers
from broker.workflow.private_jobs.private_request import PrivateQuery, PrivateScript, plan_private_query
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, engine_words, reasons_of_votes
from broker.workflow.run_context import Failed, RunContext
from broker.workflow.verdict_routes import route_of

DIGITS = 6
"""Digits of the figures over the blocks of a private script."""


def rehearse_blocks(context: RunContext, script: PrivateScript) -> dict[str, Any]:
    """Rehearse a private script, and return its table, what is known of its blocks and what these printed. Nothing is
    charged: the data are synthetic."""
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
    lines = [[text_of_value(v) for v in row.released] for row in table.rows]
    return {
        "runtime": result.runtime,
        "blocks": script.parameters.blocks,
        "estimator": script.parameters.estimator.value,
        "failed": int((~np.isfinite(answers)).any(axis=1).sum()),
        "numbers": list(_numbers(script, answers)),
        "output": {"name": table.name, "columns": list(table.columns), "rows": lines},
        "notes": list(table.notes),
        "log": result.log.decode(errors="replace"),
    }


def _numbers(script: PrivateScript, answers: Floats) -> Iterator[dict[str, object]]:
    """Yield each number over the blocks: its mean or median without noise, the standard deviation of the blocks'
    answers, and how many of these are outside the range."""
    middle = np.median if script.parameters.estimator is BlockEstimator.MEDIAN else np.mean
    for n, of in enumerate(script.parameters.ranges):
        known = answers[:, n][np.isfinite(answers[:, n])]
        without, spread = float(middle(clamped_answers(answers[:, n], of))), float(known.std()) if len(known) else 0.0
        beyond = int(((known < float(of.low)) | (known > float(of.high))).sum())
        yield {"name": of.name, "without_noise": _rounded(without), "spread": _rounded(spread), "beyond": beyond}


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


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
    return tuple(_rehearsed_private(n, e, project, policies) for n, e in zip(noisy, real, strict=True))


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
