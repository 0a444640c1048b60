"""`broker check` from the shell, cold: a new process each time, against a process that only imports sqlglot."""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.check import QUERIES
from bench.harness import Line, compare

ROUNDS = 7


def cold_lines() -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        file = Path(name) / "query.sql"
        file.write_text(QUERIES["one table"])

        def run(*command: str) -> None:
            subprocess.run([sys.executable, *command], check=True, capture_output=True)

        line = compare(
            "check from the shell, cold",
            ("broker check --json", lambda: run("-m", "broker", "check", str(file), "--json")),
            ("python -c 'import sqlglot'", lambda: run("-c", "import sqlglot")),
            ROUNDS,
            note="0.7 seconds are promised on an idle machine",
        )
    return [line]
