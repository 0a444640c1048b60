"""`broker rehearse` from the shell, cold, on 100,000 pupils whose data are there already: a new process each time,
against a process that only imports DuckDB and runs the raw query on the same files."""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.harness import Line, compare

PUPILS = 100_000
ROUNDS = 7
ONE = """SELECT a.SENprovision, a.FSMeligible, COUNT(*) AS n, AVG(1.0 * a.OverallAbsence_6HalfTerms) AS missed
FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023' GROUP BY a.SENprovision, a.FSMeligible"""
TWO = """SELECT s.SENprovision, s.FSMeligible, COUNT(*) AS n, AVG(1.0 * k.KS4_ATT8) AS att8
FROM npd.spring_census AS s
JOIN npd.ks4_pupil AS k ON k.KS4_PupilMatchingRefAnonymous = s.PupilMatchingRefAnonymous
WHERE s.AcademicYear = '2022/2023' AND k.KS4_ACADYR = '2022/2023' GROUP BY s.SENprovision, s.FSMeligible"""
QUERIES = {"one table": (ONE, ("npd.absence",)), "join of two": (TWO, ("npd.spring_census", "npd.ks4_pupil"))}
NOTE = "2 seconds are promised"


def rehearse_lines() -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        data = Path(name) / "data"
        return [_line(data, title, text, tables) for title, (text, tables) in QUERIES.items()]


def _line(data: Path, title: str, text: str, tables: tuple[str, ...]) -> Line:
    file = data.parent / "query.sql"
    file.write_text(text)
    command = ["-m", "broker", "rehearse", str(file), "--pupils", str(PUPILS), "--data", str(data), "--json"]
    _run(*command)
    (evidence,) = data.glob("r*/vaults/v*/evidence")
    for table in tables:
        text = text.replace(f"{table} ", f"read_parquet('{evidence}/{table}/2022.parquet') ")
    raw = f"import duckdb\nduckdb.sql({text!r}).fetchall()"
    return compare(
        f"rehearse from the shell, cold: {title}, {PUPILS:,} pupils",
        ("broker rehearse --json", lambda: _run(*command)),
        ("python -c 'import duckdb' + query", lambda: _run("-c", raw)),
        ROUNDS,
        NOTE,
    )


def _run(*command: str) -> None:
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
