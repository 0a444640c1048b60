"""Reads the release history: entries, figures, counts against caps, and whether it is complete."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_

from broker.domain import release_history
from broker.domain.population_caps import MeasuredPopulation
from broker.domain.signed_log import ChainEntry, LogName
from broker.storage.database import Database
from broker.storage.hash_chain import HISTORY_CHAIN
from broker.storage.release_history.history_writes import enter_all, line_body
from broker.storage.row_values import columns_of, find_row, value_of
from broker.storage.signed_log_store import SignedHeadStore, SqlSignedLog, SqlSignedLogs
from broker.storage.tables.release_history_tables import (
    HistoryLineKind,
    memory_entries,
    memory_figures,
    memory_populations,
    memory_splits,
)


class SqlHistoryQueries(SqlSignedLogs):
    """The part of the store that returns what was released."""

    def history_version(self) -> release_history.HistoryVersion:
        with self._db.read() as connection:
            return release_history.HistoryVersion(HISTORY_CHAIN.end(connection)[0])

    def history_entries(
        self,
        *,
        after: release_history.HistoryVersion | None = None,
        recipe: str | None = None,
        release: str | None = None,
    ) -> list[release_history.HistoryEntry]:
        e = memory_entries.c
        query = select(e.number, e.entry).order_by(e.number)
        query = query if after is None else query.where(e.number > after.entries)
        query = query if recipe is None else query.where(e.recipe == recipe)
        query = query if release is None else query.where(e.release == release)
        return [release_history.entry_from_json(r.entry, int(r.number)) for r in self._db.rows(query)]

    def members_of(self, entry: int) -> release_history.StoredMembers | None:
        with self._db.read() as connection:
            row = find_row(connection, memory_entries, "entry", entry)
        return None if row.file is None else release_history.StoredMembers(row.file, row.digest)

    def known_figures(self, entry: int) -> tuple[release_history.KnownFigure, ...]:
        with self._db.read() as connection:
            found = find_row(connection, memory_figures, "entry", entry)
        return release_history.figures_from_json(json.loads(found.figures))

    def member_files(self) -> frozenset[str]:
        query = select(memory_entries.c.file).where(memory_entries.c.file.is_not(None))
        return frozenset(self._db.values(query))

    def split_counts(self, snapshot: str) -> Mapping[str, tuple[int, ...]]:
        s = memory_splits.c
        # Each row has the total up to its entry, so the newest is the count.
        latest = select(s.population, func.max(s.number)).where(s.snapshot == snapshot).group_by(s.population)
        query = select(s.population, s.totals).where(s.snapshot == snapshot, tuple_(s.population, s.number).in_(latest))
        return {r.population: tuple(json.loads(r.totals)) for r in self._db.rows(query)}


def history_log(
    database: Database, heads: SignedHeadStore | None
) -> SqlSignedLog[Sequence[release_history.NewHistoryEntry]]:
    return SqlSignedLog(LogName.HISTORY, HISTORY_CHAIN, _sorted_differing, enter_all, database, heads)


def _sorted_differing(connection: Connection, lines: Sequence[ChainEntry]) -> list[int]:
    return sorted(set(_differing(connection, lines)))


def _differing(connection: Connection, lines: Sequence[ChainEntry]) -> Iterator[int]:
    """Yield the numbers of entries that differ from their line in the chain, or have no line."""
    remembered_lines = {line.number: line for line in lines if line.kind is HistoryLineKind.REMEMBERED}
    entries = _by_number(connection.execute(select(memory_entries)).all())
    figures = _by_number(connection.execute(select(memory_figures)).all())
    yield from entries.keys() ^ remembered_lines.keys()
    yield from figures.keys() ^ remembered_lines.keys()
    for number in sorted(remembered_lines.keys() & entries.keys() & figures.keys()):
        row, found = entries[number], json.loads(remembered_lines[number].body)
        splits = [
            release_history.SplitCounts(snapshot, name, tuple(counts)) for snapshot, name, counts in found["splits"]
        ]
        body = line_body(row.entry, figures[number].figures, splits, row.file, row.digest)
        entry = release_history.entry_from_json(row.entry, number)
        if body != remembered_lines[number].body or _row_names(row) != (entry.release, entry.recipe, entry.snapshot):
            yield number
    yield from _miscounted(connection, remembered_lines)


def _miscounted(connection: Connection, remembered_lines: Mapping[int, ChainEntry]) -> Iterator[int]:
    """Yield the numbers of entries whose counts differ from the sum over the lines, in their order."""
    rows = connection.execute(select(memory_splits)).all()
    found = {(int(r.number), r.snapshot, r.population): tuple(json.loads(r.totals)) for r in rows}
    totals: dict[tuple[str, str], tuple[int, ...]] = {}
    for number in sorted(remembered_lines):
        for snapshot, population, counts in json.loads(remembered_lines[number].body)["splits"]:
            before = totals.get((snapshot, population), ()) or (0,) * len(counts)
            totals[snapshot, population] = tuple(a + b for a, b in zip(before, counts, strict=True))
            if found.pop((number, snapshot, population), None) != totals[snapshot, population]:
                yield number
    yield from (number for number, _, __ in found)


def _by_number(rows: Sequence[Row[Any]]) -> dict[int, Row[Any]]:
    return {int(r.number): r for r in rows}


def _row_names(row: Row[Any]) -> tuple[str, str, str]:
    return row.release, row.recipe, row.snapshot


class SqlPopulationSizes:
    """The part of the store for the sizes of reference populations."""

    _db: Database

    def put_measured(self, found: Sequence[MeasuredPopulation]) -> None:
        p = memory_populations.c
        with self._db.write() as connection:
            for one in found:
                same = (p.snapshot == one.snapshot, p.population == one.population)
                # Not part of the release history, so it may be replaced.
                connection.execute(delete(memory_populations).where(*same))
                connection.execute(insert(memory_populations).values(_population_values(one)))

    def measured(self, snapshot: str) -> list[MeasuredPopulation]:
        p = memory_populations.c
        query = select(memory_populations).where(p.snapshot == snapshot).order_by(p.name, p.year, p.population)
        return [_population_of(row) for row in self._db.rows(query)]

    def measured_minimums(self, snapshot: str) -> Mapping[str, int]:
        p = memory_populations.c
        rows = self._db.rows(select(p.population, p.least).where(p.snapshot == snapshot))
        return {row.population: row.least for row in rows}

    def measured_snapshots(self) -> frozenset[str]:
        return frozenset(self._db.values(select(memory_populations.c.snapshot).distinct()))


def _population_values(one: MeasuredPopulation) -> dict[str, object]:
    texts = {name: release_history.canonical_text(list(getattr(one, name))) for name in ("cells", "sizes")}
    return columns_of(memory_populations, one, held_in=one.table, **texts)


def _population_of(row: Row[Any]) -> MeasuredPopulation:
    cells, sizes = tuple(json.loads(row.cells)), tuple(json.loads(row.sizes))
    return value_of(MeasuredPopulation, row, table=row.held_in, cells=cells, sizes=sizes)
