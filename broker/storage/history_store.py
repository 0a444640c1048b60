"""The release history in the store: released tables as entries, their figures, counts against caps, and the chain of
them all; whether it is complete, and what a restored back-up lacks. Members are in encrypted files, which the store
does not open."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_

from broker.domain import release_history
from broker.domain.errors import Conflict
from broker.domain.jobs.job import UNDECIDED_STATES, OutputState
from broker.domain.population_caps import MeasuredPopulation
from broker.domain.signed_log import ChainEntry, LogName
from broker.storage.audit_store import StorePart
from broker.storage.database import Database, columns_of, find_row, value_of
from broker.storage.signed_log_store import HISTORY_CHAIN, SignedHeadStore, SqlSignedLog, SqlSignedLogs
from broker.storage.tables import release_history_tables as tables
from broker.storage.tables.job_tables import outputs
from broker.storage.tables.release_history_tables import HistoryLineKind

NAMES_PER_QUERY = 500
"""Most file names in one query."""


def lock_for_files(connection: Connection, files: Collection[str]) -> None:
    """Lock the release history and check the files that an output will name. Call it first in a transaction. Raises
    Conflict("stale") if one was removed."""
    if files:
        HISTORY_CHAIN.end(connection, lock=True)
        check_not_swept(connection, files, "stale")


def check_not_swept(connection: Connection, files: Collection[str], code: str) -> None:
    """Raises Conflict if one of the files was removed. The caller must have locked the release history."""
    if swept_files(connection, files):
        raise Conflict(code, "A file of members was swept before anything named it; nothing was changed.")


def swept_files(connection: Connection, files: Collection[str]) -> frozenset[str]:
    swept, wanted, found = tables.memory_swept.c.file, sorted(files), set[str]()
    # Databases limit the parameters of one query.
    for start in range(0, len(wanted), NAMES_PER_QUERY):
        query = select(swept).where(swept.in_(wanted[start : start + NAMES_PER_QUERY]))
        found |= set(connection.execute(query).scalars())
    return frozenset(found)


def enter_update(connection: Connection, found: release_history.HistoryUpdate, now: datetime) -> None:
    """Enter the tables. Raises Conflict("memory-moved") if something was entered since they were compared.

    Call it first in a transaction: its lock makes all other writers of the release history wait.
    """
    version, _ = HISTORY_CHAIN.end(connection, lock=True)
    # So two releases that were each compared alone are never both released.
    if version != found.seen.entries:
        raise Conflict(
            "memory-moved", "Something was released since this output was compared with the release history."
        )
    enter_all(connection, found.entries, now)


def enter_all(connection: Connection, entries: Sequence[release_history.NewHistoryEntry], now: datetime) -> None:
    # An entry without its file of members could not be compared with.
    check_not_swept(connection, [e.members.name for e in entries if e.members], "memory-moved")
    for new in entries:
        enter_entry(connection, new, now)


def enter_entry(connection: Connection, new: release_history.NewHistoryEntry, now: datetime) -> None:
    """Write the line of the chain, the entry, its figures, and the counts that include it."""
    document = json.loads(release_history.new_entry_to_json(new))
    figures, entry = (release_history.canonical_text(document[name]) for name in ("figures", "entry"))
    file, digest = (None, None) if new.members is None else (new.members.name, new.members.digest)
    body = line_body(entry, figures, new.splits, file, digest)
    subject = new.entry.release or new.entry.output
    number = HISTORY_CHAIN.append(connection, now, HistoryLineKind.REMEMBERED, subject, body)
    named = {"release": new.entry.release, "recipe": new.entry.recipe, "snapshot": new.entry.snapshot}
    connection.execute(
        insert(tables.memory_entries).values(number=number, **named, entry=entry, file=file, digest=digest)
    )
    connection.execute(insert(tables.memory_figures).values(number=number, figures=figures))
    for split in new.splits:
        _add_split_totals(connection, number, split)


def line_body(
    entry: str, figures: str, splits: Sequence[release_history.SplitCounts], file: str | None, digest: str | None
) -> str:
    """Return the text that an entry's line binds: all of the entry, its figures by their hash."""
    return release_history.canonical_text(
        {
            "entry": json.loads(entry),
            "figures": hashlib.sha256(figures.encode()).hexdigest(),
            "splits": [[s.snapshot, s.population, list(s.counts)] for s in splits],
            "file": file,
            "digest": digest,
        }
    )


def _add_split_totals(connection: Connection, number: int, split: release_history.SplitCounts) -> None:
    before = latest_totals(connection, split.snapshot, split.population)
    # There are no totals before the population's first figure.
    totals = [a + b for a, b in zip_longest(before, split.counts, fillvalue=0)]
    named = {"number": number, "snapshot": split.snapshot, "population": split.population}
    connection.execute(insert(tables.memory_splits).values(**named, totals=json.dumps(totals)))


def latest_totals(connection: Connection, snapshot: str, population: str) -> list[int]:
    s = tables.memory_splits.c
    query = select(s.totals).where(s.snapshot == snapshot, s.population == population)
    found = connection.execute(query.order_by(s.number.desc()).limit(1)).scalar()
    totals: list[int] = [] if found is None else json.loads(found)
    return totals


