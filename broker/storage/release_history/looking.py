"""The memory looked at: entries, figures, counts against caps, and whether it is whole. Writes nothing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select, tuple_

from broker.domain.errors import Unknown
from broker.domain.ledger.chain import Entry as Line
from broker.domain.ledger.chain import Head
from broker.domain.ports.release_history_store import MemoryCheck
from broker.domain.release_history import Entry, KnownFigure, MemoryVersion
from broker.domain.remembered import Splits, StoredMembers, entry_from_json, figures_from_json
from broker.storage.release_history.tables import LineKind, memory_entries, memory_figures, memory_splits
from broker.storage.release_history.writing import MemoryWriting, line_body


class MemoryLooks(MemoryWriting):
    """The part of the store that says what was released, and proves that it forgot nothing."""

    def memory_version(self) -> MemoryVersion:
        with self._db.read() as connection:
            return MemoryVersion(self._memory.end(connection)[0])

    def remembered(
        self, *, after: MemoryVersion | None = None, recipe: str | None = None, release: str | None = None
    ) -> list[Entry]:
        e = memory_entries.c
        query = select(e.number, e.entry).order_by(e.number)
        query = query if after is None else query.where(e.number > after.entries)
        query = query if recipe is None else query.where(e.recipe == recipe)
        query = query if release is None else query.where(e.release == release)
        with self._db.read() as connection:
            return [entry_from_json(r.entry, int(r.number)) for r in connection.execute(query)]

    def members_of(self, entry: int) -> StoredMembers | None:
        query = select(memory_entries).where(memory_entries.c.number == entry)
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise Unknown("entry", str(entry))
        return None if row.file is None else StoredMembers(row.file, row.digest)

    def known_figures(self, entry: int) -> tuple[KnownFigure, ...]:
        query = select(memory_figures.c.figures).where(memory_figures.c.number == entry)
        with self._db.read() as connection:
            found = connection.execute(query).scalar()
        if found is None:
            raise Unknown("entry", str(entry))
        return figures_from_json(json.loads(found))

    def member_files(self) -> frozenset[str]:
        query = select(memory_entries.c.file).where(memory_entries.c.file.is_not(None))
        with self._db.read() as connection:
            return frozenset(str(name) for name in connection.execute(query).scalars())

    def split_counts(self, snapshot: str) -> Mapping[str, tuple[int, ...]]:
        s = memory_splits.c
        latest = select(s.population, func.max(s.number)).where(s.snapshot == snapshot).group_by(s.population)
        query = select(s.population, s.totals).where(s.snapshot == snapshot, tuple_(s.population, s.number).in_(latest))
        with self._db.read() as connection:
            return {r.population: tuple(json.loads(r.totals)) for r in connection.execute(query)}

    def verify_memory(self, heads: Sequence[Head] = ()) -> MemoryCheck:
        with self._db.read() as connection:
            lines, broken = self._memory.follow(connection, LineKind)
            forgotten = tuple(h for h in self._memory.wanted(heads) if not self._memory.has(connection, h))
            differs = () if broken is not None else tuple(sorted(set(_differing(connection, lines))))
        return MemoryCheck(len(lines), broken, forgotten, differs)


def _differing(connection: Connection, lines: Sequence[Line]) -> Iterator[int]:
    """Numbers of entries that are not what their line says, or have none."""
    told = {line.number: line for line in lines if line.kind is LineKind.REMEMBERED}
    entries = _by_number(connection.execute(select(memory_entries)).all())
    figures = _by_number(connection.execute(select(memory_figures)).all())
    yield from entries.keys() ^ told.keys()
    yield from figures.keys() ^ told.keys()
    for number in sorted(told.keys() & entries.keys() & figures.keys()):
        row, found = entries[number], json.loads(told[number].body)
        splits = [Splits(snapshot, name, tuple(counts)) for snapshot, name, counts in found["splits"]]
        body = line_body(row.entry, figures[number].figures, splits, row.file, row.digest)
        entry = entry_from_json(row.entry, number)
        if body != told[number].body or _named(row) != (entry.release, entry.recipe, entry.snapshot):
            yield number
    yield from _miscounted(connection, told)


def _miscounted(connection: Connection, told: Mapping[int, Line]) -> Iterator[int]:
    """Counts added up again from the lines, in their order."""
    rows = connection.execute(select(memory_splits)).all()
    found = {(int(r.number), r.snapshot, r.population): tuple(json.loads(r.totals)) for r in rows}
    totals: dict[tuple[str, str], tuple[int, ...]] = {}
    for number in sorted(told):
        for snapshot, population, counts in json.loads(told[number].body)["splits"]:
            before = totals.get((snapshot, population), ()) or (0,) * len(counts)
            totals[snapshot, population] = tuple(a + b for a, b in zip(before, counts, strict=True))
            if found.pop((number, snapshot, population), None) != totals[snapshot, population]:
                yield number
    yield from (number for number, _, __ in found)


def _by_number(rows: Sequence[Row[Any]]) -> dict[int, Row[Any]]:
    return {int(r.number): r for r in rows}


def _named(row: Row[Any]) -> tuple[str, str, str]:
    return row.release, row.recipe, row.snapshot
