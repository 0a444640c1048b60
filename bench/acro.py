"""A count and a mean of one million rows by authority and ethnicity: `broker assess` against acro's crosstab.

Ours reads the file, counts persons, applies every rule, repairs and audits; acro has the frame in memory, counts rows.
It is installed, locked by hash, into an environment of its own under build/, when the bench is run first.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from bench.harness import Line, compare
from broker.disclosure.files.microdata import assess
from broker.disclosure.files.tabulation import Asked
from broker.domain.plans import Needs
from broker.engine.tabulate import tabulate
from broker.policy.files import load_policies

ROUNDS = 3
ROWS = 1_000_000
HERE = Path(__file__).parent
LOCK = HERE / "acro.lock"
FOLDER = Path("build/bench-acro").absolute()
FRAME = FOLDER / "pupils.parquet"
PUPILS = f"""
    SELECT 'p' || ((i * 7919) % 1000003) AS pupil, 'LA' || (200 + hash(i) % 152) AS la,
        'E' || (hash(i * 31) % 20) AS ethnicity, (hash(i * 17) % 900) / 10.0 AS score
    FROM range({ROWS}) numbers(i)
"""


def acro_lines() -> list[Line]:
    python = _environment()
    if not FRAME.exists():
        with duckdb.connect() as con:
            con.execute(f"COPY ({PUPILS}) TO '{FRAME}' (FORMAT parquet)")
    profile = load_policies(Path("policies")).profile("npd-default")
    needs = Needs(profile.t, digits=profile.mean_digits)
    asked = Asked("pupil", ("la", "ethnicity"), count=True, means=("score",), needs=needs)
    figures = len(assess(tabulate(FRAME, asked), profile)["cells"])
    # -P: this folder has a module of the same name as acro.
    command = [str(python), "-P", str(HERE / "acro_side.py"), str(FRAME), "la", "ethnicity", "score"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        _answer(other)
        line = compare(
            "count and mean of a million rows",
            ("broker assess, reading included", lambda: assess(tabulate(FRAME, asked), profile)),
            ("acro's crosstab, frame in memory", lambda: _ask(other)),
            ROUNDS,
            note=f"{figures} figures; a ratio of 0.1 or less is promised: acro at least ten times slower",
        )
        assert other.stdin is not None
        other.stdin.close()
    return [line]


def _ask(other: subprocess.Popen[bytes]) -> None:
    assert other.stdin is not None
    other.stdin.write(b"\n")
    other.stdin.flush()
    _answer(other)


def _answer(other: subprocess.Popen[bytes]) -> None:
    assert other.stdout is not None
    if other.stdout.readline().strip() not in {b"ready", b"done"}:
        raise SystemExit("acro's side of the bench has ended")


def _environment() -> Path:
    """The Python of acro's environment, made anew when the lock has changed."""
    stamp, wanted = FOLDER / "lock", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python = FOLDER / "env" / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv") or "uv"
    FOLDER.mkdir(parents=True, exist_ok=True)
    base = ["--python", sys.executable]
    subprocess.run([uv, "venv", "-q", "--clear", *base, str(FOLDER / "env")], check=True)
    subprocess.run([uv, "pip", "sync", "-q", "--python", str(python), "--require-hashes", str(LOCK)], check=True)
    stamp.write_text(wanted)
    return python
