"""A script opens only the files that it declared: by Landlock where the kernel has it, otherwise by a mount."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from broker.domain.errors import Breach, Unavailable
from broker.domain.ports import SandboxEnd, SandboxRequest, WarmPoolLimits
from broker.sandbox import narrow_mounts
from broker.sandbox.bubblewrap_sandbox import BubblewrapSandbox
from broker.sandbox.docker_sandbox import DockerSandbox
from broker.sandbox.warm_pool import WarmPool
from tests.integration.expected_errors import expect
from tests.integration.sandbox.test_warm_pool import filled, no_cold, of

pytestmark = [pytest.mark.long, pytest.mark.docker]
WARMTH = WarmPoolLimits(1, 1 << 31, 60)
DECLARED = ("absence/2021.parquet", "absence/schema.parquet")

LOOK = """
import os, subprocess, pathlib
import duckdb, pandas as pd, pyarrow.parquet as pq
print("rows", len(load("absence")), duckdb.sql("SELECT count(*) FROM absence").fetchall())
ways = {
    "open": lambda p: open(p, "rb").read(1),
    "pyarrow": lambda p: pq.read_table(p),
    "pandas": lambda p: pd.read_parquet(p),
    "duckdb": lambda p: duckdb.sql(f"SELECT * FROM read_parquet('{p}')").fetchall(),
    "descriptor": lambda p: os.read(os.open("../" + p, os.O_RDONLY), 1),
    "link": lambda p: (os.symlink(p, "/tmp/link"), open("/tmp/link", "rb").read(1)),
    "own root": lambda p: open("/proc/self/root" + p, "rb").read(1),
    "process 1": lambda p: open("/proc/1/root" + p, "rb").read(1),
}
def child(way):
    if os.fork() == 0:
        try: ways[way]("/data/absence/2020.parquet"); os._exit(3)
        except BaseException: os._exit(0)
    return os.waitstatus_to_exitcode(os.wait()[1])
for way, do in ways.items():
    for path in ("/data/absence/2020.parquet", "/data/ks4/2021.parquet"):
        if os.path.lexists("/tmp/link"): os.unlink("/tmp/link")
        try: do(path); print("ESCAPED", way, path)
        except Exception as fault: print("HELD", type(fault).__name__)
    print("child", child(way))
