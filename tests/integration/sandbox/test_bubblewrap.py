"""bubblewrap keeps the port's promises, and never meets real data."""

import threading
import time
from dataclasses import replace

import pytest

from broker.domain.errors import Breach, Conflict
from broker.domain.ports import SandboxEnd
from broker.sandbox import bubblewrap_sandbox, selftest
from broker.sandbox.bubblewrap_sandbox import BubblewrapSandbox
from tests.integration.expected_errors import expect
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.docker]
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def bubblewrap(sandbox_root, tmp_path):
    """A broker of its own, so that its sweep meets no other test's sandboxes."""
    (tmp_path / "build").symlink_to(sandbox_root / "build")
    return BubblewrapSandbox(tmp_path)


@pytest.fixture
def started(bubblewrap, python):
    """A job in a thread. Its record exists; its sandbox may not have begun."""
    request, ends = python(SLEEP), []
    thread = threading.Thread(target=lambda: ends.append(bubblewrap.run(request).end))
    thread.start()
    record = bubblewrap._folder / f"npdjob-{request.job}-1.run"
    wait_until(record.exists)
    yield request, ends, thread, record
    bubblewrap.terminate(request.job, 1)
    thread.join(60)


@pytest.fixture
def running(started):
    """A job under way, in a thread."""
    request, ends, thread, record = started
    wait_until(lambda: record.read_text() != "")
    return request, ends, thread


@pytest.fixture
def slow_to_begin(monkeypatch):
    """The host learns late which process a sandbox is."""
    child_pid = bubblewrap_sandbox._child_pid

    def late(reading):
        time.sleep(1)
        return child_pid(reading)

    monkeypatch.setattr(bubblewrap_sandbox, "_child_pid", late)


def test_real_data_are_refused(bubblewrap, python):
    real = replace(python("print(1)"), synthetic=False)
    expect(Breach, bubblewrap.run, real, match="never runs on real data")


def test_once_and_gone_on_demand(bubblewrap, running):
    request, ends, thread = running
    expect(Conflict, bubblewrap.run, request)
    assert bubblewrap.sweep(lambda: frozenset({(request.job, 1)})) == 0
    assert thread.is_alive()
    bubblewrap.terminate(request.job, 1)
    thread.join(60)
    assert ends == [SandboxEnd.CRASHED]
    assert not list(bubblewrap._folder.glob(f"npdjob-{request.job}-*"))


def test_gone_on_demand_before_it_begins(bubblewrap, slow_to_begin, started):
    request, ends, thread, record = started
    assert record.read_text() == ""
    bubblewrap.terminate(request.job, 1)
    thread.join(60)
    assert ends == [SandboxEnd.CRASHED]
    assert not record.exists()


def test_gone_on_demand_while_it_becomes_the_launcher(bubblewrap, running, monkeypatch):
    """A process that becomes another program has no arguments for a moment."""
    request, ends, thread = running
    answers, is_sandbox = [False, False], bubblewrap_sandbox._is_sandbox
    monkeypatch.setattr(
        bubblewrap_sandbox, "_is_sandbox", lambda child, name: answers.pop() if answers else is_sandbox(child, name)
    )
    bubblewrap.terminate(request.job, 1)
    thread.join(60)
    assert ends == [SandboxEnd.CRASHED]


def test_sweep_ends_what_nobody_claims(bubblewrap, running):
    _, ends, thread = running
    assert bubblewrap.sweep(frozenset) == 1
    thread.join(60)
    assert ends == [SandboxEnd.CRASHED]


def test_the_selftest_says_what_is_missing(bubblewrap):
    table = selftest.run_probes(bubblewrap, "bubblewrap")
    assert {verdict.probe for verdict in table if verdict.required and not verdict.held} == {"memory", "scratch-noexec"}
    assert selftest.unmet_probes(table) == ("memory", "scratch-noexec")
