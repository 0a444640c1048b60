"""Measures what a sandbox really holds, by jobs that try to break out of it. Real data need every required probe.

An engine's settings are promises; some runtimes take them and do not keep them, so they are tried.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from broker.domain.ports import Sandbox, SandboxEnd, SandboxLimits, SandboxRequest, SandboxResult
from broker.sandbox import container_spec

MIB = 1024 * 1024
LIMITS = SandboxLimits(wall_seconds=20, memory_bytes=1024 * MIB, output_bytes=8 * MIB, output_files=4,
    processes=16, threads=1,
                scratch_bytes=16 * MIB)  # fmt: skip

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROBE_PROGRAM = Path(__file__).with_name("probes.py.txt")
"""The program that tries; it runs only inside a sandbox and answers with one file."""

REQUIRED = frozenset({"network", "interfaces", "root-write", "data-write", "capabilities", "no-new-privileges",
                      "not-root", "processes", "scratch-size", "scratch-noexec", "file-size", "open-files", "no-core",
                      "shared-memory", "environment", "hostname", "own-processes", "host-files", "kernel-memory",
                      "kernel-settings", "device-nodes", "memory", "wall-clock"})  # fmt: skip
"""What real data need. Not among them: the seccomp filter, the number of scratch files and the sealed launcher, which
gVisor does not take over. Its own kernel stands in for the first, the size of the scratch for the second; without the
third a script can forge frames, which say nothing that it could not have said by its files, and are checked as such.
Nor users of the engine's own (`user-namespace`): a layer more, which the engine is set up with and which is told."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe: whether real data need it, whether the wall held, and what was seen."""

    probe: str
    required: bool
    held: bool
    seen: str


def cached_results(
    folder: Path, sandbox_facts: str, measure: Callable[[], tuple[ProbeResult, ...]]
) -> tuple[ProbeResult, ...]:
    """The table that was measured since this machine started, for the same engine, runtime, image and probes, by
    whichever process of the broker; measured now if there is none."""
    parts = (sandbox_facts, BOOT_ID.read_text(), PROBE_PROGRAM.read_text(), Path(container_spec.__file__).read_text())
    file = folder / f"selftest-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.json"
    try:
        return tuple(ProbeResult(**row) for row in json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        table = measure()
    half = file.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps([asdict(verdict) for verdict in table]))
    half.replace(file)
    return table


def run_probes(sandbox: Sandbox, nonce: str = "0") -> tuple[ProbeResult, ...]:
    """The verdict table of a sandbox: one row a probe, in the order of trying."""
    with tempfile.TemporaryDirectory(prefix="npd-selftest-") as folder:
        mount = Path(folder)
        mount.chmod(0o755)
        inside = _inside(sandbox.run(_request(mount, "inside" + nonce, PROBE_PROGRAM.read_text(), LIMITS)))
        memory = sandbox.run(_request(mount, "memory" + nonce, MEMORY_PROGRAM, LIMITS))
        slow = SandboxLimits(**{**_fields(LIMITS), "wall_seconds": 2})
        wall = sandbox.run(_request(mount, "wall" + nonce, "import time\nwhile True: time.sleep(60)\n", slow))
    outside = {
        "memory": (memory.end is SandboxEnd.MEMORY_LIMIT, memory.end.value),
        "wall-clock": (wall.end is SandboxEnd.TIME_LIMIT and wall.seconds < 15, wall.end.value),
    }
    return tuple(
        ProbeResult(name, name in REQUIRED, held, seen) for name, (held, seen) in {**inside, **outside}.items()
    )


def unmet_probes(table: tuple[ProbeResult, ...]) -> tuple[str, ...]:
    """The required probes that were not made, or did not hold: real data run only where there is none."""
    held = {verdict.probe for verdict in table if verdict.held}
    return tuple(sorted(REQUIRED - held))


# Three processes that together, not alone, take more than the job may: only a limit on the whole sandbox stops them.
MEMORY_PROGRAM = """
import os, time
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        held = bytearray(500 << 20)
        time.sleep(3)
        os._exit(0)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
if any(codes):
    raise MemoryError
"""


def _fields(limits: SandboxLimits) -> dict[str, int]:
    return {name: getattr(limits, name) for name in SandboxLimits.__slots__}


def _request(mount: Path, name: str, program: str, limits: SandboxLimits) -> SandboxRequest:
    job = {"kind": "python", "tables": [], "allowed": [".json"], "settings": _fields(limits)}
    frames = (("job", json.dumps(job).encode()), ("program", program.encode()))
    return SandboxRequest(f"selftest-{name}", 1, "python", mount, frames, limits, synthetic=True)


def _inside(result: SandboxResult) -> dict[str, tuple[bool, str]]:
    """What the program inside answered; no answer means that nothing held."""
    files = [payload.partition(b"\n")[2] for kind, payload in result.frames if kind == "file"]
    if result.end is not SandboxEnd.ENDED or len(files) != 1:
        return {}
    answers = json.loads(files[0])
    return {str(name): (bool(held), str(seen)[:200]) for name, (held, seen) in answers.items()}
