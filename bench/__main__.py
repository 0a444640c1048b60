"""`make bench`: every line of the bench, as a table and as build/bench/bench.json."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.check import check_lines
from bench.harness import Line, report
from bench.job import job_lines


def main() -> None:
    console = Console()
    lines: list[Line] = []
    for title, make in (("check of a query", check_lines), ("latency of a job", job_lines)):
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
