"""The embedded server: on a private socket, no port, one for a folder, and taken over when its owner was killed."""

import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from broker.domain.errors import Invalid
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.queue.embedded_valkey import EmbeddedValkey
from broker.queue.rq_queue import RqQueue
from tests.integration.expected_errors import expect

pytestmark = pytest.mark.service

OWNER = """
import sys, time
from pathlib import Path
from broker.queue.embedded_valkey import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1]))
server.ensure()
print(server._owner is not None, flush=True)
time.sleep(60)
"""


def _info(server, section):
    client = Redis.from_url(server.url)
    try:
        return client.info(section)
    finally:
        client.close()


def test_it_answers_on_a_private_socket_only_and_stores_nothing(valkey, folder):
    assert valkey.answers()
    assert _info(valkey, "server")["tcp_port"] == 0
    assert stat.S_IMODE((folder / "valkey.sock").stat().st_mode) == 0o700
    client = Redis.from_url(valkey.url)
    assert client.config_get("save")["save"] == ""
    assert client.config_get("appendonly")["appendonly"] == "no"
    client.close()


def test_a_second_one_in_the_folder_uses_the_first_and_leaves_it_running(valkey, folder):
    second = EmbeddedValkey(folder)
    second.ensure()
    assert second._owner is None
    assert _info(second, "server")["run_id"] == _info(valkey, "server")["run_id"]
    second.stop()
    assert valkey.answers()


def test_stopping_ends_it_and_it_may_start_again(folder):
    server = EmbeddedValkey(folder)
    server.ensure()
    server.ensure()
    server.stop()
    assert not server.answers()
    server.stop()
    server.ensure()
    assert server.answers()
    server.stop()


def test_many_that_start_at_once_share_one_server(folder):
    servers = [EmbeddedValkey(folder) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(EmbeddedValkey.ensure, servers))
    assert sum(s._owner is not None for s in servers) == 1
    assert len({_info(s, "server")["run_id"] for s in servers}) == 1
    for server in servers:
        server.stop()


def test_a_server_that_was_killed_is_started_again(valkey):
    queue = RqQueue(valkey.url)
    queue.offer(WorkItem(WorkKind.RUN, "job-1", 0))
    before = _info(valkey, "server")
    subprocess.run(["kill", "-9", str(before["process_id"])], check=True)
    valkey.ensure()
    assert _info(valkey, "server")["run_id"] != before["run_id"]
    assert queue.depth() == 0
    queue.offer(WorkItem(WorkKind.RUN, "job-1", 0))
    assert queue.depth() == 1
    queue._queue.connection.close()


def test_a_server_whose_owner_was_killed_is_taken_over_and_stopped(folder):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout.readline() == "True\n"
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        owner.stdout.close()
    heir = EmbeddedValkey(folder)
    assert heir.answers()
    heir.ensure()
    assert heir._owner is not None
    heir.stop()
    assert not heir.answers()


def test_a_path_too_long_for_a_socket_is_an_error_before_the_start(tmp_path):
    expect(Invalid, EmbeddedValkey, Path(f"/tmp/{'x' * 120}"))
