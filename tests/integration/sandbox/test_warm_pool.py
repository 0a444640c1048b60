"""The warm pool: the right job takes each waiting container once, and no container is left over."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from broker.domain.ports import SandboxEnd, SandboxRequest, WarmPoolLimits
from broker.sandbox import containers
from broker.sandbox.container_spec import WARM_PREFIX
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.warm_pool import WarmPool
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.docker]
GIB = 1 << 30
WARMTH = WarmPoolLimits(each=1, memory_bytes=2 * GIB, idle_seconds=60)
ONE = "SELECT 1 AS one"
PRINT = "print(1)"


def open_warm(root: Path, images: Path, runtime: str) -> Iterator[DockerSandbox]:
    """A broker of its own, so that what waits elsewhere is another's."""
    sandbox = of(root, images, runtime)
    yield sandbox
    WarmPool(sandbox, lambda: WARMTH).clear()
    sandbox.close()


@pytest.fixture(params=["runc", "runsc"])
def warm(request, sandbox_root: Path, tmp_path: Path) -> Iterator[DockerSandbox]:
    yield from open_warm(tmp_path / "broker", sandbox_root, request.param)


@pytest.fixture
def quick(sandbox_root: Path, tmp_path: Path) -> Iterator[DockerSandbox]:
    yield from open_warm(tmp_path / "broker", sandbox_root, "runc")


def of(root: Path, sandbox_root: Path, runtime: str) -> DockerSandbox:
    root.mkdir(exist_ok=True)
    return DockerSandbox(root, runtime, sandbox_root / "build")


def waiting(sandbox: DockerSandbox) -> list[str]:
    return [one.name for ones in sandbox.warm_registry.waiting().values() for one in ones]


def filled(sandbox: DockerSandbox, request: SandboxRequest, pool: WarmPool, number: int = 1) -> list[str]:
    """Names of the containers that wait for jobs like this one."""
    key_of(sandbox, request)
    wait_until(lambda: len(waiting(sandbox)) >= number or pool.maintain())
    return waiting(sandbox)


def key_of(sandbox: DockerSandbox, request: SandboxRequest):
    """What waits for it is found by; from now on some are made ready."""
    return sandbox.warm_registry.want(sandbox.template(request, request.mount))


def waiting_of(api: docker.APIClient, sandbox: DockerSandbox) -> list[str]:
    found = containers.owned_containers(api, sandbox.owner)
    return sorted(name for name in found.values() if name.startswith(WARM_PREFIX))


def no_cold(request: SandboxRequest) -> None:
    raise AssertionError("a new container was made beside one that waits")


def named(request: SandboxRequest, job: str) -> SandboxRequest:
    return replace(request, job=f"{request.job}.{job}")


@pytest.mark.parametrize("image", ["sql", "python"])
def test_a_waiting_sandbox_serves_one_job_and_is_gone(api, warm, sql, python, image, monkeypatch):
    request = sql(ONE) if image == "sql" else python(PRINT)
    pool = WarmPool(warm, lambda: WARMTH)
    (name,) = filled(warm, request, pool)
    assert waiting_of(api, warm) == [name]
    with monkeypatch.context() as only:
        only.setattr(warm, "_cold", no_cold)
        result = warm.run(named(request, "first"))
    assert result.end is SandboxEnd.ENDED, result.log
    assert warm.warm_registry.waiting() == {}
    again = warm.run(named(request, "second"))
    assert again.end is SandboxEnd.ENDED, "with nothing that waits it starts cold"
    warm.close()
    assert containers.owned_containers(api, warm.owner) == {}


def test_what_waits_has_read_nothing_and_shows_no_job(api, warm, python):
    (name,) = filled(warm, python(PRINT), WarmPool(warm, lambda: WARMTH))
    seen = api.inspect_container(name)
    assert seen["State"]["Running"]
    assert set(seen["Config"]["Labels"]) == {"npd-broker.sandbox.owner", "npd-broker.sandbox.nonce"}
    assert seen["HostConfig"]["NetworkMode"] == "none"


