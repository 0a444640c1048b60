"""The way of a job, as the README draws it: its stages in order, and the work that does them one after the other.

Each stage is a function of the ports and of what the stage before it found. Three leases cover them: a worker that is
lost loses no more than one of the three, and each starts again where the store says that the job is.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import FailureCode, Job, JobState, OutputState
from broker.domain.jobs.work_items import WorkItem, WorkKind, rest_of
from broker.domain.ports import WorkerPorts
from broker.domain.ports.store_records import AuditFilter
from broker.workflow.pipeline.assess import assess
from broker.workflow.pipeline.executors import execute, open_vault
from broker.workflow.pipeline.job_release import release
from broker.workflow.pipeline.output_routing import LOST_RACE_CODES, route
from broker.workflow.pipeline.recheck import recheck
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.release_history.job_comparison import ComparisonTask, compare
from broker.workflow.release_history.release_recording import HistoryMoved
from broker.workflow.run_context import Failed

log = logging.getLogger(__name__)

Stage = Callable[[RunPorts, Any], Any]

RUN: tuple[Stage, ...] = (recheck, open_vault, execute, assess)
COMPARE: tuple[Stage, ...] = (compare,)
RELEASE: tuple[Stage, ...] = (route, release)
STAGES = (*RUN, *COMPARE, *RELEASE)

LAPSES_PER_ATTEMPT = 2
"""Multiplied by the attempts that policy allows, this is how many workers may die at a job, in its run, its comparison
or its release, which may compare again. Without the limit, a job whose comparison kills every worker would never
end."""

MAX_ROUNDS = 20
"""Others may release during a comparison. Each time, only what they released is compared again."""


def run_job(ports: RunPorts, item: WorkItem) -> None:
    """Run one attempt of a job, up to its assessed outputs. Releases nothing."""
    _do_stages(ports, item, item, RUN)


def compare_outputs(ports: RunPorts, item: WorkItem) -> None:
    """Compare the assessed outputs of a job with the release history."""
    outputs = [o for o in ports.store.outputs_of(item.subject) if o.state is OutputState.ASSESSED]
    _do_stages(ports, item, ComparisonTask(item, outputs), COMPARE)


def finish_job(ports: RunPorts, item: WorkItem) -> datetime | None:
    """Route, decide and release, as far as that waits for nobody. Returns when to go on; None if the job is
    finished."""
    for _ in range(MAX_ROUNDS):
        try:
            routed = route(ports, item.subject)
            return release(ports, routed) if isinstance(routed, Job) else routed
        except HistoryMoved as moved:
            approved = [o for o in ports.store.outputs_of(item.subject) if o.state is OutputState.APPROVED]
            # Outputs that the new releases do not affect need not be compared again.
            clean = frozenset(o.ident for o in approved) - {o.ident for o in moved.outputs}
            _do_stages(ports, item, ComparisonTask(item, approved, clean), COMPARE)
        except Conflict as conflict:
            # Others released or voted just now: go on from what they left.
            if conflict.code not in LOST_RACE_CODES:
                raise
    return ports.clock.now() + rest_of(item, ports.lease)


def _do_stages(ports: RunPorts, item: WorkItem, value: Any, stages: Sequence[Stage]) -> None:
    try:
        for stage in stages:
            value = stage(ports, value)
    except Failed as failed:
        _fail_job(ports, item, failed.code)
    # The sandbox's frames cannot be trusted, so nothing of the job is.
    except Breach as breach:
        log.error("job %s failed: %s", item.subject, breach)
        _fail_job(ports, item, FailureCode.BAD_FRAMES)


def _fail_job(ports: WorkerPorts, item: WorkItem, code: FailureCode) -> None:
    """Fail a job: its outputs never leave. Raises Conflict("stale") if the lease is lost: then the reaper killed the
    sandbox, and the job has not failed."""
    now = ports.clock.now()
    if not ports.store.renew_work(item, now + ports.lease, now):
        raise Conflict("stale", f"The lease on job {item.subject!r} is lost.")
    _end_failed(ports, item, code)


def _end_failed(ports: WorkerPorts, item: WorkItem, code: FailureCode) -> None:
    now, before = ports.clock.now(), JobState.RUNNING if item.kind is WorkKind.RUN else JobState.ASSESSING
    event = AuditEvent(now, SYSTEM.ident, "job.failed", item.subject, (("code", code.value),))
    ports.store.advance(item.subject, item.attempt, before, JobState.FAILED, now, [event], failure=code)


def fail_exhausted_job(ports: WorkerPorts, item: WorkItem) -> bool:
    """Fail a job that was given back too often. Returns whether it was."""
    # A job that an earlier version of the broker has decided before its release stays decided.
    if not _is_exhausted(ports, item) or ports.store.job(item.subject).state is JobState.DECIDED:
        return False
    _end_failed(ports, item, FailureCode.INFRASTRUCTURE)
    return True


def _is_exhausted(ports: WorkerPorts, item: WorkItem) -> bool:
    most = policies_in_force(ports.store).service.max_attempts
    if item.kind is WorkKind.RUN:
        return item.attempt >= most
    # The audit log has the lapses of all attempts, at whatever work.
    lapses = LAPSES_PER_ATTEMPT * most
    found = ports.store.search_audit(AuditFilter(subject=item.subject, action="lease.lapsed", limit=lapses))
    return len(found) >= lapses
