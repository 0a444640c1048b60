"""Runs a script on the synthetic NPD first, then on the real data, then the trusted stage.

Synthetic data have no secrets, so the author may read the whole trace at once. On real data only checkers read what
the script printed; a script that passes on synthetic data and fails on real data waits for one of them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.domain.jobs.job import FailureCode
from broker.domain.jobs.script_requests import MicrodataProblem
from broker.domain.ports import DataKind, SandboxEnd, SandboxResult
from broker.python_jobs.raw_outputs import RawRequest, sort_outputs
from broker.workflow.pipeline import trusted_stage
from broker.workflow.pipeline.job_attempt import JobAttempt
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.run_context import Failed, RunContext
from broker.workflow.timing_channel import trial_disclosed_at

DATA_DEPENDENT_PROBLEMS = frozenset({MicrodataProblem.BINARY.value, MicrodataProblem.MODEL.value})
"""Problems that few, synthetic persons can cause although the real ones would not. They are reported, and the job
continues."""

ComputeRequests = Callable[[RunContext, Sequence[RawRequest]], tuple[trusted_stage.ComputedOutput, ...]]


@dataclass(frozen=True, slots=True)
class ScriptExecution:
    """What a script left: rebuilt files (real data only), and the outputs computed from what it submitted."""

    result: SandboxResult
    outputs: trusted_stage.RebuiltOutputs
    computed: tuple[trusted_stage.ComputedOutput, ...]

    @property
    def problems(self) -> list[tuple[trusted_stage.ComputedOutput, trusted_stage.OutputProblem]]:
        return [(c, c.result) for c in self.computed if isinstance(c.result, trusted_stage.OutputProblem)]


def run_script(context: RunContext) -> SandboxResult:
    """Run the script on the context's data. Raises Failed."""
    return context.run(trusted_stage.script_request(context))


def read_outputs(
    context: RunContext, result: SandboxResult, *, files: bool = True, compute: ComputeRequests = compute_outputs
) -> ScriptExecution:
    """Rebuild what the script left and compute what it requested. `files`: also its own files. Raises Failed."""
    raw = sort_outputs(result.frames, [name for name, _ in context.checked.declared], context.policies.service)
    outputs = trusted_stage.rebuild_outputs(context, raw if files else raw.requests_only())
    return ScriptExecution(result, outputs, compute(context, outputs.requests))


def run_on_real_rows(context: RunContext) -> ScriptExecution:
    """Run the script on real rows, with what checkers have to know of that. Raises Failed."""
    job, attempt, ports = context.subject, context.attempt, context.worker_ports
    with ports.sandbox.holding(job, attempt, DataKind.REAL):
        # Before the run: if the worker dies during it, the script is on the checkers' list already. Raises
        # Conflict("stale") if it must not run any more.
        ports.store.note_real_run(job, attempt, ports.clock.now())
        try:
            result = run_script(context)
        except Failed as failed:
            _store_print(context, failed.log)
            raise
        # Before anything else can fail, so that a checker can always read it.
        _store_print(context, result.log)
        ran = read_outputs(context, result)
    if ran.problems:
        ports.store.note_problems(job, attempt)
    return ran


def _store_print(context: RunContext, log: bytes) -> None:
    """Store what the script printed on real data, for checkers, even if the job was withdrawn meanwhile."""
    ports = context.worker_ports
    ports.store.note_log(context.subject, context.attempt, ports.content_store.put("staff", log))


def try_on_synthetic(attempt: JobAttempt) -> None:
    """Run the script on synthetic data and store the trace. Raises Failed if it does not pass."""
    context = attempt.synthetic_context()
    if context is None:
        return
    with attempt.ports.sandbox.holding(context.subject, context.attempt, DataKind.SYNTHETIC):
        began = attempt.ports.clock.now()
        failure, trace = _try(context)
    note_trial(attempt, began, failure is None, trace)
    if failure is not None:
        raise Failed(failure)


def _try(context: RunContext) -> tuple[FailureCode | None, bytes]:
    """Return why the script does not pass, or None, and the trace that its author reads."""
    try:
        result = run_script(context)
    except Failed as failed:
        return failed.code, trace_document(failed.code.value, failed.log)
    try:
        # No file leaves, so rebuilding the files is saved.
        ran = read_outputs(context, result, files=False)
    except Failed as failed:
        return failed.code, trace_document(failed.code.value)
    trace = trace_document(SandboxEnd.ENDED.value, result.log, [_output_trace(c) for c in ran.computed])
    # Problems that depend on the data do not stop the job: the real persons may not have them.
    passed = all(problem.code in DATA_DEPENDENT_PROBLEMS for _, problem in ran.problems)
    return None if passed else FailureCode.CRASHED, trace


def note_trial(attempt: JobAttempt, began: datetime, passed: bool, trace: bytes) -> None:
    """Store the trace for the script's author, who may read it at once; if the trial had to wait for neighbours, when
    its time slot ends."""
    ports, job = attempt.ports, attempt.job
    readable_from = trial_disclosed_at(ports, attempt.policies, job, began, ports.clock.now())
    digest = ports.content_store.put("staff", trace)
    ports.store.note_rehearsal(job.ident, job.attempt, passed, digest, readable_from)


def trace_document(end: str, log: bytes = b"", outputs: Sequence[dict[str, object]] = ()) -> bytes:
    """Return the trace that the author reads, as JSON: how the script ended, what it printed, and what became of each
    output."""
    printed = log.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return json.dumps({"end": end, "printed": printed, "outputs": list(outputs)}, indent=2, sort_keys=True).encode()


def _output_trace(computed: trusted_stage.ComputedOutput) -> dict[str, object]:
    found = computed.result
    if not isinstance(found, trusted_stage.OutputProblem):
        return {"name": computed.name, "problem": None, "sentence": "", "figures": {}}
    figures = dict(found.figures)
    return {"name": computed.name, "problem": found.code, "sentence": found.sentence, "figures": figures}
