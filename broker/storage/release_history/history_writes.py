"""Changes of the release history: new entries, files of members, their removal, and what a restored back-up lacks."""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import zip_longest

from sqlalchemy import Connection, insert, select

from broker.domain import release_history
from broker.domain.errors import Conflict
from broker.domain.jobs.outputs import OutputState
from broker.storage.hash_chain import HISTORY_CHAIN
from broker.storage.signed_log_store import SqlSignedLogs
from broker.storage.tables.job_tables import outputs
from broker.storage.tables.release_history_tables import (
    HistoryLineKind,
    memory_entries,
    memory_figures,
    memory_splits,
    memory_swept,
)

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
    wanted, found = sorted(files), set[str]()
    # Databases limit the parameters of one query.
    for start in range(0, len(wanted), NAMES_PER_QUERY):
        query = select(memory_swept.c.file).where(memory_swept.c.file.in_(wanted[start : start + NAMES_PER_QUERY]))
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
    connection.execute(insert(memory_entries).values(number=number, **named, entry=entry, file=file, digest=digest))
    connection.execute(insert(memory_figures).values(number=number, figures=figures))
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
    connection.execute(insert(memory_splits).values(**named, totals=json.dumps(totals)))


def latest_totals(connection: Connection, snapshot: str, population: str) -> list[int]:
    s = memory_splits.c
    query = select(s.totals).where(s.snapshot == snapshot, s.population == population)
    found = connection.execute(query.order_by(s.number.desc()).limit(1)).scalar()
    totals: list[int] = [] if found is None else json.loads(found)
    return totals


UNDECIDED_STATES = frozenset({OutputState.ASSESSED, OutputState.IN_REVIEW, OutputState.APPROVED})
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
                connection.execute(insert(memory_swept), [{"file": file, "at": now} for file in new])
            return gone


def _named_files(connection: Connection) -> frozenset[str]:
    entered = connection.execute(select(memory_entries.c.file).where(memory_entries.c.file.is_not(None))).scalars()
    undecided = outputs.c.state.in_(sorted(UNDECIDED_STATES))
    waiting = connection.execute(select(outputs.c.to_remember).where(undecided)).scalars()
    return frozenset(entered) | {file for pending in waiting for _, file, __ in pending or ()}
