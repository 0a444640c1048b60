"""Stages 2 to 5 for one attempt: lease, check again under today's policy, vault, sandbox; then `assess`."""

from collections.abc import Sequence

from broker.disclosure.needs import needs_of
from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict, Unavailable, Unknown
from broker.domain.jobs import FailureCode, Job, JobState, Kind
from broker.domain.ledger.spends import SpendState
from broker.domain.people import SYSTEM
from broker.domain.ports import Lease, SandboxEnd, Vault, WorkerPorts
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.workflow.assess import Ran, assess, assess_nothing, only_keeps
from broker.workflow.check import Checked, check_submission
from broker.workflow.cohorts import saved_then
from broker.workflow.ending import KeepAlive, end_job
from broker.workflow.failing import OVERTAKEN, Failed
from broker.workflow.limits import limits_for
from broker.workflow.policies import policies_in_force
from broker.workflow.private.attempt import Asked, answer, on_vault, spend_of
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.by_blocks.trying import try_on_synthetic
from broker.workflow.private.outputs import assess_private
from broker.workflow.private.ports import RunPorts
from broker.workflow.scripts import Script, run_script
from broker.workflow.settle import is_to_compare
from broker.workflow.silence import reads_nothing, slots_of
from broker.workflow.turns import Lane, next_job, recently_begun


def run_job(ports: RunPorts, job: str, worker: str, keep_alive: KeepAlive) -> bool:
    """Run one attempt of a job, and go on to its end. False if somebody else has it or it is not to be run: then, if
    it has run, only what is left of its end is done.

    A lost lease makes every later write a Conflict("stale"), which is dropped here: the attempt that took over
    tells what happened. The worker is free again at the end of the slot of time in which the job ended: what waits
    behind it would tell when that was.
    """
    now = ports.clock.now()
    started = AuditEvent(now, SYSTEM.ident, "job.started", job, (("worker", worker),))
    lease = ports.store.lease(job, worker, now + ports.lease, now, [started])
    if lease is None:
        end_job(ports, job, keep_alive)
        return False
    try:
        with keep_alive(job, lease.attempt):
            _attempt(ports, lease)
        end_job(ports, job, keep_alive)
    except Exception as error:
        _hold(ports, ports.store.job(job))
        if isinstance(error, Conflict) and error.code in OVERTAKEN:
            return False
        raise
    ended = ports.store.job(job)
    _hold(ports, ended)
    if not is_to_compare(ended, ports.store.outputs_of(job)):  # one comparison is enough of a slot's time
        end_job(ports, job, keep_alive)
    return True


def run_next(ports: RunPorts, lane: Lane, worker: str, keep_alive: KeepAlive) -> bool:
    """Run the job whose turn it is. False where none waits for this slot. The lease decides between workers that choose
    the same one: whoever does not get it chooses again, by what the store says then."""
    policies, passed = policies_in_force(ports.store), set[str]()
    while (job := next_job(ports, policies, lane, passed)) is not None:
        if run_job(ports, job, worker, keep_alive):
            return True
        if ports.store.job(job).state is JobState.QUEUED:
            passed.add(job)  # stopped, or given back
    return False


def _hold(ports: WorkerPorts, job: Job) -> None:
    if not reads_nothing(job, ports.store.outputs_of(job.ident)):
        _wait_for(ports, [job])


def hold_again(ports: WorkerPorts, worker: str) -> None:
    """What a slot does first: its process may have been killed while it ran or held something, by a script, too."""
    try:
        begun = recently_begun(ports, policies_in_force(ports.store))
    except Unknown:
        return  # a broker that is being set up
    _wait_for(ports, [job for job in begun if job.worker == worker])


def _wait_for(ports: WorkerPorts, begun: Sequence[Job]) -> None:
    slots, now = slots_of(ports, policies_in_force(ports.store)), ports.clock.now()
    for until in (slots.told_end(job, now) for job in begun):
        if until is not None:
            ports.clock.wait_until(until)


def _attempt(ports: RunPorts, lease: Lease) -> None:
    policies = policies_in_force(ports.store)
    try:
        checked = _check_again(lease.job, policies, ports)
        if only_keeps(checked):
            assess_nothing(ports, lease, policies)
        elif checked.private is not None:
            _run_private(ports, lease, policies, checked)
        else:
            assess(ports, lease, policies, _execute(ports, lease, policies, checked))
    except Failed as failed:
        _check_held(ports, lease)
        fail(ports, lease.job.ident, lease.attempt, failed.code)
    except (Unavailable, Unknown):
        _give_back(ports, lease, policies)
    except Breach:
        fail(ports, lease.job.ident, lease.attempt, FailureCode.BAD_FRAMES)


def _run_private(ports: RunPorts, lease: Lease, policies: Policies, checked: Checked) -> None:
    """On the snapshot that the spend names, whichever is the latest by now."""
    spend = spend_of(ports, lease.job, checked)
    vault = _vault(ports, lease, spend.asked.snapshot)
    private = on_vault(ports, lease, policies, checked, vault)
    if isinstance(private, PrivateScript) and spend.state is SpendState.RESERVED:
        try_on_synthetic(ports, lease, policies, private)
    asked = Asked(lease, private, vault, limits_for(Kind.SQL, policies), policies.service)
    assess_private(ports, lease, policies, private, answer(ports, asked, spend), vault.snapshot, checked.declared)


def _execute(ports: WorkerPorts, lease: Lease, policies: Policies, checked: Checked) -> Ran:
    if checked.plan is None:
        script = Script(ports, lease, policies, checked)
        vault, ran = run_script(script, lambda: _latest_vault(ports, lease))
        return Ran(checked, vault, ran.result, ran)
    vault = _latest_vault(ports, lease)
    needs = needs_of(profile_of(lease.job, policies))
    limits = limits_for(Kind.SQL, policies)
    result = ports.sandbox.run(ports.engine.prepare(checked.plan, vault, lease.job.ident, lease.attempt, limits, needs))
    if result.end is not SandboxEnd.ENDED:
        raise Failed(FailureCode(result.end.value))
    return Ran(checked, vault, result)


def _latest_vault(ports: WorkerPorts, lease: Lease) -> Vault:
    return _vault(ports, lease, ports.store.latest_snapshot().ident)


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


def profile_of(job: Job, policies: Policies) -> Profile:
    """The disclosure rules of the job's project."""
    project = policies.project(job.submission.project)
    if project is None:
        raise Failed(FailureCode.POLICY_CHANGED)
    return policies.profile(project.profile)


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