os.makedirs("/tmp/a"); os.makedirs("/tmp/b"); open("/tmp/a/x", "w").write("x")
os.rename("/tmp/a/x", "/tmp/b/x")
print("moved", open("/tmp/b/x").read())
"""


@pytest.fixture
def narrow(python, mount: Path) -> SandboxRequest:
    """A job that declared one year of one table of a vault that has two of each."""
    table = pq.read_table(mount / "absence" / "2021.parquet")
    (mount / "ks4").mkdir()
    for other in ("absence/2020.parquet", "ks4/2021.parquet"):
        pq.write_table(table, mount / other)
    return declared(python(LOOK, wall_seconds=40, processes=40))


def declared(request: SandboxRequest) -> SandboxRequest:
    (kind, payload), *rest = request.frames
    job = json.dumps(json.loads(payload) | {"narrow": True}).encode()
    return replace(request, narrow=DECLARED, frames=((kind, job), *rest))


def check(result) -> None:
    log = result.log.decode()
    assert result.end is SandboxEnd.ENDED, log
    assert "rows 4 [(4,)]" in log
    assert "ESCAPED" not in log, log
    assert log.count("HELD") == 16
    assert log.count("child 0") == 8, log
    assert "moved x" in log


@pytest.mark.parametrize("runtime", ["runc", "runsc", "bubblewrap"])
def test_cold(narrow, sandbox_root, tmp_path, runtime):
    root = tmp_path / "broker"
    root.mkdir()
    images = sandbox_root / "build"
    sandbox = BubblewrapSandbox(root, images) if runtime == "bubblewrap" else DockerSandbox(root, runtime, images)
    check(sandbox.run(narrow))
    assert (narrow.mount / DECLARED[0]).stat().st_nlink == 2, "a link, no copy"
    narrow.mount.rename(narrow.mount.with_name("gone"))
    sandbox.sweep(frozenset)
    assert list((root / narrow_mounts.NARROW_FOLDER).iterdir()) == [], "it goes with its vault"


def landlock() -> int:
    import ctypes

    return ctypes.CDLL(None).syscall(444, None, 0, 1)


def test_warm_where_the_kernel_narrows(narrow, sandbox_root, tmp_path, monkeypatch):
    if landlock() < 1:
        pytest.skip("this machine's kernel has no Landlock: such jobs start cold here, which is tested")
    sandbox = of(tmp_path / "broker", sandbox_root, "runc")
    pool = WarmPool(sandbox, lambda: WARMTH)
    check(sandbox.run(replace(narrow, job=narrow.job + ".first")))
    filled(sandbox, narrow, pool)
    monkeypatch.setattr(sandbox, "_cold", no_cold)
    check(sandbox.run(narrow))
    pool.clear()
    sandbox.close()


def test_cold_where_the_kernel_does_not(narrow, sandbox_root, tmp_path, monkeypatch):
    """gVisor has no Landlock: what waits on the whole mount stays, and the job has one of its own. The next job that
    declares the same finds one that waits on that, and another declaration does not."""
    sandbox = of(tmp_path / "broker", sandbox_root, "runsc")
    pool = WarmPool(sandbox, lambda: WARMTH)
    (wide,) = filled(sandbox, narrow, pool)
    check(sandbox.run(replace(narrow, job=narrow.job + ".first")))
    ((one,),) = sandbox.warm_registry.waiting().values()
    assert (one.name, one.landlock) == (wide, 0)
    own = replace(narrow, mount=narrow_mounts.job_mount(narrow, tmp_path / "broker"))
    filled(sandbox, own, pool, 2)
    with monkeypatch.context() as only:
        only.setattr(sandbox, "_cold", no_cold)
        check(sandbox.run(replace(narrow, job=narrow.job + ".second")))
        other = replace(narrow, narrow=DECLARED[:1], job=narrow.job + ".other")
        expect(AssertionError, sandbox.run, other, match="new container")
    pool.clear()
    sandbox.close()


def test_a_launcher_that_cannot_narrow_starts_nothing(narrow, sandbox_root):
    """Were the broker to hand over a mount that holds more, on a kernel that cannot narrow it, no code would run."""
    wide = replace(narrow, narrow=None, job=narrow.job + ".wide")
    result = DockerSandbox(sandbox_root, "runsc").run(wide)
    assert (result.end, result.log) == (SandboxEnd.CRASHED, b"")


@pytest.mark.parametrize("path", ["../outside.parquet", "/etc/passwd", "absence/../../outside.parquet"])
def test_a_declared_file_outside_the_mount_is_a_breach(narrow, tmp_path, path):
    expect(Breach, narrow_mounts.job_mount, replace(narrow, narrow=(path,)), tmp_path)


def test_a_declared_file_that_is_not_there(narrow, tmp_path):
    expect(Unavailable, narrow_mounts.job_mount, replace(narrow, narrow=("absence/1999.parquet",)), tmp_path)
    assert not [path for path in (tmp_path / narrow_mounts.NARROW_FOLDER).iterdir() if path.is_dir()]


def test_own_mounts_stay_while_they_are_used(narrow, tmp_path):
    own = narrow_mounts.job_mount(narrow, tmp_path)
    assert sorted(os.listdir(own / "absence")) == ["2021.parquet", "schema.parquet"]
    assert narrow_mounts.job_mount(narrow, tmp_path) == own
    assert narrow_mounts.job_mount(replace(narrow, narrow=DECLARED[:1]), tmp_path) != own
    record = own.with_suffix(narrow_mounts.RECORD_SUFFIX)
    narrow_mounts.sweep(tmp_path)
    assert own.is_dir()
    os.utime(record, (0, 0))
    narrow_mounts.sweep(tmp_path, {str(own.resolve())})
    assert own.is_dir(), "it is mounted"
    narrow_mounts.sweep(tmp_path)
    assert not own.exists()
    assert not record.exists()
    assert (narrow.mount / DECLARED[0]).is_file()
