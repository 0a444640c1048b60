"""What one run has: its adapters, data and rules; its limits by kind; the exception that ends it without outputs."""

from dataclasses import dataclass, replace

from broker.domain.errors import Breach, Unavailable
from broker.domain.jobs.job import FailureCode, Job, JobKind
from broker.domain.jobs.work_items import WorkItem
from broker.domain.ledger.spends import Spend
from broker.domain.plans.plan import Plan
from broker.domain.ports import (
    Engine,
    FileRebuilder,
    MicrodataEngine,
    SandboxEnd,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
    SandboxRunner,
    Vault,
    Vaults,
    WorkerPorts,
)
from broker.domain.progress import Progress, no_progress
from broker.domain.projects.project import ResearchProject
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.private_jobs.private_ports import PrivatePorts, RunPorts

OVERTAKEN_CODES = frozenset({"stale", "already-running"})
"""Conflict codes of an attempt that has lost its lease. The attempt that took over records what happened."""


@dataclass(eq=False)
class Failed(Exception):
    """The run ended without outputs. `code` is for staff; `result` is that of the sandbox that ended it, if one did.
    Not frozen, because a context manager sets its traceback."""

    code: FailureCode
    result: SandboxResult | None = None

    @property
    def log(self) -> bytes:
        """What the sandbox printed."""
        return b"" if self.result is None else self.result.log


def run_to_end(runner: SandboxRunner, request: SandboxRequest) -> SandboxResult:
    """Run a request and return its result. Raises Failed, with the code of its end, if it did not end by itself."""
    result = runner.run(request)
    if result.end is not SandboxEnd.ENDED:
        raise Failed(FailureCode(result.end.value), result)
    return result


@dataclass(frozen=True, slots=True)
class RehearsalPorts:
    """Adapters that run a submission on synthetic data. Without `microdata_engine`, requests of scripts are not
    computed; without `private`, no private answer is."""

    engine: Engine
    sandbox: SandboxRunner
    file_rebuilder: FileRebuilder
    microdata_engine: MicrodataEngine | None = None
    private: PrivatePorts | None = None


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run of a checked submission. `subject`: id of the job or rehearsal, which names its sandboxes together with
    `attempt`.

    A job's run has `worker`, the ports with store, release history and ledger, its `job`, and as `spend` what a private
    job has reserved in the ledger. A rehearsal has none of them, so it records nothing and reads synthetic data only.
    """

    ports: RunPorts | RehearsalPorts
    vaults: Vaults
    subject: str
    attempt: int
    vault: Vault
    checked: CheckedSubmission
    project: ResearchProject
    policies: PolicySet
    worker: WorkerPorts | None = None
    job: Job | None = None
    spend: Spend | None = None
    progress: Progress = no_progress

    def __post_init__(self) -> None:
        # Its author reads what a rehearsal finds. Here, so that none can be made without the check.
        if self.worker is None and not self.vault.synthetic:
            raise Breach("A rehearsal was offered real data.")

    @property
    def profile(self) -> DisclosureRules:
        return self.policies.disclosure_rules(self.project.profile)

    @property
    def plan(self) -> Plan:
        """The plan of a query. Raises Breach for a script, which has none."""
        if self.checked.plan is None:
            raise Breach("Only a query has a plan.")
        return self.checked.plan

    @property
    def worker_ports(self) -> WorkerPorts:
        """The ports of a run on real rows. Raises Breach on synthetic data."""
        if self.worker is None:
            raise Breach("Only a worker's run on real rows is recorded.")
        return self.worker

    @property
    def limits(self) -> SandboxLimits:
        """Limits of the broker's own statements."""
        return limits_for(JobKind.SQL, self.policies)

    @property
    def private_ports(self) -> PrivatePorts:
        if self.ports.private is None:
            raise Breach("This worker has no noise process.")
        return self.ports.private

    def run(self, request: SandboxRequest) -> SandboxResult:
        """Run a request. Raises Failed if its sandbox did not end by itself."""
        return run_to_end(self.ports.sandbox, request)


def named_vault(ports: WorkerPorts, item: WorkItem, project: str, snapshot: str) -> Vault:
    """Return the project's vault for an attempt. Its job names it in the store before the last request for it. Raises
    Unavailable if a new policy set makes another vault meanwhile."""
    vault = ports.vaults.ensure(project, snapshot)
    ports.store.name_vault(item, vault.key)
    # A vault that was removed as unused before the job named it is built again here; afterwards it is not removed.
    confirmed = ports.vaults.ensure(project, snapshot)
    if confirmed.key != vault.key:
        raise Unavailable("Policy changed while the vault was requested.")
    return confirmed


def limits_for(kind: JobKind, policies: PolicySet) -> SandboxLimits:
    service = policies.service
    return SandboxLimits(
        wall_seconds=service.sql_wall_seconds if kind is JobKind.SQL else service.python_wall_seconds,
        memory_bytes=service.memory_bytes,
        output_bytes=service.output_bytes,
        output_files=service.output_files,
        processes=service.processes,
        threads=service.threads,
        scratch_bytes=service.scratch_bytes,
    )


def members_limits(policies: PolicySet) -> SandboxLimits:
    """Return the limits of the second, trusted run that finds the members of a table's cells.

    One row for each person is larger than any other output of SQL, so its limits are wider. They suffice for one table
    at a time.
    """
    service = policies.service
    limits = limits_for(JobKind.SQL, policies)
    return replace(limits, output_bytes=service.members_bytes, memory_bytes=service.members_memory_bytes)


def files_limits(policies: PolicySet) -> SandboxLimits:
    """Return the limits of the container that rebuilds a script's files."""
    service = policies.service
    limits = limits_for(JobKind.SQL, policies)
    return replace(limits, wall_seconds=service.files_seconds, output_bytes=service.made_job_bytes)
