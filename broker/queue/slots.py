"""A queue worker: takes one id after another and calls the task, in this process. Knows nothing of jobs."""

import threading
from typing import Any

from redis import Redis
from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.timeouts import BaseDeathPenalty

from broker.queue.rq_queue import QUEUE_NAME, SERIALIZER, rehearsals_of

IDLE_SECONDS = 20
"""RQ waits for a delivery fifteen seconds less than this: how often an idle worker shows that it lives."""


class _NoAlarm(BaseDeathPenalty):
    """RQ's alarm would interrupt the sandbox adapter at its clean-up; the lease and the sandbox's limits govern."""

    def setup_death_penalty(self) -> None: ...

    def cancel_death_penalty(self) -> None: ...


class _Worker(SimpleWorker):
    death_penalty_class = _NoAlarm
    max_connection_wait_time = 2.0  # seconds between two tries while Redis is away

    def _install_signal_handlers(self) -> None:
        """A thread may hold a worker too; only the main one can take signals."""
        if threading.current_thread() is threading.main_thread():
            super()._install_signal_handlers()  # type: ignore[no-untyped-call]  # rq leaves it untyped

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """Nothing of what went wrong goes into Redis: a message there could carry what the queue must not."""
        super().handle_job_failure(job, queue, started_job_registry, "", execution)


class QueueWorker:
    """No fork, no scheduler, no alarm; jobs first, then rehearsals. `work` blocks until SIGTERM, which lets what is at
    hand finish."""

    def __init__(self, url: str, name: str | None = None, queue: str = QUEUE_NAME) -> None:
        self._redis: Redis = Redis.from_url(url)
        self._worker = _Worker(
            [Queue(q, connection=self._redis, serializer=SERIALIZER) for q in (queue, rehearsals_of(queue))],
            name=name,
            connection=self._redis,
            serializer=SERIALIZER,
            worker_ttl=IDLE_SECONDS,
            log_job_description=False,
        )

    def work(self, burst: bool = False) -> bool:
        """Work until a signal, or (burst) until the queue is empty. True if anything was delivered.

        When Redis goes away while it is idle, it goes on asking for it.
        """
        return bool(self._worker.work(burst=burst, with_scheduler=False, logging_level="WARNING"))

    def close(self) -> None:
        self._redis.close()
