"""Releases in the store: one a job, whole, never changed. What the register shows of them is `register`'s."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict, Unknown
from broker.domain.jobs import JobState
from broker.domain.ledger.budgets import Aside
from broker.domain.outputs import DECIDED_STATES, OutputState
from broker.domain.ports import Release
from broker.domain.remembered import Remembering
from broker.storage.chain import append
from broker.storage.database import Database
from broker.storage.jobs import job_row
from broker.storage.ledger.looking import enter_asides
from broker.storage.ledger.spends import settle_with_release
from broker.storage.ledger.writing import LedgerWriting
from broker.storage.outputs import move
from broker.storage.release_history.writing import MemoryWriting
from broker.storage.stops import check_goes_on
from broker.storage.tables.jobs import jobs, outputs
from broker.storage.tables.policies import snapshots
from broker.storage.tables.reviews import release_outputs, releases

UNDECIDED = frozenset(OutputState) - DECIDED_STATES


class Releases(LedgerWriting, MemoryWriting):
    """The part of the store that lets outputs leave, and says what has left."""

    _db: Database

    def release(
        self,
        release: Release,
        manifest: str,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        asides: Sequence[Aside] = (),
        remembering: Remembering | None = None,
        content: Mapping[str, str] | None = None,
    ) -> None:
        if hashlib.sha256(manifest.encode()).hexdigest() != release.manifest_hash:
            raise Breach("The manifest is not what the release's hash says.")
        with self._ledger() as connection:
            if remembering is None:
                self._check_memory(connection)
            else:
                self._enter(connection, remembering, now)
            _lock_snapshot(connection, release.job)
            _check_releasable(connection, release)
            _check_content(connection, content or {})
            _decide(connection, release.job, now)
            _insert(connection, release, manifest)
            for output in release.outputs:
                move(connection, output, OutputState.APPROVED, OutputState.RELEASED, now, None)
            settled = settle_with_release(connection, release.job, now)
            enter_asides(connection, asides, now)
            append(connection, [*events, *settled])
            check_goes_on(connection, release.job)
        self._sign_memory()

    def release_of(self, job: str) -> Release | None:
        with self._db.read() as connection:
            row = connection.execute(select(releases).where(releases.c.job == job)).one_or_none()
            return None if row is None else _release_of(connection, row)

    def manifest(self, release: str) -> str:
        with self._db.read() as connection:
            text: str | None = connection.execute(
                select(releases.c.manifest).where(releases.c.ident == release)
            ).scalar()
        if text is None:
            raise Unknown("release", release)
        return text


def _lock_snapshot(connection: Connection, job: str) -> None:
    """Releases from one snapshot go one by one, so that each sees all that left before it."""
    row = job_row(connection, job)
    if row.snapshot is not None:
        connection.execute(select(snapshots.c.ident).where(snapshots.c.ident == row.snapshot).with_for_update())


def _check_releasable(connection: Connection, release: Release) -> None:
    """Asked again under the locks: decided, of this project, not released, and all that was approved."""
    if connection.execute(select(releases.c.ident).where(releases.c.job == release.job)).first():
        raise Conflict("already-released", f"Job {release.job!r} has its release already.")
    row = job_row(connection, release.job, lock=True)
    # After waiting for the row another release may stand.
    if connection.execute(select(releases.c.ident).where(releases.c.job == release.job)).first():
        raise Conflict("already-released", f"Job {release.job!r} has its release already.")
    undecided = select(outputs.c.ident).where(outputs.c.job == release.job, outputs.c.state.in_(sorted(UNDECIDED)))
    open_ = row.state == JobState.ASSESSING and connection.execute(undecided.limit(1)).first()
    if row.state not in {JobState.DECIDED, JobState.ASSESSING} or open_:
        raise Conflict("not-decided", f"Job {release.job!r} is {row.state}; a release needs every output decided.")
    if row.project != release.project:
        raise Breach("A release belongs to its job's project.")
    approved = select(outputs.c.ident).where(outputs.c.job == release.job, outputs.c.state == OutputState.APPROVED)
    if set(connection.execute(approved).scalars()) != set(release.outputs) or not release.outputs:
        raise Breach("A release holds exactly the approved outputs of its job, and at least one.")


def _check_content(connection: Connection, content: Mapping[str, str]) -> None:
    """Another worker may have compared an output anew since: then manifest and memory tell of other bytes."""
    query = select(outputs.c.ident, outputs.c.release_hash).where(outputs.c.ident.in_(content))
    if any(content[ident] != held for ident, held in connection.execute(query)):
        raise Conflict("stale", "An output was compared anew since it was read.")


def _decide(connection: Connection, job: str, now: datetime) -> None:
    """A job with something to release is decided with its release: until then memory may send an output back."""
    assessing = (jobs.c.ident == job, jobs.c.state == JobState.ASSESSING)
    decided = {"state": JobState.DECIDED, "updated": now, "comparing_until": None}
    connection.execute(update(jobs).where(*assessing).values(decided))


def _insert(connection: Connection, release: Release, manifest: str) -> None:
    connection.execute(
        insert(releases).values(
            ident=release.ident,
            job=release.job,
            project=release.project,
            released_at=release.released_at,
            manifest_hash=release.manifest_hash,
            manifest=manifest,
        )
    )
    rows = [
        {"release": release.ident, "position": position, "output": output}
        for position, output in enumerate(release.outputs, 1)
    ]
    connection.execute(insert(release_outputs), rows)


def _release_of(connection: Connection, row: Row[Any]) -> Release:
    held = select(release_outputs.c.output).where(release_outputs.c.release == row.ident)
    names = tuple(connection.execute(held.order_by(release_outputs.c.position)).scalars())
    return Release(row.ident, row.job, row.project, row.released_at, row.manifest_hash, names)
