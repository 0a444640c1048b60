"""A new table of 3,000 cells against the memory: 1,000 earlier tables of 150 cells over 8 million persons, a fifth of
them on everybody and the others on a year group of 571,000; files as they are kept, persons in no helpful order. The
memory is measured at 100, 300 and 1,000 tables: comparing, and counting against the cap of 20,000 schools and 2,100
year groups of local authorities."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.harness import Line
from broker.disclosure.differencing.compare_tables import compare_all
from broker.disclosure.differencing.exposure import Exposure
from broker.domain.release_history import HistoryEntry, HistorySource, KnownFigure, OverlapKind
from broker.evidence.member_tables import Members, MemberTable, from_bytes, members_of, to_bytes
from broker.policy.release_history_policy import ReleaseHistoryPolicy

PERSONS, YEAR_GROUP, CELLS, NEW_CELLS = 8_000_000, 571_000, 150, 3_000
SIZES = (100, 300, 1_000)
DIFFERENT = 100
"""So many different tables are kept, and read again where there are more."""
PROMISED_SECONDS, PROMISED_MB = 20, 4_096
FIGURES = ("tables", "seconds", "megabytes", "leaks", "bytes", "worked", "cap_seconds", "cap_megabytes")
REFERENCES = (20_000, 2_100)
"""Schools, and year groups of local authorities."""
MOVED = 4
"""Persons whom one earlier table on everybody has in another cell than the new table: the leak that must be found."""

WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def memory_lines() -> list[Line]:
    return [line for row in measured() for line in (_line(row), _cap_line(row))]


def measured(sizes: tuple[int, ...] = SIZES) -> list[dict[str, float]]:
    """Each number of tables in a process of its own, so that its memory is its own."""
    with tempfile.TemporaryDirectory(prefix="memory-") as name:
        folder = Path(name)
        _keep(folder, min(DIFFERENT, max(sizes)))
        found = []
        for size in sizes:
            asked = [sys.executable, "-m", "bench.memory", str(folder), str(size)]
            told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
            figures = dict(zip(FIGURES, map(float, told), strict=True))
            found.append(figures)
        return found


def _line(row: dict[str, float]) -> Line:
    note = (
        f"{row['seconds']:.1f} s and {row['megabytes']:.0f} MB for {row['tables']:.0f} tables "
        f"({row['bytes'] / 2**20:.0f} MB of files; {row['worked']:.1f} s of it work);"
        f" {PROMISED_SECONDS} s and {PROMISED_MB} MB are promised for 1,000; "
        f"{row['leaks']:.0f} of {np.ceil(row['tables'] / DIFFERENT):.0f} planted leaks found"
    )
    ours, promised = 1000 * row["seconds"], 1000.0 * PROMISED_SECONDS
    name = f"memory of {row['tables']:.0f} tables"
    ratio = round(ours / promised, 3)
    return Line(name, "compare", "promised", ours, promised, ours, promised, ratio, 1, note)


def _cap_line(row: dict[str, float]) -> Line:
    """Against what is promised for comparing: it has no promise of its own."""
    ours, promised = 1000 * row["cap_seconds"], 1000.0 * PROMISED_SECONDS
    note = (
        f"{row['cap_seconds']:.1f} s and {row['cap_megabytes']:.0f} MB; {PROMISED_SECONDS} s are promised for comparing"
    )
    name = f"cap beside {row['tables']:.0f} tables"
    return Line(name, "count", "promised", ours, promised, ours, promised, round(ours / promised, 3), 1, note)


def _keep(folder: Path, tables: int) -> None:
    """Earlier tables as files, deciphered when they are read: one in five on everybody."""
    chance, cipher = np.random.default_rng(20261126), AESGCM(bytes(32))
    _write(folder / "new", cipher, new_members())
    for number in range(tables):
        if number % 5 == 0:
            cells = chance.integers(0, CELLS, PERSONS, dtype=np.uint8)
            if number == 0:
                cells = (new_cells() // (NEW_CELLS // CELLS)).astype(np.uint8)
                cells[np.flatnonzero(cells == 0)[:MOVED]] = 1
            _write(folder / str(number), cipher, members_of(CELLS, np.arange(PERSONS), cells))
        else:
            persons = np.flatnonzero(chance.random(PERSONS, dtype=np.float32) < YEAR_GROUP / PERSONS)
            cells = chance.integers(0, CELLS, len(persons), dtype=np.uint8)
            _write(folder / str(number), cipher, members_of(CELLS, persons, cells))


def new_cells() -> np.ndarray:
    return np.random.default_rng(1).integers(0, NEW_CELLS, PERSONS)


def new_members() -> Members:
    return members_of(NEW_CELLS, np.arange(PERSONS), new_cells())


def _write(path: Path, cipher: AESGCM, members: Members) -> None:
    nonce = os.urandom(12)
    path.write_bytes(nonce + cipher.encrypt(nonce, to_bytes(members), None))


def _read(path: Path, number: int, cells: int) -> MemberTable:
    content = path.read_bytes()
    members = from_bytes(AESGCM(bytes(32)).decrypt(content[:12], memoryview(content)[12:], None))
    figure = KnownFigure(0, "", True, "count", frozenset(), dict.fromkeys(range(cells)))
    entry = HistoryEntry(number, "", "", 0, "", "", "", 10, str(path), "pupil", HistorySource.RELEASE, WHEN, cells)
    return MemberTable(entry, (figure,), members)


def _files(folder: Path, tables: int) -> Iterator[Path]:
    return (folder / str(number % DIFFERENT) for number in range(tables))


def main(folder: Path, tables: int) -> None:
    """Prints the figures. The new table's members are there already."""
    new = _read(folder / "new", 0, NEW_CELLS)
    began, worked = time.perf_counter(), time.process_time()
    loads = [partial(_read, path, n + 1, CELLS) for n, path in enumerate(_files(folder, tables))]
    found = [c for c in compare_all(new, loads) if c.overlap.kind is OverlapKind.DIFFERENCE]
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    size = sum(p.stat().st_size for p in _files(folder, tables))
    most = _most()
    began = time.perf_counter()
    exposure, part = Exposure(new, loads, PERSONS), ReleaseHistoryPolicy().part
    for count in REFERENCES:
        deque(exposure.of(_groups(count), part), maxlen=0)
    print(tables, seconds, most, len(found), size, worked, time.perf_counter() - began, _most())


def _groups(count: int) -> Members:
    return members_of(count, np.arange(PERSONS), np.random.default_rng(count).integers(0, count, PERSONS))


def _most() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
