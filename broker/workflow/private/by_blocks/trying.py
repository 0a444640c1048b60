"""A private script is tried on a few blocks of the synthetic NPD before anything is charged: one that answers for
none of them would only waste its spend. Nothing is secret there, so its author may read all that the blocks
printed."""

import json
from dataclasses import replace

import numpy as np

from broker.domain.errors import Invalid
from broker.domain.jobs import FailureCode, Kind
from broker.domain.ports import Lease, Rows, SandboxResult
from broker.policy.models import Policies
from broker.privacy.aggregate.exact import answers_of
from broker.workflow.failing import Failed
from broker.workflow.limits import limits_for
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.by_blocks.running import answered_by_blocks, rows_of
from broker.workflow.private.ports import RunPorts, Where
from broker.workflow.scripts import note_trial

FEW = 8


def try_on_synthetic(ports: RunPorts, lease: Lease, policies: Policies, script: PrivateScript) -> None:
    """Raises Failed where no block has an answer. Nothing is tried where policy, or the worker, has no synthetic
    data."""
    if ports.synthetic is None or ports.private is None or not policies.service.python_synthetic_first:
        return
    try:
        _, vault = ports.synthetic.of(lease.job.submission.project)
    except Invalid:
        return
    few = replace(script, made=replace(script.made, asks=replace(script.asks, blocks=FEW)))
    where = Where(vault, lease.job.ident, lease.attempt, limits_for(Kind.SQL, policies))
    with ports.sandbox.holding(where.job, where.attempt, Rows.SYNTHETIC):
        began = ports.clock.now()
        rows = rows_of(few, ports.private, ports.sandbox, where, policies.service)
        content, result = answered_by_blocks(few, rows, ports.sandbox, where, policies.service)
    passed = bool(np.isfinite(answers_of(content, few.made)).all(axis=1).any())
    note_trial(ports, lease, policies, began, passed, _trace(result, passed))
    if not passed:
        raise Failed(FailureCode.CRASHED)


def _trace(result: SandboxResult, passed: bool) -> bytes:
    """As a script's trace is read: how it ended, what it printed."""
    printed = result.log.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    word = result.end.value if passed else FailureCode.CRASHED.value
    return json.dumps({"end": word, "printed": printed, "outputs": []}, indent=2, sort_keys=True).encode()
