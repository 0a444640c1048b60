"""The port `Queue` on RQ, and the worker that takes from it: ids as JSON. The store decides what runs."""

import threading
from contextlib import suppress
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DuplicateJobError
from rq.executions import Execution
from rq.job import Job
from rq.timeouts import BaseDeathPenalty

from broker.domain.errors import Unavailable
from broker.domain.jobs.work_items import WorkItem, WorkKind

QUEUE_NAME = "jobs"
TASK = "broker.worker.tasks.work"
"""The function that a worker calls with (kind, subject, attempt): a name, so that nothing here imports the worker."""

REHEARSAL_QUEUE_NAME = "jobs-rehearsals"
"""Workers read this queue only if no job waits."""

SERIALIZER = "json"
"""RQ's default is pickle, with which anyone who can write to Redis could run code in the worker."""

ANSWER_SECONDS = 5
FAILED_SECONDS = 60
RQ_TIMEOUT_SECONDS = 24 * 3600
"""RQ's own time limit, far above any job's: the lease and the sandbox's limits apply."""


class RqQueue:
    """Offers jobs to workers. The reconciler offers again what Redis loses."""

    def __init__(self, url: str) -> None:
        self._queue, self._rehearsals = _queues(
            Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
        )

    def offer(self, item: WorkItem) -> None:
        queue = self._rehearsals if item.kind is WorkKind.REHEARSAL else self._queue
        try:
            try:
                _enqueue(queue, item)
            except DuplicateJobError:
                _offer_again(queue, item)
        except RedisError as error:
            raise Unavailable("The queue does not answer.") from error

    def depth(self) -> int:
        try:
            return int(self._queue.count)
        except RedisError as error:
            raise Unavailable("The queue does not answer.") from error


def _queues(redis: Redis) -> list[Queue]:
    """The queue of jobs and that of rehearsals."""
    return [Queue(name, connection=redis, serializer=SERIALIZER) for name in (QUEUE_NAME, REHEARSAL_QUEUE_NAME)]


def _enqueue(queue: Queue, item: WorkItem) -> None:
    queue.enqueue_call(
        TASK,
        args=(item.kind.value, item.subject, item.attempt),
        job_id=_delivery_ident(item),
        description=_delivery_ident(item),
        unique=True,  # the same delivery is not queued twice
        retry=None,
        timeout=RQ_TIMEOUT_SECONDS,
        result_ttl=0,  # no results in Redis
        failure_ttl=FAILED_SECONDS,
    )


def _offer_again(queue: Queue, item: WorkItem) -> None:
    """Offer an id that RQ knows but no list holds: a worker took it and died before its lease. If that worker is alive
    after all, the second delivery finds nothing queued and is dropped."""
    name = _delivery_ident(item)
    if queue.get_job_position(name) is not None:
        return
    known: Any = queue.fetch_job(name)
    if known is not None:
        known.delete()
    with suppress(DuplicateJobError):  # another reconciler was faster
        _enqueue(queue, item)


def _delivery_ident(item: WorkItem) -> str:
    return f"{item.subject}-{item.attempt}"


IDLE_SECONDS = 20
"""RQ waits fifteen seconds less than this for a delivery, so it sets how often an idle worker reports that it is
alive."""


class _NoDeathPenalty(BaseDeathPenalty):
    """RQ's alarm would interrupt the sandbox adapter during clean-up; the lease and the sandbox's limits apply
    instead."""

    def setup_death_penalty(self) -> None: ...

    def cancel_death_penalty(self) -> None: ...


class _QuietRqWorker(SimpleWorker):
    death_penalty_class = _NoDeathPenalty
    max_connection_wait_time = 2.0  # seconds between two tries while Redis is away

    def _install_signal_handlers(self) -> None:
        """Only the main thread can handle signals, and a worker may run in another one."""
        if threading.current_thread() is threading.main_thread():
            super()._install_signal_handlers()  # type: ignore[no-untyped-call]  # rq leaves it untyped

    def handle_job_failure(
        self, job: Job, queue: Queue, started_job_registry: Any = None, exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:  # fmt: skip
        """Store no error text in Redis, because a message could contain what the queue must not."""
        super().handle_job_failure(job, queue, started_job_registry, "", execution)


class RqWorker:
    """A worker without fork, scheduler or alarm: jobs first, then rehearsals. `work` blocks until SIGTERM and finishes
    the current job first."""

    def __init__(self, url: str) -> None:
        redis: Redis = Redis.from_url(url)
        self._worker = _QuietRqWorker(
            _queues(redis), connection=redis, serializer=SERIALIZER, worker_ttl=IDLE_SECONDS, log_job_description=False
        )

    def work(self, burst: bool = False) -> bool:
        """Work until a signal or, with `burst`, until the queue is empty. Returns whether anything was delivered. If
        Redis goes away while the worker is idle, the worker tries again until it is back."""
        return bool(self._worker.work(burst=burst, with_scheduler=False, logging_level="WARNING"))
