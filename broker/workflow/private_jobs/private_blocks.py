"""Runs a private script over blocks of persons: the trial on synthetic data, the run, the noise, and the table."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from broker.domain.errors import Breach
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import FailureCode
from broker.domain.ports import DataKind, SandboxRequest, SandboxResult
from broker.privacy import sample_and_aggregate
from broker.privacy.noise.noise_protocol import bundle_to_text
from broker.privacy.results.display_columns import format_decimals
from broker.privacy.results.output_table import NEEDS_PERSON, judged_row
from broker.python_jobs.private_directive import BlockEstimator
from broker.python_jobs.sandbox_requests import prepare_blocks
from broker.workflow.pipeline.job_attempt import JobAttempt
from broker.workflow.pipeline.script_run import note_trial, trace_document
from broker.workflow.private_jobs.private_ports import NoisePort
from broker.workflow.private_jobs.private_request import PrivateScript
from broker.workflow.run_context import Failed, RunContext

COLUMNS = ("number", "value", "value_low", "value_high")


def block_table(script: PrivateScript, drawn: Sequence[int]) -> Assessment:
    """Return the table of the script's numbers. A median has no interval; the notes say what is known about it."""
    found = format_decimals(sample_and_aggregate.estimate_numbers(script.design, drawn, script.profile))
    wide = 2 if script.parameters.estimator is BlockEstimator.MEDIAN else 4
    lines = zip((r.name for r in script.parameters.ranges), found.values, found.low, found.high, strict=True)
    return Assessment(
        name=script.program.output,
        columns=COLUMNS[:wide],
        key_count=1,
        rows=tuple(judged_row((name,), (name, *figures[: wide - 1]), (False,) * wide) for name, *figures in lines),
        findings=() if script.is_automatic else (NEEDS_PERSON,),
        verdict=Verdict.PUBLISH if script.is_automatic else Verdict.REVIEW,
        small=False,
        notes=sample_and_aggregate.aggregation_sentences(script.design, script.promise, script.profile),
    )


KEY_BYTES = 16


def cut_rows(context: RunContext, script: PrivateScript) -> bytes:
    """Return the rows of all blocks, as bytes. Raises Failed."""
    limits = replace(context.limits, output_bytes=context.policies.service.block_rows_bytes)
    # A new key for each attempt: nobody can know who is in which block.
    key, blocks = secrets.token_hex(KEY_BYTES), script.parameters.blocks
    engine = context.private_ports.blocks
    request = engine.prepare_cut(script.cut, blocks, key, context.vault, context.subject, context.attempt, limits)
    return engine.read_cut(run_undisclosed(context, request).frames)


def run_blocks(context: RunContext, script: PrivateScript, rows: bytes) -> tuple[bytes, SandboxResult]:
    """Return the blocks' answers as received, and the result of the sandbox run. Raises Failed, or Breach for other
    frames."""
    run = (context.subject, context.attempt, context.limits, context.policies.service)
    program = script.program
    result = run_undisclosed(
        context,
        prepare_blocks(program.text, script.parameters, script.cut.names, program.modules, rows, context.vault, run),
    )
    found = [payload for kind, payload in result.frames if kind != "status"]
    # The container ran the script, so its frames are not trusted.
    if len(found) != 1 or {kind for kind, _ in result.frames} - {"table", "status"}:
        raise Breach("The sandbox returned other frames than one with the blocks' answers.")
    return found[0], result


def run_undisclosed(context: RunContext, request: SandboxRequest) -> SandboxResult:
    """Run a request of a private job. Raises Failed, always with the same code, because how a run ends is not a noisy
    answer."""
    try:
        return context.run(request)
    except Failed as failed:
        raise Failed(FailureCode.ENGINE_ERROR, failed.result) from None


def draw_noise(aggregation: sample_and_aggregate.BlockAggregation, answers: bytes, noise: NoisePort) -> tuple[int, ...]:
    (drawn,) = noise.draw(
        aggregation.bundle,
        (sample_and_aggregate.exact_vector(aggregation, sample_and_aggregate.block_answers(answers, aggregation)),),
    )
    return tuple(drawn.values)


def block_answer_to_bytes(aggregation: sample_and_aggregate.BlockAggregation, drawn: Sequence[int]) -> bytes:
    """Return the answer as it is stored: noisy numbers only."""
    document = {"design": bundle_to_text(aggregation.bundle), "drawn": list(drawn)}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def block_answer_from_bytes(aggregation: sample_and_aggregate.BlockAggregation, content: bytes) -> tuple[int, ...]:
    """Read a stored answer. Raises Breach if it belongs to another design."""
    document = json.loads(content)
    if document["design"] != bundle_to_text(aggregation.bundle):
        raise Breach("The stored answer belongs to another design.")
    return tuple(document["drawn"])


TRIAL_BLOCKS = 8


def try_blocks_on_synthetic(attempt: JobAttempt) -> None:
    """Run the script on a few blocks of synthetic data and store the trace. Raises Failed if no block has an answer."""
    context, ports, script = attempt.synthetic_context(), attempt.ports, attempt.checked.private
    if context is None or ports.private is None or not isinstance(script, PrivateScript):
        return
    directive = replace(script.parameters, blocks=TRIAL_BLOCKS)
    few = replace(script, design=replace(script.design, directive=directive))
    # While it holds synthetic rows, no script holds real ones on this machine.
    with ports.sandbox.holding(context.subject, context.attempt, DataKind.SYNTHETIC):
        began = ports.clock.now()
        content, result = run_blocks(context, few, cut_rows(context, few))
    passed = bool(np.isfinite(sample_and_aggregate.block_answers(content, few.design)).all(axis=1).any())
    # The trace has the form of other scripts: how it ended and what it printed.
    trace = trace_document(result.end.value if passed else FailureCode.CRASHED.value, result.log)
    note_trial(attempt, began, passed, trace)
    if not passed:
        raise Failed(FailureCode.CRASHED)
