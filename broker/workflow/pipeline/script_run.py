"""The run of a script: on the synthetic NPD first, then on the real data, then the trusted stage.

On synthetic data nothing is secret: its author may read the whole trace at once. On real data nobody but checkers reads
what it printed; a script that passes there and fails here waits for one of them.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import Breach, Invalid
from broker.domain.jobs.job import FailureCode
from broker.domain.jobs.script_requests import MicrodataProblem
from broker.domain.ports import DataKind, Lease, SandboxEnd, SandboxResult, Vault, Vaults, WorkerPorts
from broker.policy.policy_set import PolicySet
from broker.python_jobs.raw_outputs import sort_outputs
from broker.workflow.attempts import Failed
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline.script_computation import compute_outputs
from broker.workflow.pipeline.trusted_stage import (
    CollectedOutputs,
    ComputedOutput,
    OutputProblem,
    TrustedContext,
    collect_outputs,
    script_request,
)
from broker.workflow.timing_channel import trial_disclosed_at

DATA_DEPENDENT_PROBLEMS = frozenset({MicrodataProblem.BINARY.value, MicrodataProblem.MODEL.value})
"""Problems that few and synthetic people can have where the real ones have not: told, and the job goes on."""


@dataclass(frozen=True, slots=True)
class ScriptExecution:
    """What a script left: files made anew (of real data only), and what was computed of what it handed over."""

    result: SandboxResult
    left: CollectedOutputs
    computed: tuple[ComputedOutput, ...]

    @property
    def problems(self) -> list[tuple[ComputedOutput, OutputProblem]]:
        return [(c, c.result) for c in self.computed if isinstance(c.result, OutputProblem)]


@dataclass(frozen=True, slots=True)
class ScriptAttempt:
    """One attempt at a script."""

    ports: WorkerPorts
    lease: Lease
    policies: PolicySet
    checked: CheckedSubmission

    @property
    def job(self) -> str:
        return self.lease.job.ident

    def holding(self, rows: DataKind) -> AbstractContextManager[bool]:
        """While it, and what is computed of what it left, has these rows."""
        return self.ports.sandbox.holding(self.job, self.lease.attempt, rows)

    def run_on(
        self, vault: Vault, vaults: Vaults, printed: Callable[[bytes], None] = lambda log: None, *, files: bool = True
    ) -> ScriptExecution | SandboxResult:
        """What came of it, with its own files or without; the bare result where the script did not come to an end.
        `printed` is told what it printed before anything else is made of it."""
        context = self._context(vault, vaults)
        result = self.ports.sandbox.run(script_request(context))
        printed(result.log)
        if result.end is not SandboxEnd.ENDED:
            return result
        left = sort_outputs(result.frames, [name for name, _ in self.checked.declared], self.policies.service)
        collected = collect_outputs(context, left if files else left.requests_only())
        return ScriptExecution(result, collected, compute_outputs(context, collected.requests))

    def note_real_rows(self) -> None:
        """From now on somebody has to read it, however it ends. Conflict("stale") where it is not to run any more."""
        self.ports.store.note_real_run(self.job, self.lease.attempt, self.ports.clock.now())

    def store_print(self, log: bytes) -> None:
        """What it printed on real data, for checkers; also of one that was withdrawn while it ran."""
        self.ports.store.note_log(self.job, self.lease.attempt, self.ports.content_store.put("staff", log))

    def _context(self, vault: Vault, vaults: Vaults) -> TrustedContext:
        project = self.policies.project(self.lease.job.submission.project)
        if project is None:
            raise Breach(f"project of job {self.job} left the policy during its run")
        attempt = self.lease.attempt
        real = self.ports if vaults is self.ports.vaults else None
        return TrustedContext(self.ports, vaults, self.job, attempt, vault, self.checked, project, self.policies, real)


def run_script(script: ScriptAttempt, vault_of: Callable[[], Vault]) -> tuple[Vault, ScriptExecution]:
    """Raises Failed. `vault_of` makes the vault of the real data: nothing of them is read before the script has passed
    on the synthetic NPD."""
    _try_on_synthetic(script)
    vault = vault_of()
    with script.holding(DataKind.REAL):
        script.note_real_rows()
        ran = script.run_on(vault, script.ports.vaults, script.store_print)
    if isinstance(ran, SandboxResult):
        raise Failed(FailureCode(ran.end.value))
    if ran.problems:
        script.ports.store.note_problems(script.job, script.lease.attempt)
    return vault, ran


def _try_on_synthetic(script: ScriptAttempt) -> None:
    """Nothing where policy has no synthetic run, or no synthetic data are known."""
    synthetic = script.ports.synthetic
    if synthetic is None or not script.policies.service.python_synthetic_first:
        return
    try:
        vaults, vault = synthetic.for_project(script.lease.job.submission.project)
    except Invalid:
        return
    if not vault.synthetic:
        raise Breach("The synthetic run was offered real data.")
    with script.holding(DataKind.SYNTHETIC):
        began = script.ports.clock.now()
        ran = _run_on_synthetic(script, vault, vaults)
    passed = isinstance(ran, ScriptExecution) and all(p.code in DATA_DEPENDENT_PROBLEMS for _, p in ran.problems)
    note_trial(script.ports, script.lease, script.policies, began, passed, trace_of(ran))
    if not passed:
        raise Failed(_failure_code(ran))


def _run_on_synthetic(script: ScriptAttempt, vault: Vault, vaults: Vaults) -> ScriptExecution | SandboxResult | Failed:
    try:
        return script.run_on(vault, vaults, files=False)
    except Failed as failed:
        return failed


def note_trial(
    ports: WorkerPorts, lease: Lease, policies: PolicySet, began: datetime, passed: bool, trace: bytes
) -> None:
    """Its author reads the trace at once; of a trial that had to wait for neighbours, when its slot of time is over."""
    readable_from = trial_disclosed_at(ports, policies, lease.job, began, ports.clock.now())
    digest = ports.content_store.put("staff", trace)
    ports.store.note_rehearsal(lease.job.ident, lease.attempt, passed, digest, readable_from)


def _failure_code(ran: ScriptExecution | SandboxResult | Failed) -> FailureCode:
    if isinstance(ran, Failed):
        return ran.code
    return FailureCode.CRASHED if isinstance(ran, ScriptExecution) else FailureCode(ran.end.value)


def trace_of(ran: ScriptExecution | SandboxResult | Failed) -> bytes:
    """What its author reads: how it ended, what it printed, what became of each output."""
    if isinstance(ran, Failed):
        document: dict[str, object] = {"end": ran.code.value, "printed": "", "outputs": []}
    elif isinstance(ran, ScriptExecution):
        outputs = [_output_trace(c) for c in ran.computed]
        document = {"end": SandboxEnd.ENDED.value, "printed": _text(ran.result.log), "outputs": outputs}
    else:
        document = {"end": ran.end.value, "printed": _text(ran.log), "outputs": []}
    return json.dumps(document, indent=2, sort_keys=True).encode()


def _text(log: bytes) -> str:
    return log.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _output_trace(computed: ComputedOutput) -> dict[str, object]:
    found = computed.result
    if not isinstance(found, OutputProblem):
        return {"name": computed.name, "problem": None, "sentence": "", "figures": {}}
    figures = dict(found.figures)
    return {"name": computed.name, "problem": found.code, "sentence": found.sentence, "figures": figures}
