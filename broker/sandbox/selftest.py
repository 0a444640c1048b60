"""Measures what a sandbox really enforces, with jobs that try to break out of it. Real data need every required probe.

An engine's settings are promises: some runtimes accept them and do not enforce them, so they are tested.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from broker.domain.ports import Sandbox, SandboxEnd, SandboxLimits, SandboxRequest, SandboxResult
from broker.sandbox import container_spec

MIB = 1024 * 1024
LIMITS = SandboxLimits(wall_seconds=20, memory_bytes=1024 * MIB, output_bytes=8 * MIB, output_files=4,
    processes=16, threads=1,
                scratch_bytes=16 * MIB)  # fmt: skip

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROBE_PROGRAM = Path(__file__).with_name("probes.py.txt")
"""The program that attempts the breakouts; it runs only inside a sandbox and answers with one file."""

REQUIRED = frozenset({"network", "interfaces", "root-write", "data-write", "capabilities", "no-new-privileges",
                      "not-root", "processes", "scratch-size", "scratch-noexec", "file-size", "open-files", "no-core",
                      "shared-memory", "environment", "hostname", "own-processes", "host-files", "kernel-memory",
                      "kernel-settings", "device-nodes", "memory", "wall-clock"})  # fmt: skip
"""The probes that real data need.

Not required are the seccomp filter, the number of scratch files and the sealed launcher, which gVisor does not support.
Its own kernel replaces the first, and the size of the scratch space the second. Without the third a script can forge
frames, but these say only what its files could say, and are checked as such. User mapping by the engine
(`user-namespace`) is not required either: it is an extra layer that depends on the engine's configuration, and is
reported.
"""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One probe: whether real data need it, whether it held, and what was observed."""

    probe: str
    required: bool
    held: bool
    seen: str


def cached_results(
    folder: Path, sandbox_facts: str, measure: Callable[[], tuple[ProbeResult, ...]]
) -> tuple[ProbeResult, ...]:
    """The results measured since this machine started, for the same engine, runtime, image and probes, by any process
    of the broker. If there are none, they are measured now."""
    parts = (sandbox_facts, BOOT_ID.read_text(), PROBE_PROGRAM.read_text(), Path(container_spec.__file__).read_text())
    file = folder / f"selftest-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}.json"
    try:
        return tuple(ProbeResult(**row) for row in json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        table = measure()
    half = file.with_suffix(f".{os.getpid()}")
    half.write_text(json.dumps([asdict(verdict) for verdict in table]))
    half.replace(file)  # atomic: other processes may read it
    return table


def run_probes(sandbox: Sandbox, nonce: str = "0") -> tuple[ProbeResult, ...]:
    """The results for a sandbox: one row for each probe, in order."""
    with tempfile.TemporaryDirectory(prefix="npd-selftest-") as folder:
        mount = Path(folder)
        mount.chmod(0o755)
        inside = _inside(sandbox.run(_request(mount, "inside" + nonce, PROBE_PROGRAM.read_text(), LIMITS)))
        memory = sandbox.run(_request(mount, "memory" + nonce, MEMORY_PROGRAM, LIMITS))
        # Measured from outside: a program inside cannot report that it was stopped.
        slow = replace(LIMITS, wall_seconds=2)
        wall = sandbox.run(_request(mount, "wall" + nonce, "import time\nwhile True: time.sleep(60)\n", slow))
    outside = {
        "memory": (memory.end is SandboxEnd.MEMORY_LIMIT, memory.end.value),
        "wall-clock": (wall.end is SandboxEnd.TIME_LIMIT and wall.seconds < 15, wall.end.value),
    }
    return tuple(
        ProbeResult(name, name in REQUIRED, held, seen) for name, (held, seen) in {**inside, **outside}.items()
    )


def unmet_probes(table: tuple[ProbeResult, ...]) -> tuple[str, ...]:
    """The required probes that were not made or did not hold. Real data run only if there are none."""
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


def _request(mount: Path, name: str, program: str, limits: SandboxLimits) -> SandboxRequest:
    job = {"kind": "python", "tables": [], "allowed": [".json"], "settings": asdict(limits)}
    frames = (("job", json.dumps(job).encode()), ("program", program.encode()))
    return SandboxRequest(f"selftest-{name}", 1, "python", mount, frames, limits, synthetic=True)


def _inside(result: SandboxResult) -> dict[str, tuple[bool, str]]:
    """The answers of the program inside. Without an answer nothing counts as held."""
    files = [payload.partition(b"\n")[2] for kind, payload in result.frames if kind == "file"]
    if result.end is not SandboxEnd.ENDED or len(files) != 1:
        return {}
    answers = json.loads(files[0])
    return {str(name): (bool(held), str(seen)[:200]) for name, (held, seen) in answers.items()}
