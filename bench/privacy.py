"""A private count and mean of 30 million rows, three a person of which two count, in some 3,000 public cells, against
the plain query. Wall time, and processor time and memory of all that takes part, since others may use the machine."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.evidence import peak
from bench.harness import Line, compare
from bench.private_job import Data, Sides, sides

ROUNDS = 7
DATA, ROWS = Data(10_000_000, 3), 2
EPSILON = "0.5"
PROMISED, PROMISED_MB = 1.5, 200


def privacy_lines() -> list[Line]:
    with sides(DATA, EPSILON, ROWS) as found:
        memory = f"memory at most: {_memory(found)}; {PROMISED_MB} MB over it is promised"
        title, plain = "privacy: 30 million rows, 3 a person", ("plain query", found.plain)
        whole = "statement + read + noise + stored answer + figures"
        note = f"{PROMISED} x is promised; {_cpu(found.figures, found.plain)}"
        return [
            compare(f"{title}: exact vectors", ("statement + read", found.exact), plain, ROUNDS),
            compare(f"{title}: end to end", (whole, found.figures), plain, ROUNDS, f"{note}; {memory}"),
            compare(f"{title}: as a table that may leave", (f"{whole} + table", found.tables), plain, ROUNDS),
        ]


@dataclass(frozen=True, slots=True)
class Memory:
    """The most that was held, in MB: by this process, the statement in it; by the noise process, all of which counts as
    ours; and by this process while it ran the plain query."""

    ours: int
    noise: int
    plain: int

    @property
    def over(self) -> int:
        return self.ours + self.noise - self.plain

    def __str__(self) -> str:
        return f"{self.ours} MB + noise process {self.noise} MB, plain query {self.plain} MB"


def memory() -> Memory:
    with sides(DATA, EPSILON, ROWS) as found:
        return _memory(found)


def _memory(found: Sides) -> Memory:
    found.figures(), found.plain()
    ours, plain = peak(found.figures), peak(found.plain)
    return Memory(ours, sum(_most(pid) for pid in _children_of(os.getpid())), plain)


def _most(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def _cpu(ours: Callable[[], object], plain: Callable[[], object]) -> str:
    """Medians of the processor's time, of this process and of the noise process."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for side, times in zip((ours, plain), taken, strict=True):
            began = _spent()
            side()
            times.append(_spent() - began)
    mine, theirs = (statistics.median(t) for t in taken)
    return f"processor {mine:.2f} s of {theirs:.2f} s: {mine / theirs:.2f} x"


def _spent() -> float:
    """The processor's time of this process, and of those that it has started, while they run."""
    ticks = os.sysconf("SC_CLK_TCK")
    stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in _children_of(os.getpid()))
    return time.process_time() + sum((int(fields[11]) + int(fields[12])) / ticks for fields in stats)


def _children_of(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


if __name__ == "__main__":
    for line in privacy_lines():
        print(line.name, line.ours_ms, line.baseline_ms, line.ratio, line.note)
