"""The queue on a real Valkey: a hint that may be lost, repeated or late, carries ids, and runs no code of its own."""

import json
import signal
import subprocess
import sys
import types
import zlib

import pytest
from redis import Redis
from rq import Queue

from broker.domain.errors import Unavailable
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.queue import rq_queue
from broker.queue.rq_queue import RqQueue, RqWorker
from tests.integration.expected_errors import expect
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.service]
delivered: list[tuple[str, int]] = []


def run(job, attempt):
    return WorkItem(WorkKind.RUN, job, attempt)


def take(kind, job, attempt):
    delivered.append((job, attempt))


def fail(kind, job, attempt):
    delivered.append((job, attempt))
    raise ValueError("SELECT secret FROM pupils")


@pytest.fixture(autouse=True)
def task(monkeypatch, request):
    """The queue calls a name; here it is a function of this test."""
    module = types.ModuleType("queue_test_tasks")
    module.take, module.fail = take, fail
    monkeypatch.setitem(sys.modules, "queue_test_tasks", module)
    monkeypatch.setattr(rq_queue, "TASK", "queue_test_tasks.take")
    delivered.clear()


@pytest.fixture(autouse=True)
def handlers():
    """A worker that ran in this process leaves its own: whoever ends the tests would end that worker."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def queue(valkey):
    opened = RqQueue(valkey.url)
    yield opened
    opened._queue.connection.close()


@pytest.fixture
def redis(valkey):
    client = Redis.from_url(valkey.url)
    yield client
    client.close()


def work(valkey):
    worker = RqWorker(valkey.url)
    worker.work(burst=True)
    worker._worker.connection.close()
    return list(delivered)


def test_each_attempt_is_delivered_once_in_the_order_offered(queue, valkey):
    for job, attempt in (("job-1", 0), ("job-1", 0), ("job-2", 0), ("job-1", 1)):
        queue.offer(run(job, attempt))
    assert queue.depth() == 3
    assert work(valkey) == [("job-1", 0), ("job-2", 0), ("job-1", 1)]
    assert queue.depth() == 0
    queue.offer(run("job-1", 0))
    assert work(valkey)[3:] == [("job-1", 0)], "after it was delivered it may be offered again"


LOST = {"forgotten": lambda redis: redis.flushall(), "its taker died": lambda redis: redis.lpop("rq:queue:jobs")}


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
def test_what_is_lost_is_offered_again(queue, valkey, redis, lose):
    queue.offer(run("job-1", 0))
    assert lose(redis)
    assert queue.depth() == 0
    queue.offer(run("job-1", 0))
    assert work(valkey) == [("job-1", 0)]


def test_a_task_that_fails_is_not_tried_again_by_itself_but_may_be_offered(queue, valkey, monkeypatch):
    monkeypatch.setattr(rq_queue, "TASK", "queue_test_tasks.fail")
    queue.offer(run("job-1", 0))
    assert work(valkey) == [("job-1", 0)]
    assert work(valkey) == [("job-1", 0)]
    queue.offer(run("job-1", 0))
    assert work(valkey) == [("job-1", 0)] * 2


def _everything(redis):
    values = []
    for key in redis.scan_iter():
        kind = redis.type(key)
        if kind == b"hash":
            values += list(redis.hgetall(key).items())
        elif kind == b"list":
            values += redis.lrange(key, 0, -1)
        elif kind == b"stream":
            values += [entry for _, entry in redis.xrange(key)]
    return values


def test_redis_holds_ids_as_json_and_nothing_of_a_failure(queue, valkey, redis, monkeypatch):
    monkeypatch.setattr(rq_queue, "TASK", "queue_test_tasks.fail")
    queue.offer(run("job-1", 3))
    assert json.loads(zlib.decompress(redis.hget("rq:job:job-1-3", "data")))[2:] == [["run", "job-1", 3], {}]
    work(valkey)
    assert redis.ttl("rq:job:job-1-3") <= rq_queue.FAILED_SECONDS
    assert "secret" not in repr(_everything(redis))


class Zero:
    """An object that looks like an attempt."""

    def __str__(self):
        return "0"


def test_an_object_cannot_be_offered(queue):
    expect(TypeError, queue.offer, run("job-1", Zero()))
    assert queue.depth() == 0


def test_a_pickle_that_somebody_puts_into_redis_is_not_run(queue, valkey, redis):
    Queue("jobs", connection=redis).enqueue("queue_test_tasks.take", "run", "evil", 0)
    queue.offer(run("job-1", 0))
    assert work(valkey) == [("job-1", 0)]


def test_an_idle_worker_ends_on_request_and_outlives_the_server(queue, valkey):
    program = "import sys; from broker.queue.rq_queue import RqWorker; RqWorker(sys.argv[1]).work()"
    worker = subprocess.Popen([sys.executable, "-c", program, valkey.url], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _is_idle(queue))
        valkey.stop()
        valkey.ensure()
        wait_until(lambda: _is_idle(queue))
        assert worker.poll() is None
        worker.terminate()
        assert worker.wait(timeout=60) == 0
    finally:
        worker.kill()
        worker.wait()


def _is_idle(queue):
    """Whether the worker waits for a delivery and listens for commands. While it starts, it has both connections but
    does not wait yet; RQ ends a worker that loses the server then."""
    clients = queue._queue.connection.client_list()
    return any("b" in client["flags"] for client in clients) and any(client["sub"] != "0" for client in clients)


def test_a_queue_that_is_gone_is_unavailable(queue, valkey):
    valkey.stop()
    expect(Unavailable, queue.offer, run("job-1", 0))
    expect(Unavailable, queue.depth)


def test_workers_take_jobs_before_rehearsals(valkey, queue):
    queue.offer(WorkItem(WorkKind.REHEARSAL, "r", 0))
    queue.offer(WorkItem(WorkKind.REHEARSAL, "r", 0))
    queue.offer(run("a", 0))
    assert queue.depth() == 1
    work(valkey)
    assert delivered == [("a", 0), ("r", 0)]
