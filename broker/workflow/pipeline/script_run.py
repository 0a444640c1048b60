"""Runs a script on the synthetic NPD first, then on the real data, then the trusted stage.

Synthetic data have no secrets, so the author may read the whole trace at once. On real data only checkers read what
the script printed; a script that passes on synthetic data and fails on real data waits for one of them.
"""

import json
from collections.abc import Callable, Sequence
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
from broker.workflow.pipeline import trusted_stage
from broker.workflow.pipeline.script_computation import compute_outputs
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
        """While entered, the script and the computations on what it left may hold these rows."""
        return self.ports.sandbox.holding(self.job, self.lease.attempt, rows)

    def run_on(
        self, vault: Vault, vaults: Vaults, printed: Callable[[bytes], None] = lambda log: None, *, files: bool = True
    ) -> ScriptExecution | SandboxResult:
        """Run the script and return what came of it, or the bare sandbox result if the script did not end by itself.

        `files`: also rebuild its own files. `printed` receives its log before anything else is made of the run.
        """
        context = self._context(vault, vaults)
        result = self.ports.sandbox.run(trusted_stage.script_request(context))
        # Before anything else can fail, so that a checker can always read it.
        printed(result.log)
        if result.end is not SandboxEnd.ENDED:
            return result
        raw = sort_outputs(result.frames, [name for name, _ in self.checked.declared], self.policies.service)
        # On synthetic data no file leaves, so rebuilding them is saved.
        outputs = trusted_stage.rebuild_outputs(context, raw if files else raw.requests_only())
        return ScriptExecution(result, outputs, compute_outputs(context, outputs.requests))

    def note_real_rows(self) -> None:
        """Note that the script now reads real rows: a checker has to read it, however it ends. Raises
        Conflict("stale") if it must not run any more."""
        self.ports.store.note_real_run(self.job, self.lease.attempt, self.ports.clock.now())

    def store_print(self, log: bytes) -> None:
        """Store what the script printed on real data, for checkers, even if the job was withdrawn meanwhile."""
        self.ports.store.note_log(self.job, self.lease.attempt, self.ports.content_store.put("staff", log))

    def _context(self, vault: Vault, vaults: Vaults) -> trusted_stage.TrustedContext:
        project = self.policies.project(self.lease.job.submission.project)
        if project is None:
            raise Breach(f"project of job {self.job} left the policy during its run")
        attempt = self.lease.attempt
        # Only outputs of real data are compared with the release history.
        real = self.ports if vaults is self.ports.vaults else None
        return trusted_stage.TrustedContext(
            self.ports, vaults, self.job, attempt, vault, self.checked, project, self.policies, real
        )


def run_script(script: ScriptAttempt, vault_of: Callable[[], Vault]) -> tuple[Vault, ScriptExecution]:
    """Run the script and return the vault and what came of it. Raises Failed.

    `vault_of` makes the vault of the real data. It is called only after the script has passed on the synthetic NPD.
    """
    _try_on_synthetic(script)
    vault = vault_of()
    with script.holding(DataKind.REAL):
        # Before the run: if the worker dies during it, the script is on the checkers' list already.
        script.note_real_rows()
        ran = script.run_on(vault, script.ports.vaults, script.store_print)
    if isinstance(ran, SandboxResult):
        raise Failed(FailureCode(ran.end.value))
    if ran.problems:
        script.ports.store.note_problems(script.job, script.lease.attempt)
    return vault, ran


def _try_on_synthetic(script: ScriptAttempt) -> None:
    """Run the script on synthetic data and store the trace. Raises Failed if it does not pass.

    Does nothing if policy has no synthetic run or no synthetic data can be made.
    """
    synthetic = script.ports.synthetic
    if synthetic is None or not script.policies.service.python_synthetic_first:
        return
    try:
        vaults, vault = synthetic.for_project(script.lease.job.submission.project)
    except Invalid:
        return
    # The trace is shown to the author, so it must never be of real rows.
    if not vault.synthetic:
        raise Breach("The synthetic run was offered real data.")
    with script.holding(DataKind.SYNTHETIC):
        began = script.ports.clock.now()
        ran = _run_on_synthetic(script, vault, vaults)
    # Problems that depend on the data do not stop the job: the real persons may not have them.
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
    """Store the trace for the script's author, who may read it at once; if the trial had to wait for neighbours, when
    its time slot ends."""
    readable_from = trial_disclosed_at(ports, policies, lease.job, began, ports.clock.now())
    digest = ports.content_store.put("staff", trace)
    ports.store.note_rehearsal(lease.job.ident, lease.attempt, passed, digest, readable_from)


def _failure_code(ran: ScriptExecution | SandboxResult | Failed) -> FailureCode:
    if isinstance(ran, Failed):
        return ran.code
    return FailureCode.CRASHED if isinstance(ran, ScriptExecution) else FailureCode(ran.end.value)


def trace_of(ran: ScriptExecution | SandboxResult | Failed) -> bytes:
    """Return the trace that the author reads, as JSON: how the script ended, what it printed, and what became of each
    output."""
    if isinstance(ran, Failed):
        return trace_document(ran.code.value)
    if isinstance(ran, ScriptExecution):
        return trace_document(SandboxEnd.ENDED.value, ran.result.log, [_output_trace(c) for c in ran.computed])
    return trace_document(ran.end.value, ran.log)


def trace_document(end: str, log: bytes = b"", outputs: Sequence[dict[str, object]] = ()) -> bytes:
    printed = log.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return json.dumps({"end": end, "printed": printed, "outputs": list(outputs)}, indent=2, sort_keys=True).encode()


def _output_trace(computed: trusted_stage.ComputedOutput) -> dict[str, object]:
    found = computed.result
    if not isinstance(found, trusted_stage.OutputProblem):
        return {"name": computed.name, "problem": None, "sentence": "", "figures": {}}
    figures = dict(found.figures)
    return {"name": computed.name, "problem": found.code, "sentence": found.sentence, "figures": figures}
