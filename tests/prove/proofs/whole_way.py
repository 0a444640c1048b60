"""A job goes from submission to release, whatever is killed on the way."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.prove.compose import compose_line
from tests.prove.proof import ROOT, Line, Proof, Tests

SEED = 20261124
COLD_SECONDS, WARM_SECONDS, SYNTH_SECONDS = 300, 40, 30
BACKENDS = ("sqlite", "postgresql")


def timed(command: list[str], folder: Path) -> tuple[int, float, str]:
    """Exit code, seconds, and the last of what it printed."""
    began = time.monotonic()
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.returncode, round(time.monotonic() - began, 1), (ended.stdout + ended.stderr)[-1500:]


def demo_and_compose() -> Iterator[Line]:
    """From a clean clone with no environment, image or data; then again; then as services of docker-compose.yml."""
    images = subprocess.run(
        ["docker", "images", "-q", "npd-broker-sandbox"], capture_output=True, text=True, check=True
    )
    for image in set(images.stdout.split()):
        subprocess.run(["docker", "rmi", "-f", image], capture_output=True, check=False)
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        for name, limit in (("cold", COLD_SECONDS), ("warm", WARM_SECONDS)):
            code, seconds, tail = timed(["make", "demo", "ARGS=--once"], clone)
            dressed = (clone / "broker" / "web" / "static" / "built" / "broker.css").exists()
            met = code == 0 and seconds <= limit and dressed
            figures = {"seconds": seconds, "limit": limit, "pages_have_their_files": dressed}
            yield Line(f"make demo ARGS=--once, clean clone, {name}", met, figures, "" if met else tail)
        try:
            yield compose_line(clone)
        except (subprocess.CalledProcessError, RuntimeError) as failed:
            yield Line("docker-compose.yml from the project's own base", False, {}, str(failed)[-600:])


def synth() -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="prove-") as folder:
        out = Path(folder) / "extracts"
        command = [sys.executable, "-m", "broker", "synth", "--pupils", "100000", "--years", "2015-2023"]
        code, seconds, tail = timed([*command, "--seed", str(SEED), "--out", str(out), "--json"], ROOT)
        size = sum(f.stat().st_size for f in out.rglob("*.parquet")) if out.exists() else 0
        shutil.rmtree(out, ignore_errors=True)
    met = code == 0 and seconds <= SYNTH_SECONDS
    figures = {"seconds": seconds, "limit": SYNTH_SECONDS, "megabytes": round(size / 1e6)}
    yield Line("broker synth: 100,000 pupils, all 19 tables, nine years", met, figures, "" if met else tail)


PROOF = Proof(
    "a job goes from submission to release, whatever is killed on the way",
    seed=SEED,
    sizes={"TEST_KILLS": 6, "TEST_SEED": SEED, "PROOF_KILLS": 100},
    tests={
        "kills at random moments, on each runtime": Tests(["tests/e2e/test_crashes.py"]),
        "kills of workers at random moments, on each database; whichever call a process dies at": Tests(
            ["tests/integration/storage/test_killed_workers.py", "tests/unit/workflow/test_crashes.py"],
            [f"killed_workers_{backend}" for backend in BACKENDS],
        ),
    },
    measured={"synth": synth, "demo and compose": demo_and_compose},
)
