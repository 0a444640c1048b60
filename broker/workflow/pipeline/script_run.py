"""Runs a script on the synthetic NPD first, then on the real data, then the trusted stage.

Synthetic data have no secrets, so the author may read the whole trace at once. On real data only checkers read what
the script printed; a script that passes on synthetic data and fails on real data waits for one of them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import Breach, Invalid
from broker.domain.jobs.job import FailureCode, Job
from broker.domain.jobs.script_requests import MicrodataProblem
from broker.domain.ports import DataKind, SandboxEnd, SandboxResult, WorkerPorts
from broker.policy.policy_set import PolicySet
from broker.python_jobs.raw_outputs import sort_outputs
from broker.workflow.access import project_or_unknown
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline import trusted_stage
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.run_context import Failed, RunContext
from broker.workflow.timing_channel import trial_disclosed_at

DATA_DEPENDENT_PROBLEMS = frozenset({MicrodataProblem.BINARY.value, MicrodataProblem.MODEL.value})
"""Problems that few, synthetic persons can cause although the real ones would not. They are reported, and the job
continues."""


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


def read_outputs(context: RunContext, result: SandboxResult, *, files: bool = True) -> ScriptExecution:
    """Rebuild what the script left and compute what it requested. `files`: also its own files. Raises Failed."""
    raw = sort_outputs(result.frames, [name for name, _ in context.checked.declared], context.policies.service)
    outputs = trusted_stage.rebuild_outputs(context, raw if files else raw.requests_only())
    return ScriptExecution(result, outputs, compute_outputs(context, outputs.requests))


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


def synthetic_context(ports: RunPorts, job: Job, checked: CheckedSubmission, policies: PolicySet) -> RunContext | None:
    """Return the context of the trial that precedes a script's run on real rows; None if policy has no such trial or no
    synthetic data can be made."""
    if ports.synthetic is None or not policies.service.python_synthetic_first:
        return None
    project = project_or_unknown(policies, job.submission.project)
    try:
        vaults, vault = ports.synthetic.for_project(project.ident)
    except Invalid:
        return None
    # The trace is shown to the author, so it must never be of real rows.
    if not vault.synthetic:
        raise Breach("The synthetic run was offered real data.")
    return RunContext(ports, vaults, job.ident, job.attempt, vault, checked, project, policies)


def try_on_synthetic(ports: RunPorts, job: Job, checked: CheckedSubmission, policies: PolicySet) -> None:
    """Run the script on synthetic data and store the trace. Raises Failed if it does not pass."""
    context = synthetic_context(ports, job, checked, policies)
    if context is None:
        return
    with ports.sandbox.holding(context.subject, context.attempt, DataKind.SYNTHETIC):
        began = ports.clock.now()
        failure, trace = _try(context)
    note_trial(ports, job, policies, began, failure is None, trace)
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


def note_trial(ports: WorkerPorts, job: Job, policies: PolicySet, began: datetime, passed: bool, trace: bytes) -> None:
    """Store the trace for the script's author, who may read it at once; if the trial had to wait for neighbours, when
    its time slot ends."""
    readable_from = trial_disclosed_at(ports, policies, job, began, ports.clock.now())
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
