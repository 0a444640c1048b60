"""`make bench`: every line of the bench, as a table and as build/bench/bench.json."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.acro import acro_lines
from bench.check import check_lines
from bench.cold import cold_lines
from bench.earlier import earlier_lines
from bench.evidence import evidence_lines
from bench.harness import Line, report
from bench.job import job_lines
from bench.memory import memory_lines
from bench.privacy import privacy_lines
from bench.private_rivals import rival_lines
from bench.rehearse import rehearse_lines
from bench.repair import repair_lines
from bench.samples import sample_lines


def main() -> None:
    console = Console()
    lines: list[Line] = []
    parts = (
        ("check of a query", check_lines),
        ("check of the samples", sample_lines),
        ("check from the shell", cold_lines),
        ("evidence and rules", evidence_lines),
        ("a private query", privacy_lines),
        ("rehearsal from the shell", rehearse_lines),
        ("latency of a job", job_lines),
        ("a job on an earlier version", earlier_lines),
        ("repair of large tables", repair_lines),
        ("a new table against the memory", memory_lines),
        ("assess beside acro", acro_lines),
        ("private queries beside others", rival_lines),
    )
    for title, make in parts:
        with console.status(title):
            lines += make()
    table = Table("line", "ours", "ms", "baseline", "ms", "ratio")
    for line in lines:
        table.add_row(
            line.name, line.ours, f"{line.ours_ms:.2f}", line.baseline, f"{line.baseline_ms:.2f}", f"{line.ratio:.2f}"
        )
    console.print(table)
    report(lines, Path("build/bench"))


if __name__ == "__main__":
    main()
