"""Snapshots in the store, and erasures of persons from the next one. Has digests, never anybody's key."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import FINAL_JOB_STATES
from broker.domain.ports import Snapshot
from broker.domain.projects.erasures import Erasure, ErasureState
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import find_row, next_number, pick, refused_as, value_of
from broker.storage.public_table_store import reads_snapshot
from broker.storage.tables.administration_tables import erasures, snapshots
from broker.storage.tables.job_tables import jobs
from broker.storage.work_store import READS_DATA


class SqlErasures(StorePart):
    """The part of the store for erasures."""

    def request_erasure(self, erasure: Erasure, event: AuditEvent) -> int:
        # `standing` is unique, so a person has at most one erasure that is not withdrawn.
        standing = Conflict("already-asked", "The erasure of this person was already requested.")
        with refused_as(standing), self._db.write() as connection:
            number = next_number(connection, erasures.c.number)
            values = pick(erasure, "domain", "digest", "case", "by", "at")
            connection.execute(insert(erasures).values(number=number, standing=erasure.digest, **values))
            append_events(connection, [_about_erasure(event, number)])
        return number

    def erasures(self, limit: int = 200) -> list[Erasure]:
        query = select(erasures).order_by(erasures.c.number.desc()).limit(limit)
        return [value_of(Erasure, row) for row in self._db.rows(query)]

    def erasure(self, number: int) -> Erasure:
        return self._db.found_by(_erasure, number)

    def erased_digests(self) -> dict[int, str]:
        query = select(erasures.c.number, erasures.c.digest).where(erasures.c.confirmed_by.is_not(None))
        return {row.number: row.digest for row in self._db.rows(query)}

    def confirm_erasure(self, number: int, by: str, now: datetime, event: AuditEvent) -> None:
        with self._change([event]) as connection:
            found = _erasure(connection, number, lock=True)
            if found.state is not ErasureState.REQUESTED:
                raise Conflict("wrong-state", f"This erasure is {found.state}, so there is nothing to confirm.")
            # The store checks this too: two administrators are needed, whatever called it.
            if found.by == by:
                raise Forbidden(
                    "second-administrator", "You requested this erasure, so another administrator has to confirm it."
                )
            _update_erasure(connection, number, confirmed_by=by, confirmed_at=now)

    def withdraw_erasure(self, number: int, now: datetime, event: AuditEvent) -> None:
        with self._change([event]) as connection:
            found = _erasure(connection, number, lock=True)
            if found.state is not ErasureState.REQUESTED:
                raise Conflict("wrong-state", f"This erasure is {found.state}, so you cannot withdraw it.")
            _update_erasure(connection, number, withdrawn_at=now, standing=None)

    def note_left_out(self, numbers: Sequence[int], snapshot: str, now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            for number in numbers:
                # Ingesting again must not move the first snapshot without the person.
                if _erasure(connection, number, lock=True).snapshot is None:
                    _update_erasure(connection, number, snapshot=snapshot, left_out_at=now)
                    append_events(connection, [_about_erasure(event, number)])

    def supersede_snapshot(self, ident: str, since: datetime, now: datetime, events: Sequence[AuditEvent]) -> bool:
        with self._db.write() as connection:
            # A job that was accepted before may still be run on this snapshot, whichever it names now.
            early = select(jobs.c.ident).where(READS_DATA, jobs.c.created <= since).limit(1)
            if connection.execute(early).first() is not None or reads_snapshot(connection, ident):
                return False
            open_still = (snapshots.c.ident == ident, snapshots.c.retired.is_(None))
            connection.execute(update(snapshots).where(*open_still).values(retired=now))
            append_events(connection, events)
            return True

    def note_erased(self, numbers: Sequence[int], now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            for number in numbers:
                if _erasure(connection, number, lock=True).done_at is None:
                    _update_erasure(connection, number, done_at=now)
                    append_events(connection, [_about_erasure(event, number)])


def _about_erasure(event: AuditEvent, number: int) -> AuditEvent:
    return replace(event, subject=str(number))


def _update_erasure(connection: Connection, number: int, **values: object) -> None:
    connection.execute(update(erasures).where(erasures.c.number == number).values(values))


def _erasure(connection: Connection, number: int, *, lock: bool = False) -> Erasure:
    return value_of(Erasure, find_row(connection, erasures, "erasure", number, lock=lock))


class SqlSnapshots(StorePart):
    """The part of the store for snapshots, numbered in the order in which they were stored."""

    def put_snapshot(self, snapshot: Snapshot, events: Sequence[AuditEvent]) -> None:
        same = Conflict("snapshot-exists", f"There is already a snapshot {snapshot.ident!r}.")
        with refused_as(same), self._change(events) as connection:
            number = next_number(connection, snapshots.c.number)
            values = pick(snapshot, "ident", "fingerprint", "created", "synthetic", "path", "facts")
            connection.execute(insert(snapshots).values(number=number, **values))

    def latest_snapshot(self) -> Snapshot:
        row = self._db.row(_newest_snapshots().where(snapshots.c.retired.is_(None)).limit(1))
        if row is None:
            raise Unknown("snapshot", "latest")
        return value_of(Snapshot, row)

    def snapshot(self, ident: str) -> Snapshot:
        return value_of(Snapshot, self._db.found_by(find_row, snapshots, "snapshot", ident))

    def snapshots(self, limit: int = 200) -> list[Snapshot]:
        """Return the snapshots, newest first."""
        return [value_of(Snapshot, row) for row in self._db.rows(_newest_snapshots().limit(limit))]

    def retire_snapshot(self, ident: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        with self._change(events) as connection:
            _check_retirable(connection, find_row(connection, snapshots, "snapshot", ident, lock=True))
            connection.execute(update(snapshots).where(snapshots.c.ident == ident).values(retired=now))


def _newest_snapshots() -> Select[Any]:
    return select(snapshots).order_by(snapshots.c.number.desc())


def _check_retirable(connection: Connection, row: Row[Any]) -> None:
    if row.retired is not None:
        raise Conflict("already-retired", "This snapshot is already retired.")
    # Jobs need a snapshot to run on.
    others = select(snapshots.c.ident).where(snapshots.c.retired.is_(None), snapshots.c.ident != row.ident)
    if connection.execute(others.limit(1)).first() is None:
        raise Conflict("last-snapshot", "This is the only snapshot. Ingest another one first.")
    reading = select(jobs.c.ident).where(jobs.c.snapshot == row.ident, jobs.c.state.not_in(sorted(FINAL_JOB_STATES)))
    if connection.execute(reading.limit(1)).first() is not None:
        raise Conflict("in-use", "Unfinished jobs still read this snapshot.")
