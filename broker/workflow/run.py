"""Stages 2 to 5 for one attempt: lease, check again under today's policy, vault, sandbox; then `assess`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict, Unavailable, Unknown
from broker.domain.jobs import FailureCode, Job, JobState, Kind
from broker.domain.people import SYSTEM
from broker.domain.plans import Needs
from broker.domain.ports import Lease, Limits, SandboxEnd, SandboxRequest, Vault, WorkerPorts
from broker.policy.models import Policies
from broker.python_jobs.request import prepare as prepare_python
from broker.workflow.assess import Ran, assess, assess_nothing, only_keeps
from broker.workflow.check import Checked, check_submission
from broker.workflow.cohorts import saved_then
from broker.workflow.policies import policies_in_force
from broker.workflow.settle import settle

KeepAlive = Callable[[str, int], AbstractContextManager[None]]
"""While entered, renews the lease of (job, attempt), and kills the sandbox when the lease is lost."""


@dataclass(frozen=True, slots=True)
class Failed(Exception):
    """The attempt ended without outputs: a code for staff."""

    code: FailureCode


def run_job(ports: WorkerPorts, job: str, worker: str, keep_alive: KeepAlive) -> bool:
    """Run one attempt of a job to its end. False if somebody else has it or it is not to be run.

    A lost lease makes every later write a Conflict("stale"), which is dropped here: the attempt that took over
    tells what happened.
    """
    now = ports.clock.now()
    started = AuditEvent(now, SYSTEM.ident, "job.started", job, (("worker", worker),))
    lease = ports.store.lease(job, worker, now + ports.lease, now, [started])
    if lease is None:
        return False
    try:
        with keep_alive(job, lease.attempt):
            _attempt(ports, lease)
    except Conflict as conflict:
        if conflict.code not in {"stale", "already-running"}:
            raise
        return False
    settle(ports, job)
    return True


def _attempt(ports: WorkerPorts, lease: Lease) -> None:
    policies = policies_in_force(ports.store)
    try:
        checked = _check_again(lease.job, policies, ports)
        if only_keeps(checked):
            assess_nothing(ports, lease, policies)
        else:
            assess(ports, lease, policies, _execute(ports, lease, policies, checked))
    except Failed as failed:
        _check_held(ports, lease)
        fail(ports, lease.job.ident, lease.attempt, failed.code)
    except (Unavailable, Unknown):
        _give_back(ports, lease, policies)
    except Breach:
        fail(ports, lease.job.ident, lease.attempt, FailureCode.BAD_FRAMES)


def _execute(ports: WorkerPorts, lease: Lease, policies: Policies, checked: Checked) -> Ran:
    snapshot = ports.store.latest_snapshot()
    vault = _vault(ports, lease, snapshot.ident)
    request = _request(ports, lease, checked, vault, policies)
    result = ports.sandbox.run(request)
    if result.end is not SandboxEnd.ENDED:
        raise Failed(FailureCode(result.end.value))
    return Ran(checked, vault, result)


def _vault(ports: WorkerPorts, lease: Lease, snapshot: str) -> Vault:
    """The project's vault, named by the job before it is asked for the last time: a vault that was removed as unused
    between the two is built again, and one that a running job names is not removed."""
    project = lease.job.submission.project
    vault = ports.vaults.ensure(project, snapshot)
    ports.store.name_vault(lease.job.ident, lease.attempt, vault.key)
    again = ports.vaults.ensure(project, snapshot)
    if again.key != vault.key:
        raise Failed(FailureCode.POLICY_CHANGED)
    return again


def _check_held(ports: WorkerPorts, lease: Lease) -> None:
    """A sandbox that died because the lease had lapsed was killed by the reaper: that is no failure of the job."""
    now = ports.clock.now()
    if not ports.store.renew(lease.job.ident, lease.attempt, now + ports.lease, now):
        raise Conflict("stale", f"The lease on job {lease.job.ident!r} is lost.")


def _check_again(job: Job, policies: Policies, ports: WorkerPorts) -> Checked:
    """The canonical text under today's policy: refused now, or planned otherwise than when accepted, it fails."""
    submission = job.submission
    project = policies.project(submission.project)
    if project is None:
        raise Failed(FailureCode.POLICY_CHANGED)
    today = ports.clock.now().date()
    saved = saved_then(ports, job)
    checked = check_submission(job.canonical, submission.kind, submission.dialect, project, policies, today, saved)
    if not checked.accepted:
        raise Failed(FailureCode.POLICY_CHANGED)
    if checked.plan_hash != job.plan_hash:
        changed = policies.fingerprint != job.policy
        raise Failed(FailureCode.POLICY_CHANGED if changed else FailureCode.PLAN_CHANGED)
    return checked


def _request(ports: WorkerPorts, lease: Lease, checked: Checked, vault: Vault, policies: Policies) -> SandboxRequest:
    limits = limits_for(checked.kind, policies)
    if checked.plan is not None:
        needs = _needs(lease.job, policies)
        return ports.engine.prepare(checked.plan, vault, lease.job.ident, lease.attempt, limits, needs)
    return prepare_python(
        program=checked.canonical,
        inputs=checked.uses,
        vault=vault,
        job=lease.job.ident,
        attempt=lease.attempt,
        limits=limits,
        allowed=policies.service.allowed_files,
    )


def _needs(job: Job, policies: Policies) -> Needs:
    """What the project's profile will ask of the evidence."""
    project = policies.project(job.submission.project)
    if project is None:
        raise Failed(FailureCode.POLICY_CHANGED)
    profile = policies.profile(project.profile)
    return Needs(profile.t, institutions=profile.protects_institutions, digits=profile.mean_digits)


def limits_for(kind: Kind, policies: Policies) -> Limits:
    service = policies.service
    return Limits(
        wall_seconds=service.sql_wall_seconds if kind is Kind.SQL else service.python_wall_seconds,
        memory_bytes=service.memory_bytes,
        output_bytes=service.output_bytes,
        output_files=service.output_files,
        processes=service.processes,
        threads=service.threads,
        scratch_bytes=service.scratch_bytes,
    )


def fail(ports: WorkerPorts, job: str, attempt: int, code: FailureCode) -> None:
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "job.failed", job, (("code", code.value),))
    ports.store.advance(job, attempt, JobState.RUNNING, JobState.FAILED, now, [event], failure=code)


def _give_back(ports: WorkerPorts, lease: Lease, policies: Policies) -> None:
    """Infrastructure did not answer: the job waits for another attempt, a bounded number of times."""
    give_back(ports, lease.job.ident, lease.attempt, policies.service.max_attempts)


def give_back(ports: WorkerPorts, job: str, attempt: int, max_attempts: int) -> None:
    if attempt >= max_attempts:
        fail(ports, job, attempt, FailureCode.INFRASTRUCTURE)
        return
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "job.requeued", job, (("attempt", str(attempt)),))
    ports.store.advance(job, attempt, JobState.RUNNING, JobState.QUEUED, now, [event])
