"""The warm pool: the right job takes each waiting container once, and no container is left over."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from broker.domain.ports import SandboxEnd, SandboxRequest, WarmPoolLimits
from broker.sandbox import containers
from broker.sandbox.container_spec import WARM_PREFIX
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.warm_pool import WarmPool

pytestmark = [pytest.mark.long, pytest.mark.docker]
GIB = 1 << 30
WARMTH = WarmPoolLimits(each=1, memory_bytes=2 * GIB, idle_seconds=60)
ONE = "SELECT 1 AS one"
PRINT = "print(1)"


@pytest.fixture
def api(engine) -> Iterator[docker.APIClient]:
    client = docker.APIClient()
    yield client
    client.close()


@pytest.fixture(params=["runc", "runsc"])
def warm(request, sandbox_root: Path, tmp_path: Path) -> Iterator[DockerSandbox]:
    """A broker of its own, so that what waits elsewhere is another's."""
    sandbox = of(tmp_path / "broker", sandbox_root, request.param)
    yield sandbox
    WarmPool(sandbox, lambda: WARMTH).clear()
    sandbox.close()


@pytest.fixture
def quick(sandbox_root: Path, tmp_path: Path) -> Iterator[DockerSandbox]:
    sandbox = of(tmp_path / "broker", sandbox_root, "runc")
    yield sandbox
    WarmPool(sandbox, lambda: WARMTH).clear()
    sandbox.close()


def of(root: Path, sandbox_root: Path, runtime: str) -> DockerSandbox:
    root.mkdir(exist_ok=True)
    return DockerSandbox(root, runtime, sandbox_root / "build")


def filled(sandbox: DockerSandbox, request: SandboxRequest, pool: WarmPool, number: int = 1) -> list[str]:
    """Names of the containers that wait for jobs like this one."""
    sandbox.warm_registry.want(sandbox.template(request, request.mount))
    until = time.monotonic() + 60
    while len(names := [one.name for ones in sandbox.warm_registry.waiting().values() for one in ones]) < number:
        assert time.monotonic() < until, "the pool did not fill"
        time.sleep(0.1)
        pool.maintain()
    return names


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
    request = sql(ONE)
    pool = WarmPool(quick, lambda: replace(WARMTH, each=2))
    filled(quick, request, pool, 2)
    key = quick.warm_registry.want(quick.template(request, request.mount))
    taken, start = [], threading.Barrier(8)

    def take():
        start.wait()
        taken.append(quick.warm_registry.take(key))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = [one.container for one in taken if one is not None]
    assert len(got) == len(set(got)) == 2


def test_jobs_that_race_for_one_container_all_end(quick, sql):
    request = sql(ONE)
    filled(quick, request, WarmPool(quick, lambda: WARMTH))
    ends = []
    threads = [
        threading.Thread(target=lambda n=n: ends.append(quick.run(named(request, f"race{n}")).end)) for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [SandboxEnd.ENDED] * 3


def test_a_rebuilt_vault_of_the_same_name_is_another(api, quick, sql):
    """What waits on the folder that was is never given to a job on the folder that is."""
    request = sql(ONE)
    pool = WarmPool(quick, lambda: WARMTH)
    (old,) = filled(quick, request, pool)
    before = quick.warm_registry.want(quick.template(request, request.mount))
    request.mount.rename(request.mount.with_name("old"))
    pool.maintain()
    assert old not in waiting_of(api, quick)
    subprocess.run(["cp", "-a", request.mount.with_name("old"), request.mount], check=True)
    assert quick.warm_registry.want(quick.template(request, request.mount)) != before
    (new,) = filled(quick, request, pool)
    assert new != old


def test_two_projects_never_share(quick, sql, tmp_path):
    """The mount is in the key: with a container waiting for one project, another's job starts cold on its own."""
    request = sql("SELECT count(*) AS n FROM npd.absence")
    (name,) = filled(quick, request, WarmPool(quick, lambda: WARMTH))
    subprocess.run(["cp", "-a", request.mount, tmp_path / "other"], check=True)
    other = replace(named(request, "other"), mount=tmp_path / "other")
    assert quick.run(other).end is SandboxEnd.ENDED
    assert [one.name for ones in quick.warm_registry.waiting().values() for one in ones] == [name]


@pytest.mark.parametrize("changed", [{"threads": 2}, {"memory_bytes": 900 << 20}, {"wall_seconds": 7}])
def test_other_limits_are_another_key(quick, sql, changed):
    one, other = sql(ONE), sql(ONE, **changed)
    assert quick.warm_registry.want(quick.template(one, one.mount)) != quick.warm_registry.want(
        quick.template(other, other.mount)
    )


def test_what_is_not_as_it_must_be_is_not_used(api, quick, sql):
    request = sql(ONE)
    (name,) = filled(quick, request, WarmPool(quick, lambda: WARMTH))
    api.update_container(name, mem_limit=512 << 20, memswap_limit=512 << 20)
    assert quick.run(named(request, "changed")).end is SandboxEnd.ENDED
    quick.close()
    assert waiting_of(api, quick) == []


def test_one_that_died_while_it_waited_is_not_used(api, quick, sql):
    request = sql(ONE)
    (name,) = filled(quick, request, WarmPool(quick, lambda: WARMTH))
    api.kill(name)
    assert quick.run(named(request, "dead")).end is SandboxEnd.ENDED


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
    quick.warm_registry.want(quick.template(script, script.mount))
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
    quick.warm_registry.want(quick.template(request, request.mount))
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
    quick.warm_registry.want(quick.template(request, request.mount))
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
    until = time.monotonic() + 30
    while set(waiting_of(api, quick)) & set(left):
        assert time.monotonic() < until, "what the killed pool left is still there"
        time.sleep(0.1)
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
    assert quick.warm_registry.take(quick.warm_registry.want(quick.template(request, request.mount))).name == name
    monkeypatch.setattr("broker.sandbox.warm_pool.LOST_SECONDS", 0.2)
    monkeypatch.setattr("broker.sandbox.warm_pool.SCAN_SECONDS", 0.0)
    pool._reap({}, WARMTH)
    assert waiting_of(api, quick) == [name]
    time.sleep(0.3)
    pool._reap({}, WARMTH)
    assert waiting_of(api, quick) == []
