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

REHEARSALS = "rehearsals"
"""A queue of their own, beside the one that is named so: workers look there when no job waits."""

REHEARSAL_TASK = "broker.worker.tasks.run_rehearsal"

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
        self._rehearsals = Queue(rehearsals_of(name), connection=self._redis, serializer=SERIALIZER)

    def offer(self, job: str, attempt: int) -> None:
        self._offer(self._queue, TASK, job, attempt)

    def offer_rehearsal(self, rehearsal: str, attempt: int) -> None:
        self._offer(self._rehearsals, REHEARSAL_TASK, rehearsal, attempt)

    def _offer(self, queue: Queue, task: str, ident: str, attempt: int) -> None:
        try:
            try:
                _enqueue(queue, task, ident, attempt)
            except DuplicateJobError:
                _revive(queue, task, ident, attempt)
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


def rehearsals_of(name: str) -> str:
    """The queue of rehearsals beside a queue of jobs."""
    return f"{name}-{REHEARSALS}"


def _enqueue(queue: Queue, task: str, ident: str, attempt: int) -> None:
    queue.enqueue_call(
        task,
        args=(ident, attempt),
        job_id=_ident(ident, attempt),
        description=_ident(ident, attempt),
        unique=True,
        retry=None,
        timeout=LONG_SECONDS,
        result_ttl=0,
        failure_ttl=FAILED_SECONDS,
    )


def _revive(queue: Queue, task: str, ident: str, attempt: int) -> None:
    """An id that RQ knows but no list holds was taken by a worker that died before its lease: offer it anew.

    Should that worker live after all, the second delivery finds nothing queued and is dropped.
    """
    name = _ident(ident, attempt)
    if queue.get_job_position(name) is not None:
        return
    known: Any = queue.fetch_job(name)
    if known is not None:
        known.delete()
    try:
        _enqueue(queue, task, ident, attempt)
    except DuplicateJobError:
        return  # another reconciler was faster


def _ident(ident: str, attempt: int) -> str:
    return f"{ident}-{attempt}"
