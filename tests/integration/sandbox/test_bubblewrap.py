"""bubblewrap keeps the port's promises, and never meets real data."""

import threading
import time

import pytest

from broker.domain.errors import Breach, Conflict
from broker.domain.ports import SandboxEnd
from broker.sandbox import selftest
from broker.sandbox.bubblewrap_sandbox import BubblewrapSandbox

pytestmark = [pytest.mark.long, pytest.mark.docker]
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def bubblewrap(sandbox_root, tmp_path):
    """A broker of its own, so that its sweep meets no other test's sandboxes."""
    (tmp_path / "build").symlink_to(sandbox_root / "build")
    return BubblewrapSandbox(tmp_path)


@pytest.fixture
def running(bubblewrap, python):
    """A job under way, in a thread."""
    request, ends = python(SLEEP), []
    thread = threading.Thread(target=lambda: ends.append(bubblewrap.run(request).end))
    thread.start()
    record = bubblewrap._folder / f"npdjob-{request.job}-1.run"
    for _ in range(200):
        if record.exists() and record.read_text():
            break
        time.sleep(0.05)
    yield request, ends, thread
    bubblewrap.terminate(request.job, 1)
    thread.join(10)


def test_real_data_are_refused(bubblewrap, python):
    request = python("print(1)")
    real = type(request)(request.job, 1, "python", request.mount, request.frames, request.limits, synthetic=False)
    with pytest.raises(Breach, match="never runs on real data"):
        bubblewrap.run(real)


def test_once_and_gone_on_demand(bubblewrap, running):
    request, ends, thread = running
    with pytest.raises(Conflict):
        bubblewrap.run(request)
    assert bubblewrap.sweep(lambda: frozenset({(request.job, 1)})) == 0
    assert thread.is_alive()
    bubblewrap.terminate(request.job, 1)
    thread.join(10)
    assert ends == [SandboxEnd.CRASHED]
    assert not list(bubblewrap._folder.glob(f"npdjob-{request.job}-*"))


def test_sweep_ends_what_nobody_claims(bubblewrap, running):
    _, ends, thread = running
    assert bubblewrap.sweep(frozenset) == 1
    thread.join(10)
    assert ends == [SandboxEnd.CRASHED]


def test_the_selftest_says_what_is_missing(bubblewrap):
    table = selftest.run_probes(bubblewrap, "bubblewrap")
    assert {verdict.probe for verdict in table if verdict.required and not verdict.held} == {"memory", "scratch-noexec"}
    assert selftest.unmet_probes(table) == ("memory", "scratch-noexec")