MAY_LEAVE = UNDECIDED_STATES | {OutputState.APPROVED}
"""States of outputs that may still leave. The release history must not lose the files that they name."""


class SqlMemberFileSweep(SqlSignedLogs):
    """The part of the store that gives up files of members."""

    def retire_member_files(self, files: Collection[str], now: datetime) -> frozenset[str]:
        with self._db.write() as connection:
            HISTORY_CHAIN.end(connection, lock=True)
            # A restored back-up lacks the entries that name the newest files.
            if not self.history.holds_signed_head(connection):
                return frozenset()
            # Under the lock of the release history, so that no release can name one of them meanwhile.
            gone = frozenset(files) - _named_files(connection)
            new = sorted(gone - swept_files(connection, gone))
            if new:
                connection.execute(insert(tables.memory_swept), [{"file": file, "at": now} for file in new])
            return gone


def _named_files(connection: Connection) -> frozenset[str]:
    named = tables.memory_entries.c.file
    entered = connection.execute(select(named).where(named.is_not(None))).scalars()
    undecided = outputs.c.state.in_(sorted(MAY_LEAVE))
    waiting = connection.execute(select(outputs.c.to_remember).where(undecided)).scalars()
    return frozenset(entered) | {file for pending in waiting for _, file, __ in pending or ()}


class SqlHistoryQueries(SqlSignedLogs):
    """The part of the store that returns what was released."""

    def history_version(self) -> release_history.HistoryVersion:
        return release_history.HistoryVersion(self._db.found_by(HISTORY_CHAIN.end)[0])

    def history_entries(
        self, *, after: release_history.HistoryVersion | None = None, release: str | None = None
    ) -> list[release_history.HistoryEntry]:
        e = tables.memory_entries.c
        query = select(e.number, e.entry).order_by(e.number)
        query = query if after is None else query.where(e.number > after.entries)
        query = query if release is None else query.where(e.release == release)
        return [release_history.entry_from_json(r.entry, int(r.number)) for r in self._db.rows(query)]

    def members_of(self, entry: int) -> release_history.StoredMembers | None:
        row = self._db.found_by(find_row, tables.memory_entries, "entry", entry)
        return None if row.file is None else release_history.StoredMembers(row.file, row.digest)

    def known_figures(self, entry: int) -> tuple[release_history.KnownFigure, ...]:
        found = self._db.found_by(find_row, tables.memory_figures, "entry", entry)
        return release_history.figures_from_json(json.loads(found.figures))

    def member_files(self) -> frozenset[str]:
        query = select(tables.memory_entries.c.file).where(tables.memory_entries.c.file.is_not(None))
        return frozenset(self._db.values(query))

    def split_counts(self, snapshot: str) -> Mapping[str, tuple[int, ...]]:
        s = tables.memory_splits.c
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
    entries = _by_number(connection.execute(select(tables.memory_entries)).all())
    figures = _by_number(connection.execute(select(tables.memory_figures)).all())
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
    rows = connection.execute(select(tables.memory_splits)).all()
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


class SqlPopulationSizes(StorePart):
    """The part of the store for the sizes of reference populations."""

    def put_measured(self, found: Sequence[MeasuredPopulation]) -> None:
        p = tables.memory_populations.c
        with self._db.write() as connection:
            # Two workers may measure one snapshot at once: the second one waits, and replaces what the first one wrote.
            HISTORY_CHAIN.end(connection, lock=True)
            for one in found:
                same = (p.snapshot == one.snapshot, p.population == one.population)
                # Not part of the release history, so it may be replaced.
                connection.execute(delete(tables.memory_populations).where(*same))
                connection.execute(insert(tables.memory_populations).values(_population_values(one)))

    def measured(self, snapshot: str) -> list[MeasuredPopulation]:
        p = tables.memory_populations.c
        query = select(tables.memory_populations).where(p.snapshot == snapshot).order_by(p.name, p.year, p.population)
        return [_population_of(row) for row in self._db.rows(query)]

    def measured_minimums(self, snapshot: str) -> Mapping[str, int]:
        p = tables.memory_populations.c
        rows = self._db.rows(select(p.population, p.least).where(p.snapshot == snapshot))
        return {row.population: row.least for row in rows}

    def measured_snapshots(self) -> frozenset[str]:
        return frozenset(self._db.values(select(tables.memory_populations.c.snapshot).distinct()))


def _population_values(one: MeasuredPopulation) -> dict[str, object]:
    texts = {name: release_history.canonical_text(list(getattr(one, name))) for name in ("cells", "sizes")}
    return columns_of(tables.memory_populations, one, held_in=one.table, **texts)


def _population_of(row: Row[Any]) -> MeasuredPopulation:
    cells, sizes = tuple(json.loads(row.cells)), tuple(json.loads(row.sizes))
    return value_of(MeasuredPopulation, row, table=row.held_in, cells=cells, sizes=sizes)
