"""A script's way: the synthetic NPD first, then the real data, then the trusted stage for what it hands over.

On synthetic data nothing is secret: its author may read the whole trace at once. On real data nobody but checkers reads
what it printed; a script that passes there and fails here waits for one of them.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from broker.domain.errors import Breach, Invalid
from broker.domain.handed import RowsProblem
from broker.domain.jobs import FailureCode
from broker.domain.ports import Lease, Rows, SandboxEnd, SandboxResult, Vault, Vaults, WorkerPorts
from broker.policy.models import Policies
from broker.python_jobs.left import sort_left
from broker.workflow.check import Checked
from broker.workflow.failing import Failed
from broker.workflow.files import Opened, opened
from broker.workflow.handed_findings import Computed, Problem
from broker.workflow.handed_outputs import compute
from broker.workflow.mounting import script_request
from broker.workflow.silence import trial_told
from broker.workflow.trusted import Stage

OF_THE_DATA = frozenset({RowsProblem.BINARY.value, RowsProblem.MODEL.value})
"""Problems that few and synthetic people can have where the real ones have not: told, and the job goes on."""


@dataclass(frozen=True, slots=True)
class RanScript:
    """What a script left: files made anew (of real data only), and what was computed of what it handed over."""

    result: SandboxResult
    left: Opened
    computed: tuple[Computed, ...]

    @property
    def problems(self) -> list[tuple[Computed, Problem]]:
        return [(c, c.found) for c in self.computed if isinstance(c.found, Problem)]


@dataclass(frozen=True, slots=True)
class Script:
    """One attempt at a script."""

    ports: WorkerPorts
    lease: Lease
    policies: Policies
    checked: Checked

    @property
    def job(self) -> str:
        return self.lease.job.ident

    def holding(self, rows: Rows) -> AbstractContextManager[bool]:
        """While it, and what is computed of what it left, has these rows."""
        return self.ports.sandbox.holding(self.job, self.lease.attempt, rows)

    def run_on(
        self, vault: Vault, vaults: Vaults, printed: Callable[[bytes], None] = lambda log: None, *, files: bool = True
    ) -> RanScript | SandboxResult:
        """What came of it, with its own files or without; the bare result where the script did not come to an end.
        `printed` is told what it printed before anything else is made of it."""
        stage = self._stage(vault, vaults)
        result = self.ports.sandbox.run(script_request(stage))
        printed(result.log)
        if result.end is not SandboxEnd.ENDED:
            return result
        left = sort_left(result.frames, [name for name, _ in self.checked.declared], self.policies.service)
        found = opened(stage, left if files else left.without_files())
        return RanScript(result, found, compute(stage, found.requests))

    def meets_real_rows(self) -> None:
        """From now on somebody has to read it, however it ends. Conflict("stale") where it is not to run any more."""
        self.ports.store.note_met(self.job, self.lease.attempt, self.ports.clock.now())

    def keep_print(self, log: bytes) -> None:
        """What it printed on real data, for checkers; also of one that was withdrawn while it ran."""
        self.ports.store.note_print(self.job, self.lease.attempt, self.ports.shelf.put("staff", log))

    def _stage(self, vault: Vault, vaults: Vaults) -> Stage:
        project = self.policies.project(self.lease.job.submission.project)
        if project is None:
            raise Breach(f"project of job {self.job} left the policy during its run")
        attempt = self.lease.attempt
        real = self.ports if vaults is self.ports.vaults else None
        return Stage(self.ports, vaults, self.job, attempt, vault, self.checked, project, self.policies, real)


def run_script(script: Script, vault_of: Callable[[], Vault]) -> tuple[Vault, RanScript]:
    """Raises Failed. `vault_of` makes the vault of the real data: nothing of them is read before the script has passed
    on the synthetic NPD."""
    _on_synthetic(script)
    vault = vault_of()
    with script.holding(Rows.REAL):
        script.meets_real_rows()
        ran = script.run_on(vault, script.ports.vaults, script.keep_print)
    if isinstance(ran, SandboxResult):
        raise Failed(FailureCode(ran.end.value))
    if ran.problems:
        script.ports.store.note_problems(script.job, script.lease.attempt)
    return vault, ran


def _on_synthetic(script: Script) -> None:
    """Nothing where policy has no synthetic run, or no synthetic data are known."""
    synthetic = script.ports.synthetic
    if synthetic is None or not script.policies.service.python_synthetic_first:
        return
    try:
        vaults, vault = synthetic.of(script.lease.job.submission.project)
    except Invalid:
        return
    if not vault.synthetic:
        raise Breach("The synthetic run was offered real data.")
    with script.holding(Rows.SYNTHETIC):
        began = script.ports.clock.now()
        ran = _tried(script, vault, vaults)
    passed = isinstance(ran, RanScript) and all(p.code in OF_THE_DATA for _, p in ran.problems)
    note_trial(script.ports, script.lease, script.policies, began, passed, trace_of(ran))
    if not passed:
        raise Failed(_code(ran))


def _tried(script: Script, vault: Vault, vaults: Vaults) -> RanScript | SandboxResult | Failed:
    try:
        return script.run_on(vault, vaults, files=False)
    except Failed as failed:
        return failed


def note_trial(
    ports: WorkerPorts, lease: Lease, policies: Policies, began: datetime, passed: bool, trace: bytes
) -> None:
    """Its author reads the trace at once; of a trial that had to wait for neighbours, when its slot of time is over."""
    from_when = trial_told(ports, policies, lease.job, began, ports.clock.now())
    digest = ports.shelf.put("staff", trace)
    ports.store.note_rehearsal(lease.job.ident, lease.attempt, passed, digest, from_when)


def _code(ran: RanScript | SandboxResult | Failed) -> FailureCode:
    if isinstance(ran, Failed):
        return ran.code
    return FailureCode.CRASHED if isinstance(ran, RanScript) else FailureCode(ran.end.value)


def trace_of(ran: RanScript | SandboxResult | Failed) -> bytes:
    """What its author reads: how it ended, what it printed, what became of each output."""
    if isinstance(ran, Failed):
        document: dict[str, object] = {"end": ran.code.value, "printed": "", "outputs": []}
    elif isinstance(ran, RanScript):
        outputs = [_told(c) for c in ran.computed]
        document = {"end": SandboxEnd.ENDED.value, "printed": _text(ran.result.log), "outputs": outputs}
    else:
        document = {"end": ran.end.value, "printed": _text(ran.log), "outputs": []}
    return json.dumps(document, indent=2, sort_keys=True).encode()


def _text(log: bytes) -> str:
    return log.decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _told(computed: Computed) -> dict[str, object]:
    found = computed.found
    if not isinstance(found, Problem):
        return {"name": computed.name, "problem": None, "sentence": "", "figures": {}}
    figures = dict(found.figures)
    return {"name": computed.name, "problem": found.code, "sentence": found.sentence, "figures": figures}
