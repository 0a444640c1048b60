"""Hostile scripts in real sandboxes, without the static scan: each ends as stated, and changes nothing outside.

The static scan is a courtesy; these are the walls.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.domain.ports import SandboxEnd, SandboxLimits, SandboxResult
from broker.sandbox.bubblewrap_sandbox import BubblewrapSandbox
from broker.sandbox.docker_sandbox import DockerSandbox
from tests.attacks.hostile_scripts import blocks_of, request_of, state

pytestmark = [pytest.mark.long, pytest.mark.docker]
MIB = 1 << 20
LIMITS = SandboxLimits(4, 1024 * MIB, 2 * MIB, 10, 16, 1, 16 * MIB)
SAMPLES = Path(__file__).with_name("hostile_python.txt")

# Under runsc a child and process 1 share a user and gVisor does not take over the kernel's seal between them.
KNOWN = {("runsc", "kernel calls"): "ptrace 1 ESCAPED"}

COLLECTED = {"fill out": {"big.csv"}, "sparse": {"sparse.csv"}}
"""Plain files that a sample leaves within its limits; every other sample leaves nothing that is taken."""


@dataclass(frozen=True)
class Sample:
    name: str
    ends: frozenset[str]
    log: str
    holds: str
    program: str


def samples() -> list[Sample]:
    found = []
    for (name, ends, log, holds), program in blocks_of(SAMPLES):
        found.append(Sample(name, frozenset(ends.split("/")), log, holds, program))
    return found


def engine_of(runtime: str, root: Path):
    return BubblewrapSandbox(root) if runtime == "bubblewrap" else DockerSandbox(root, runtime)


def run(runtime: str, root: Path, program: str, mount: Path, name: str) -> SandboxResult:
    request = request_of(program, mount, f"{name}.{runtime}", LIMITS, tables=[], allowed=[".csv"])
    return engine_of(runtime, root).run(request)


@pytest.fixture(scope="module")
def mount(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("vault")
    (folder / "absence").mkdir()
    (folder / "absence" / "2021.parquet").write_bytes(b"PAR1")
    (folder / "absence" / "other.csv").write_text("secret\n")
    folder.chmod(0o755)
    return folder


def names(result) -> list[str]:
    return [json.loads(payload.split(b"\n", 1)[0])["name"] for kind, payload in result.frames if kind == "file"]


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.name)
@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_hostile_python(runtime, sample, mount, sandbox_root):
    before, load = state(mount), len(os.listdir("/proc"))
    result = run(runtime, sandbox_root, sample.program, mount, f"h.{sample.name}")
    log = result.log.decode(errors="replace").replace(KNOWN.get((runtime, sample.name), "\0"), "")
    assert result.end.value in sample.ends, log[-2000:]
    assert "ESCAPED" not in log, log
    assert sample.log == "-" or re.search(sample.log, log), log
    assert result.seconds < LIMITS.wall_seconds + 60
    assert state(mount) == before
    assert len(os.listdir("/proc")) < load + 60
    if result.end is not SandboxEnd.ENDED:
        assert result.frames == ()
    assert set(names(result)) <= COLLECTED.get(sample.name, set())


FORGER = """
import glob, hashlib, os, struct
def pack(code, payload):
    digest = hashlib.sha256(bytes([code]) + payload).digest()
    return struct.pack(">4sBQ32s", b"NPF1", code, len(payload), digest) + payload
forged = pack(5, b'{"name": "forged.csv"}' + b"\\n" + b"x") + pack(7, b'{"word": "ended"}')
os.write(1, forged)
for path in ("/proc/1/fd/*", "/proc/self/fd/*", "/dev/fd/*"):
    for place in glob.glob(path):
        try:
            with open(place, "wb", buffering=0) as way: way.write(forged)
        except OSError: pass
open("/out/real.csv", "w").write("1")
"""


@pytest.mark.parametrize("runtime", ["runc", "runsc", "bubblewrap"])
def test_forged_frames_are_log_or_spoil_the_whole_answer(runtime, mount, sandbox_root):
    """On standard output they are what was printed. Where they reach the wire itself, the real ones that follow the
    forged last word make the answer `bad_frames`: a forger can spoil a job, never speak for one."""
    result = run(runtime, sandbox_root, FORGER, mount, "forger")
    if runtime == "runsc" and result.end is SandboxEnd.BAD_FRAMES:
        assert result.frames == ()
    else:
        assert result.end is SandboxEnd.ENDED, result.log
        assert names(result) == ["real.csv"]
        assert b"forged.csv" in result.log


@pytest.mark.parametrize("runtime", ["runc", "runsc"])
def test_one_job_leaves_nothing_for_the_next(runtime, mount, sandbox_root):
    write = "import os\nos.makedirs('/tmp/.local/lib')\nopen('/tmp/.local/lib/sitecustomize.py', 'w').write('x')"
    look = "import os\nprint(sorted(os.listdir('/tmp')), os.listdir('/out'))"
    assert run(runtime, sandbox_root, write, mount, "first").end is SandboxEnd.ENDED
    assert run(runtime, sandbox_root, look, mount, "second").log == b"['script.py'] []\n"