def test_nothing_of_one_job_is_there_for_the_next(warm, python):
    pool = WarmPool(warm, lambda: WARMTH)
    request = python("import os\nprint(sorted(os.listdir('/tmp')))\nopen('/tmp/left', 'w').write('x')")
    for number in range(2):
        filled(warm, request, pool)
        assert warm.run(named(request, str(number))).log == b"['script.py']\n"


def test_ends_of_warm_and_cold_jobs_are_the_same(warm, python, monkeypatch):
    monkeypatch.setattr(warm, "_cold", no_cold)
    pool = WarmPool(warm, lambda: WARMTH)
    for program, end in (
        ("raise ValueError", SandboxEnd.CRASHED),
        ("b = bytearray(64 << 30)", SandboxEnd.MEMORY_LIMIT),
        ("while True: print('x' * 65536)", SandboxEnd.OUTPUT_LIMIT),
    ):
        request = python(program)
        filled(warm, request, pool)
        assert warm.run(named(request, end.value)).end is end


def test_one_that_waits_is_taken_by_one_of_many(quick, sql):
    """A race of threads, and of the files below them: each container has one taker."""
    request, start = sql(ONE), threading.Barrier(8)
    filled(quick, request, WarmPool(quick, lambda: replace(WARMTH, each=2)), 2)
    key = key_of(quick, request)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: (start.wait(), quick.warm_registry.take(key))[1], range(8)))
    got = [one.container for one in taken if one is not None]
    assert len(got) == len(set(got)) == 2


def test_a_rebuilt_vault_of_the_same_name_is_another(api, quick, sql):
    """What waits on the folder that was is never given to a job on the folder that is."""
    request = sql(ONE)
    pool = WarmPool(quick, lambda: WARMTH)
    (old,) = filled(quick, request, pool)
    before = key_of(quick, request)
    request.mount.rename(request.mount.with_name("old"))
    pool.maintain()
    assert old not in waiting_of(api, quick)
    subprocess.run(["cp", "-a", request.mount.with_name("old"), request.mount], check=True)
    assert key_of(quick, request) != before
    (new,) = filled(quick, request, pool)
    assert new != old


def test_two_projects_never_share(quick, sql, tmp_path):
    """The mount is in the key: with a container waiting for one project, another's job starts cold on its own."""
    request = sql("SELECT count(*) AS n FROM npd.absence")
    (name,) = filled(quick, request, WarmPool(quick, lambda: WARMTH))
    subprocess.run(["cp", "-a", request.mount, tmp_path / "other"], check=True)
    other = replace(named(request, "other"), mount=tmp_path / "other")
    assert quick.run(other).end is SandboxEnd.ENDED
    assert waiting(quick) == [name]


@pytest.mark.parametrize("changed", [{"threads": 2}, {"memory_bytes": 900 << 20}, {"wall_seconds": 7}])
def test_other_limits_are_another_key(quick, sql, changed):
    assert key_of(quick, sql(ONE)) != key_of(quick, sql(ONE, **changed))


