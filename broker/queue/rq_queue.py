"""The port `Queue` on RQ: offers ids as JSON. No retries, no results, no schedule: the store decides what runs."""

from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.exceptions import DuplicateJobError

from broker.domain.errors import Unavailable

QUEUE_NAME = "jobs"
TASK = "broker.worker.tasks.run_job"
"""What a worker calls with (job, attempt): a name, so that nothing here imports the worker."""

SERIALIZER = "json"
"""RQ's default is pickle: whoever can write to Redis would run code in the worker."""

ANSWER_SECONDS = 5
FAILED_SECONDS = 60
LONG_SECONDS = 24 * 3600
"""RQ's own time limit, far above any job's: the lease and the sandbox's limits govern."""


class RqQueue:
    """Offers jobs to workers. What Redis forgets, the reconciler offers again."""

    def __init__(self, url: str, name: str = QUEUE_NAME) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
        self._queue = Queue(name, connection=self._redis, serializer=SERIALIZER)

    def offer(self, job: str, attempt: int) -> None:
        try:
            try:
                self._enqueue(job, attempt)
            except DuplicateJobError:
                self._revive(job, attempt)
        except RedisError as error:
            raise Unavailable("The queue does not answer.") from error

    def depth(self) -> int:
        try:
            return int(self._queue.count)
        except RedisError as error:
            raise Unavailable("The queue does not answer.") from error

    def ping(self) -> bool:
        try:
            return bool(self._redis.ping())
        except RedisError:
            return False

    def close(self) -> None:
        self._redis.close()

    def _enqueue(self, job: str, attempt: int) -> None:
        self._queue.enqueue_call(
            TASK,
            args=(job, attempt),
            job_id=_ident(job, attempt),
            description=_ident(job, attempt),
            unique=True,
            retry=None,
            timeout=LONG_SECONDS,
            result_ttl=0,
            failure_ttl=FAILED_SECONDS,
        )

    def _revive(self, job: str, attempt: int) -> None:
        """An id that RQ knows but no list holds was taken by a worker that died before its lease: offer it anew.

        Should that worker live after all, the second delivery finds no queued job and is dropped.
        """
        ident = _ident(job, attempt)
        if self._queue.get_job_position(ident) is not None:
            return
        known: Any = self._queue.fetch_job(ident)
        if known is not None:
            known.delete()
        try:
            self._enqueue(job, attempt)
        except DuplicateJobError:
            return  # another reconciler was faster


def _ident(job: str, attempt: int) -> str:
    return f"{job}-{attempt}"
