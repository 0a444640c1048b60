"""The container as engine and job see it, and the promises of the port: once, gone afterwards, gone on demand."""

import gc
import threading
from dataclasses import replace

import pytest

from broker.domain.errors import Breach, Conflict, Unavailable
from broker.domain.ports import SandboxEnd
from broker.sandbox import containers
from broker.sandbox.container_spec import container_name
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.selftest import REQUIRED
from tests.integration.expected_errors import expect
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.docker]
SLEEP = "import time; time.sleep(60)"


class Running:
    """A job in a thread of its own, once its container is up."""

    def __init__(self, api, sandbox, request):
        self.name, self.result, self.fault = container_name(request.job, request.attempt), None, None
        self.thread = threading.Thread(target=self._run, args=(sandbox, request))
        self.thread.start()
        wait_until(lambda: self.fault or self.names(api, "running"))
        assert self.fault is None

    def _run(self, sandbox, request):
        try:
            self.result = sandbox.run(request)
        except Exception as fault:
            self.fault = fault

    def names(self, api, *status):
        filters = {"name": f"^/{self.name}$"} | ({"status": list(status)} if status else {})
        return api.containers(all=True, filters=filters)


def test_settings_by_inspect_of_a_running_container(api, docker_sandbox, python):
    request = python(SLEEP)
    running = Running(api, docker_sandbox, request)
    seen = api.inspect_container(running.name)
    docker_sandbox.terminate(request.job, 1)
    running.thread.join()
    host = seen["HostConfig"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["CapDrop"]) == ("none", True, ["ALL"])
    assert host["Memory"] == host["MemorySwap"] == 1088 << 20
    assert host["Runtime"] == docker_sandbox.runtime()
    assert [(m["Destination"], m["RW"]) for m in seen["Mounts"]] == [("/data", False)]
    assert seen["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert list(seen["NetworkSettings"]["Networks"]) in (["none"], [])
    assert running.result.end in (SandboxEnd.CRASHED, SandboxEnd.MEMORY_LIMIT)


@pytest.mark.each
def test_the_walls_from_inside(docker_sandbox):
    table = {verdict.probe: verdict for verdict in docker_sandbox.verdicts()}
    assert set(table) >= REQUIRED
    assert not docker_sandbox.missing(), [v for v in table.values() if v.required and not v.held]


def test_real_data_run_where_the_walls_hold(sandbox_root, sql):
    real = replace(sql("SELECT 1 AS one"), synthetic=False)
    assert DockerSandbox(sandbox_root, "runc").run(real).end is SandboxEnd.ENDED


def test_one_sandbox_for_an_attempt_and_none_after_terminate(api, docker_sandbox, python):
    request = python(SLEEP)
    running = Running(api, docker_sandbox, request)
    assert expect(Conflict, docker_sandbox.run, request).code == "already-running"
    assert running.names(api, "running"), "the second attempt must not touch the first"
    docker_sandbox.terminate(request.job, 1)
    assert not running.names(api)
    docker_sandbox.terminate(request.job, 1)
    running.thread.join()
    assert running.result.end is not SandboxEnd.ENDED


def test_sweep_spares_the_living_and_other_brokers(api, python, sandbox_root, tmp_path):
    """A broker of its own in this test: the sandboxes of tests that run beside it are another's."""
    (tmp_path / "build").symlink_to(sandbox_root / "build")
    sandbox, neighbour = DockerSandbox(tmp_path, "runc"), DockerSandbox(sandbox_root / "neighbour", "runc")
    request = python(SLEEP)
    running = Running(api, sandbox, request)
    assert neighbour.sweep(frozenset) == 0
    assert sandbox.sweep(lambda: frozenset({(request.job, 1)})) == 0
    assert running.names(api, "running")
    assert sandbox.sweep(frozenset) == 1
    assert not running.names(api)
    running.thread.join()


def test_a_difference_before_start_is_a_breach_and_nothing_runs(api, sql, sandbox_root, monkeypatch):
    def lax(made):
        asked = strict(made)
        asked["HostConfig"]["CapDrop"] = []
        return asked

    strict = containers.settings
    monkeypatch.setattr(containers, "settings", lax)
    request = sql("SELECT 1 AS one")
    expect(Breach, DockerSandbox(sandbox_root, "runc").run, request, match="CapDrop")
    assert not api.containers(all=True, filters={"name": f"^/{container_name(request.job, 1)}$"})


def test_a_mount_that_is_not_there_is_an_error_and_is_not_made(sql, sandbox_root, tmp_path):
    missing = tmp_path / "missing"
    lost = replace(sql("SELECT 1 AS one"), mount=missing)
    expect(Unavailable, DockerSandbox(sandbox_root, "runc").run, lost)
    assert not missing.exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves such a socket open
def test_an_engine_that_does_not_answer_is_unavailable(sql, sandbox_root, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/engine.sock")
    sandbox = DockerSandbox(sandbox_root, "auto")
    for call in (
        lambda: sandbox.run(sql("SELECT 1")),
        lambda: sandbox.terminate("j", 1),
        lambda: sandbox.sweep(frozenset),
    ):
        expect(Unavailable, call)
    gc.collect()


def test_the_next_stage_of_an_attempt_waits_for_the_one_before(docker_sandbox, python, sql):
    """Its name is the attempt's, and the container of the stage before is removed while its result is read."""
    for ask in (python("print(1)"), python("print(2)"), sql("SELECT 1 AS x"), python("print(3)")):
        assert docker_sandbox.run(ask).end is SandboxEnd.ENDED