SPOIL = {
    "not as it must be": lambda api, name: api.update_container(name, mem_limit=512 << 20, memswap_limit=512 << 20),
    "dead": lambda api, name: api.kill(name),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
def test_one_that_was_spoilt_while_it_waited_is_not_used(api, quick, sql, spoil):
    request = sql(ONE)
    (name,) = filled(quick, request, WarmPool(quick, lambda: WARMTH))
    spoil(api, name)
    assert quick.run(named(request, "after")).end is SandboxEnd.ENDED
    quick.close()
    assert waiting_of(api, quick) == []


def test_idle_ones_go(api, quick, sql):
    warmth = WARMTH
    pool = WarmPool(quick, lambda: warmth)
    filled(quick, sql(ONE), pool)
    warmth = replace(WARMTH, idle_seconds=1)
    time.sleep(1.1)
    pool.maintain()
    assert waiting_of(api, quick) == []
    assert quick.warm_registry.wanted() == {}


def test_policy_bounds_their_memory(api, quick, sql, python):
    """Room for one: the one that was wanted last waits, and making ready does not go round in circles."""
    roomy = WarmPool(quick, lambda: WARMTH)
    request, script = sql(ONE), python(PRINT)
    filled(quick, request, roomy)
    ((one,),) = quick.warm_registry.waiting().values()
    assert 10 << 20 < one.memory < GIB
    tight = WarmPool(quick, lambda: replace(WARMTH, memory_bytes=one.memory + (1 << 20)))
    key_of(quick, script)
    for _ in range(4):
        time.sleep(0.5)
        tight.maintain()
        assert sum(one.memory for ones in quick.warm_registry.waiting().values() for one in ones) <= GIB
    assert len(waiting_of(api, quick)) <= 1
    none = WarmPool(quick, lambda: replace(WARMTH, each=0))
    none.maintain()
    assert waiting_of(api, quick) == []


def test_nothing_is_made_ready_while_a_job_runs(quick, sql):
    request = sql(ONE)
    pool = WarmPool(quick, lambda: WARMTH)
    key_of(quick, request)
    with quick.warm_registry.running():
        time.sleep(0.5)
        pool.maintain()
        assert quick.warm_registry.waiting() == {}
    pool.maintain()
    assert quick.warm_registry.waiting() == {}, "its outputs are being assessed"
    filled(quick, request, pool)


POOL = """
import sys, threading
from pathlib import Path
from broker.domain.ports import WarmPoolLimits
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.warm_pool import WarmPool
sandbox = DockerSandbox(Path(sys.argv[1]), "runc", Path(sys.argv[2]))
WarmPool(sandbox, lambda: WarmPoolLimits(1, 1 << 31, 600)).serve(threading.Event())
"""


@pytest.mark.parametrize("seconds", [float(s) for s in os.environ.get("TEST_POOL_KILLS", "0.9 1.6").split()])
def test_a_killed_pool_leaves_nothing_to_the_next(api, quick, sql, sandbox_root, tmp_path, seconds):
    """Killed at any moment: while it makes one, or with one waiting. Jobs go on; the next pool begins by clearing."""
    request = sql(ONE)
    key_of(quick, request)
    command = [sys.executable, "-c", POOL, str(tmp_path / "broker"), str(sandbox_root / "build")]
    process = subprocess.Popen(command)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = waiting_of(api, quick)
    assert quick.run(named(request, "after")).end is SandboxEnd.ENDED
    stop, pool = threading.Event(), WarmPool(quick, lambda: WARMTH)
    thread = threading.Thread(target=pool.serve, args=(stop,))
    thread.start()
    wait_until(lambda: not set(waiting_of(api, quick)) & set(left))
    stop.set()
    thread.join()
    assert waiting_of(api, quick) == []


def test_one_of_two_pools_tends(quick, sandbox_root, tmp_path):
    with (
        quick.warm_registry.tended() as first,
        of(tmp_path / "broker", sandbox_root, "runc").warm_registry.tended() as second,
    ):
        assert (first, second) == (True, False)


def test_what_its_taker_has_lost_is_reaped(api, quick, sql, monkeypatch):
    request = sql(ONE)
    pool = WarmPool(quick, lambda: WARMTH)
    (name,) = filled(quick, request, pool)
    assert quick.warm_registry.take(key_of(quick, request)).name == name
    monkeypatch.setattr("broker.sandbox.warm_pool.LOST_SECONDS", 0.2)
    monkeypatch.setattr("broker.sandbox.warm_pool.SCAN_SECONDS", 0.0)
    pool._reap({}, WARMTH)
    assert waiting_of(api, quick) == [name]
    time.sleep(0.3)
    pool._reap({}, WARMTH)
    assert waiting_of(api, quick) == []
