"""The full proof of "From submission to release": every line is run, and its figures go to
docs/proofs/whole_way.json."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.prove.compose import compose_line
from tests.prove.record import ROOT, Line, write

SEED = 20261124
COLD_SECONDS, WARM_SECONDS, SYNTH_SECONDS, TEST_SECONDS = 300, 40, 30, 900
COVERED = ("A01", "A03", "A05", "A07", "A11", "R01", "R03", "R05", "R07")


def timed(command: list[str], folder: Path, env: dict[str, str] | None = None) -> tuple[int, float, str]:
    """Exit code, seconds, and the last of what it printed."""
    began = time.monotonic()
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    tail = (ended.stdout + ended.stderr)[-1500:]
    return ended.returncode, round(time.monotonic() - began, 1), tail


def clean_clone(folder: Path) -> Path:
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    return clone


def demo_cold_and_warm(folder: Path) -> list[Line]:
    """From a clean clone with no environment, image or data; then again."""
    images = subprocess.run(
        ["docker", "images", "-q", "npd-broker-sandbox"], capture_output=True, text=True, check=True
    )
    for image in set(images.stdout.split()):
        subprocess.run(["docker", "rmi", "-f", image], capture_output=True, check=False)
    clone = clean_clone(folder)
    lines = []
    for name, limit in (("cold", COLD_SECONDS), ("warm", WARM_SECONDS)):
        code, seconds, tail = timed(["make", "demo", "ARGS=--once"], clone)
        dressed = (clone / "broker" / "web" / "static" / "built" / "broker.css").exists()
        met = code == 0 and seconds <= limit and dressed
        lines.append(
            Line(
                f"make demo ARGS=--once, clean clone, {name}",
                met,
                {"seconds": seconds, "limit": limit, "pages_have_their_files": dressed},
                "" if met else tail,
            )
        )
    return lines


def examples() -> Line:
    """The stated verdict of every sample that this issue's SQL covers, by the command line with its exit code."""
    from tests.prove.samples import samples

    wrong = {}
    for ident, dialect, expected, text in samples():
        if ident not in COVERED:
            continue
        command = [sys.executable, "-m", "broker", "check", "-", "--dialect", dialect, "--json"]
        ended = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
        if ended.returncode != {"accept": 0, "refuse": 2}[expected]:
            wrong[ident] = ended.returncode
    return Line("broker check on the covered samples", not wrong, {"samples": len(COVERED), "wrong": wrong})


def suite() -> Line:
    env = os.environ | {"CI": "true"}
    code, seconds, tail = timed([sys.executable, "-m", "pytest", "-n", "3"], ROOT, env)
    met = code == 0 and seconds <= TEST_SECONDS
    return Line(
        "whole test suite, engine and services required", met, {"seconds": seconds, "limit": TEST_SECONDS}, tail[-300:]
    )


def contracts() -> Line:
    code, _, _ = timed([str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], ROOT)
    longest = max(
        (len(p.read_text().splitlines()), str(p.relative_to(ROOT)))
        for room in ("broker", "sandbox_images")
        for p in (ROOT / room).rglob("*.py")
    )
    return Line("import contracts; no module over 300 lines", code == 0 and longest[0] <= 300, {"longest": longest})


def synth(folder: Path) -> Line:
    out = folder / "extracts"
    command = [sys.executable, "-m", "broker", "synth", "--pupils", "100000", "--years", "2015-2023"]
    command += ["--seed", str(SEED)]
    code, seconds, tail = timed([*command, "--out", str(out), "--json"], ROOT)
    size = sum(f.stat().st_size for f in out.rglob("*.parquet")) if out.exists() else 0
    met = code == 0 and seconds <= SYNTH_SECONDS
    figures = {"seconds": seconds, "limit": SYNTH_SECONDS, "megabytes": round(size / 1e6)}
    shutil.rmtree(out, ignore_errors=True)
    return Line("broker synth: 100,000 pupils, all 19 tables, nine years", met, figures, "" if met else tail)


def crashes() -> Line:
    """Kills at random moments, more of them than in the everyday suite."""
    kills = 6
    asked = {"TEST_KILLS": str(kills), "TEST_SEED": str(SEED)}
    env = os.environ | {"CI": "true", **asked}
    code, seconds, tail = timed(
        [sys.executable, "-m", "pytest", "tests/e2e/test_crashes.py", "--everywhere"], ROOT, env
    )
    return Line("kills at random moments", code == 0, {"kills_on_each_runtime": kills, "seconds": seconds}, tail[-300:])


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="prove-a-") as name:
        folder = Path(name)
        lines = [contracts(), examples(), synth(folder), crashes(), suite(), *demo_cold_and_warm(folder)]
        try:
            lines.append(compose_line(folder / "clone"))
        except (subprocess.CalledProcessError, RuntimeError) as failed:
            lines.append(Line("docker-compose.yml from the project's own base", False, {}, str(failed)[-600:]))
    sys.exit(0 if write("whole_way", SEED, lines) else 1)


if __name__ == "__main__":
    main()
