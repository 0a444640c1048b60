"""Withdraws a researcher's job, or stops it for an administrator: at once, from any state before a decision."""

from broker.domain.errors import Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person
from broker.domain.jobs.job import JobState
from broker.domain.ports import Ports
from broker.workflow.access import reach_job
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.timing_channel import end_hidden_until

MAX_TRIES = 5
"""Most tries. If a worker moves the job on meanwhile, the job is read again."""


def withdraw(ports: Ports, person: Person, job_ident: str, *, stop: bool = False) -> None:
    """End a job. Its worker kills a running sandbox when it finds the lease gone.

    The store also withdraws the job's undecided outputs. Approved ones are not released, because only decided jobs
    release. A failure that is not disclosed yet can be withdrawn like a running job.
    """
    for tries_left in reversed(range(MAX_TRIES)):
        try:
            _withdraw(ports, person, job_ident, stop)
            return
        except Conflict as conflict:
            if conflict.code != "stale" or not tries_left:
                raise


def _withdraw(ports: Ports, person: Person, job_ident: str, stop: bool) -> None:
    action, now = Action.STOP_JOB if stop else Action.WITHDRAW_JOB, ports.clock.now()
    job = ports.store.job(job_ident)
    # A refusal would reveal that the job has ended.
    hidden = job.state is JobState.FAILED and end_hidden_until(ports, policies_in_force(ports.store), job, now)
    job = reach_job(ports, person, action, job_ident, JobState.RUNNING if hidden else None).job
    event = AuditEvent(now, person.ident, "job.stopped" if stop else "job.withdrawn", job_ident)
    ports.store.advance(job_ident, job.attempt, job.state, JobState.WITHDRAWN, now, [event])
