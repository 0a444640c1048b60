"""The lines of the proof of "Python jobs" that are about the container: its settings, what waits, hostile scripts, and
how long a job takes. `tests.prove.scripts` takes them in; by itself it prints them."""

import sys
import tempfile
from pathlib import Path

from bench.job import PYTHON_SHARE, SQL_SHARE, job_lines
from tests.prove.properties import property_line
from tests.prove.record import Line

SEED = 20261126
SANDBOX = "tests/integration/sandbox"
SIZES = {
    "PROOF_HOSTILE": "all",
    "PROOF_SETTINGS": "all",
    "TEST_POOL_KILLS": "0.3 0.5 0.7 0.9 1.1 1.3 1.5 1.7 1.9 2.1 2.4 2.8",
}
PROPERTIES = {
    "settings: each taken out is seen by the audit or felt inside": (
        "tests/unit/sandbox", f"{SANDBOX}/test_settings_taken_out.py", f"{SANDBOX}/test_docker_engine.py",
    ),
    "sandboxes that wait: once, by the right job, in their bounds, whatever is killed": (
        f"{SANDBOX}/test_warm_pool.py",
    ),
    "declared tables and years: narrowed by the kernel or by a mount": (f"{SANDBOX}/test_narrow_mounts.py",),
    "hostile scripts on runc and runsc, scan on and off": (
        "tests/attacks/test_hostile_scripts.py", "tests/attacks/test_hostile_python.py",
    ),
}  # fmt: skip


def container_lines() -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="prove-e-") as name:
        lines = [property_line(title, files, (), SIZES, SEED, Path(name)) for title, files in PROPERTIES.items()]
    return [*lines, *latency_lines()]


def latency_lines() -> list[Line]:
    """Ratios of medians, sides alternating."""
    lines = []
    for found in job_lines():
        most = SQL_SHARE if "SQL" in found.name else PYTHON_SHARE
        figures: dict[str, object] = {
            "ours_ms": found.ours_ms,
            "docker_run_ms": found.baseline_ms,
            "ratio": found.ratio,
            "limit": most,
        }
        lines.append(Line(found.name, found.ratio <= most, figures, found.note))
    return lines


def main() -> None:
    lines = container_lines()
    for line in lines:
        print(f"{'met    ' if line.met else 'NOT MET'} {line.name}: {line.figures} {line.note}")
    sys.exit(0 if all(line.met for line in lines) else 1)


if __name__ == "__main__":
    main()
