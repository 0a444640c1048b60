"""A rehearsal of a private script, on synthetic data only: the blocks' real answers, their spread, the noisy answer
beside the one without noise, and what blocks printed. Nothing is charged or kept; on real data none of it is ever
seen."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from broker.domain.errors import Breach, Invalid
from broker.domain.findings import Assessment
from broker.domain.jobs import Kind
from broker.domain.ports import Vaults
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.privacy.aggregate.exact import Floats, answers_of, clamped
from broker.python_jobs.private.asks import Estimator
from broker.workflow.failing import Failed
from broker.workflow.limits import limits_for
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.by_blocks.outputs import table_of
from broker.workflow.private.by_blocks.running import answered_by_blocks, noisy, rows_of
from broker.workflow.private.ports import PrivatePorts, Runs, Where


@dataclass(frozen=True, slots=True)
class RehearsedNumber:
    """One number over the blocks. `spread`: the standard deviation of their answers; `beyond`: how many lay outside the
    range; `without`: the mean or median without noise."""

    name: str
    without: float
    spread: float
    beyond: int


@dataclass(frozen=True, slots=True)
class RehearsedBlocks:
    """`failed`: blocks without an answer. `log`: what blocks printed, faults among it."""

    table: Assessment
    numbers: tuple[RehearsedNumber, ...]
    failed: int
    seconds: float
    runtime: str
    log: str


@dataclass(frozen=True, slots=True)
class BlockStage:
    """What it needs of the world."""

    vaults: Vaults
    snapshot: str
    runner: Runs
    ports: PrivatePorts


def rehearse_blocks(
    script: PrivateScript,
    project: Project,
    policies: Policies,
    stage: BlockStage,
    lap: Callable[[str], None] = lambda what: None,
) -> RehearsedBlocks:
    vault = stage.vaults.ensure(project.ident, stage.snapshot)
    if not vault.synthetic:
        raise Breach("Only synthetic data are asked without a charge.")
    lap("data")
    where = Where(vault, f"rehearsal-{secrets.token_hex(4)}", 1, limits_for(Kind.SQL, policies))
    try:
        rows = rows_of(script, stage.ports, stage.runner, where, policies.service)
        lap("cut")
        content, result = answered_by_blocks(script, rows, stage.runner, where, policies.service)
    except Failed as failed:
        sentence = "The blocks did not come to an end. A job would fail in the same way, and its charge would stand."
        raise Invalid(failed.code.value.replace("_", "-"), sentence) from None
    lap("run")
    answers = answers_of(content, script.made)
    table = table_of(script, noisy(script.made, content, stage.ports.noise))
    lap("noise")
    failed_blocks = int((~np.isfinite(answers)).any(axis=1).sum())
    log = result.log.decode(errors="replace")
    return RehearsedBlocks(table, numbers_of(script, answers), failed_blocks, result.seconds, result.runtime, log)


def numbers_of(script: PrivateScript, answers: Floats) -> tuple[RehearsedNumber, ...]:
    middle = np.median if script.asks.estimator is Estimator.MEDIAN else np.mean
    found = []
    for n, of in enumerate(script.asks.ranges):
        within = clamped(answers[:, n], of)
        known = answers[:, n][np.isfinite(answers[:, n])]
        beyond = int(((known < float(of.low)) | (known > float(of.high))).sum())
        spread = float(known.std()) if len(known) else 0.0
        found.append(RehearsedNumber(of.name, float(middle(within)), spread, beyond))
    return tuple(found)
