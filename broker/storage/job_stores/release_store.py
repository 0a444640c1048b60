"""Releases in the store, one for each job, whole and never changed; and lines and counts of the public register."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, insert, or_, select, update

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import UNDECIDED_STATES, JobState, OutputState
from broker.domain.ledger.spends import ExactDisclosure
from broker.domain.ports import RegisterCount, RegisterEntry, RegisterFilter, Release
from broker.domain.release_history import HistoryUpdate
from broker.storage.audit_store import StorePart, append_events
from broker.storage.database import columns_of, find_row, value_of
from broker.storage.history_store import enter_update
from broker.storage.job_stores.job_store import job_row, older_than
from broker.storage.job_stores.output_store import move_output_row
from broker.storage.ledger.ledger_verification import enter_asides
from broker.storage.ledger.spend_store import settle_with_release
from broker.storage.signed_log_store import SqlSignedLogs
from broker.storage.stop_store import check_not_stopped
from broker.storage.tables.administration_tables import snapshots
from broker.storage.tables.job_tables import jobs, outputs, recalls, release_outputs, releases
from broker.storage.work_store import end_leases


class SqlRegister(StorePart):
    """The part of the store that the register reads."""

    def register(self, wanted: RegisterFilter) -> list[RegisterEntry]:
        with self._db.read() as connection:
            chosen = _register_page(wanted)
            if wanted.after is not None:
                last = find_row(connection, releases, "release", wanted.after)
                chosen = chosen.where(older_than(last, releases.c, "released_at"))
            grouped: dict[str, list[Row[Any]]] = {}
            for row in connection.execute(_with_outputs(chosen)):
                grouped.setdefault(row.ident, []).append(row)
        return [_register_entry(rows) for rows in grouped.values()]

    def register_counts(self) -> list[RegisterCount]:
        # The policy set of the newest release describes a project that policy has dropped.
        last = func.row_number().over(partition_by=releases.c.project, order_by=releases.c.released_at.desc())
        newest = select(releases.c.project, releases.c.released_at, jobs.c.policy, last.label("place"))
        newest_of = newest.join(jobs, jobs.c.ident == releases.c.job).subquery()
        query = (
            select(
                releases.c.project,
                func.count(releases.c.ident.distinct()).label("releases"),
                func.count(release_outputs.c.output).label("outputs"),
                func.count(recalls.c.output).label("recalled"),
                newest_of.c.released_at,
                newest_of.c.policy,
            )
            .join(release_outputs, release_outputs.c.release == releases.c.ident)
            .outerjoin(recalls, recalls.c.output == release_outputs.c.output)
            .join(newest_of, and_(newest_of.c.project == releases.c.project, newest_of.c.place == 1))
            .group_by(releases.c.project, newest_of.c.released_at, newest_of.c.policy)
            .order_by(releases.c.project)
        )
        return [RegisterCount(*row) for row in self._db.rows(query)]


def _register_page(wanted: RegisterFilter) -> Select[Any]:
    """Return the query for the releases of one page. Outputs are joined later, because a limit on joined lines would
    cut a release."""
    query = select(releases.c.ident, releases.c.project, releases.c.released_at, jobs.c.title)
    query = query.join(jobs, jobs.c.ident == releases.c.job)
    if wanted.projects is not None:
        query = query.where(releases.c.project.in_(sorted(wanted.projects)))
    for word in wanted.words:
        query = query.where(or_(jobs.c.title.icontains(word, autoescape=True), _has_output_named(word)))
    order = [releases.c.released_at.desc(), releases.c.ident.desc()]
    if wanted.recalled:
        held = select(release_outputs.c.release, func.max(recalls.c.recalled_at).label("at"))
        held = held.join(recalls, recalls.c.output == release_outputs.c.output).group_by(release_outputs.c.release)
        found = held.subquery()
        query, order = query.join(found, found.c.release == releases.c.ident), [found.c.at.desc(), *order]
    return query.order_by(*order).limit(wanted.limit)


def _has_output_named(word: str) -> Any:
    named = select(release_outputs.c.release).join(outputs, outputs.c.ident == release_outputs.c.output)
    return releases.c.ident.in_(named.where(outputs.c.name.icontains(word, autoescape=True)))


def _with_outputs(chosen: Select[Any]) -> Select[Any]:
    page = chosen.subquery()
    return (
        select(page, outputs.c.name, outputs.c.state, recalls.c.recalled_at)
        .join(release_outputs, release_outputs.c.release == page.c.ident)
        .join(outputs, outputs.c.ident == release_outputs.c.output)
        .outerjoin(recalls, recalls.c.output == outputs.c.ident)
        .order_by(page.c.released_at.desc(), page.c.ident.desc(), release_outputs.c.position)
    )


def _register_entry(rows: list[Row[Any]]) -> RegisterEntry:
    first = rows[0]
    gone = [row for row in rows if row.state == OutputState.RECALLED]
    return RegisterEntry(
        release=first.ident,
        project=first.project,
        title=first.title,
        outputs=tuple(row.name for row in rows),
        released_at=first.released_at,
        recalled=len(gone) == len(rows),
        recalled_outputs=tuple(row.name for row in gone),
        recalled_at=max((row.recalled_at for row in gone if row.recalled_at is not None), default=None),
    )


class SqlReleases(SqlSignedLogs):
    """The part of the store that releases outputs and returns what was released."""

    def release(
        self, release: Release, manifest: str, now: datetime, events: Sequence[AuditEvent], *,
        exact_disclosures: Sequence[ExactDisclosure] = (), history_update: HistoryUpdate | None = None,
        content: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        if hashlib.sha256(manifest.encode()).hexdigest() != release.manifest_hash:
            raise Breach("The manifest is not what the release's hash says.")
        with self.ledger.change() as connection:
            # Enter the history first: its lock makes other releases wait, so this one sees all that left before it.
            self.history.check_signed_head(connection)
            if history_update is not None:
                enter_update(connection, history_update, now)
            _lock_snapshot(connection, release.job)
            _check_releasable(connection, release)
            _check_content(connection, content or {})
            _decide_job(connection, release.job, now)
            _insert_release(connection, release, manifest)
            for output in release.outputs:
                move_output_row(connection, output, OutputState.APPROVED, OutputState.RELEASED, now, None)
            settled = settle_with_release(connection, release.job, now)
            enter_asides(connection, exact_disclosures, now)
            append_events(connection, [*events, *settled])
            # Last, after the audit events: their lock prevents a stop from coming in between.
            check_not_stopped(connection, release.job)
        self.history.sign()

    def release_of(self, job: str) -> Release | None:
        with self._db.read() as connection:
            row = connection.execute(select(releases).where(releases.c.job == job)).one_or_none()
            return None if row is None else _release_of(connection, row)

    def manifest(self, release: str) -> str:
        return str(self._db.found_by(find_row, releases, "release", release).manifest)


def _lock_snapshot(connection: Connection, job: str) -> None:
    """Lock the job's snapshot. Releases from one snapshot then come one by one, so each sees all that
    left before it."""
    row = job_row(connection, job)
    if row.snapshot is not None:
        connection.execute(select(snapshots.c.ident).where(snapshots.c.ident == row.snapshot).with_for_update())


def _check_releasable(connection: Connection, release: Release) -> None:
    """Check again under the locks that the job is decided, of this project and not released, and that the release has
    exactly its approved outputs."""
    row = job_row(connection, release.job, lock=True)
    # Another release may have been made while this one waited for the row.
    if connection.execute(select(releases.c.ident).where(releases.c.job == release.job)).first():
        raise Conflict("already-released", f"Job {release.job!r} has its release already.")
    waits = outputs.c.state.in_(sorted(UNDECIDED_STATES))
    undecided = select(outputs.c.ident).where(outputs.c.job == release.job, waits)
    open_ = row.state == JobState.ASSESSING and connection.execute(undecided.limit(1)).first()
    if row.state not in {JobState.DECIDED, JobState.ASSESSING} or open_:
        raise Conflict("not-decided", f"Job {release.job!r} is {row.state}; a release needs every output decided.")
    if row.project != release.project:
        raise Breach("A release belongs to its job's project.")
    approved = select(outputs.c.ident).where(outputs.c.job == release.job, outputs.c.state == OutputState.APPROVED)
    if set(connection.execute(approved).scalars()) != set(release.outputs) or not release.outputs:
        raise Breach("A release holds exactly the approved outputs of its job, and at least one.")


def _check_content(connection: Connection, content: Mapping[str, str]) -> None:
    """Raises Conflict("stale") if another worker has compared an output again since: then manifest and release history
    would describe other bytes."""
    query = select(outputs.c.ident, outputs.c.release_hash).where(outputs.c.ident.in_(content))
    if any(content[ident] != held for ident, held in connection.execute(query)):
        raise Conflict("stale", "An output was compared anew since it was read.")


def _decide_job(connection: Connection, job: str, now: datetime) -> None:
    """Decide the job together with its release. Until then the release history may send an output back to review."""
    assessing = (jobs.c.ident == job, jobs.c.state == JobState.ASSESSING)
    connection.execute(update(jobs).where(*assessing).values(state=JobState.DECIDED, updated=now))
    end_leases(connection, job)


def _insert_release(connection: Connection, release: Release, manifest: str) -> None:
    connection.execute(insert(releases).values(columns_of(releases, release, manifest=manifest)))
    rows = [
        {"release": release.ident, "position": position, "output": output}
        for position, output in enumerate(release.outputs, 1)
    ]
    connection.execute(insert(release_outputs), rows)


def _release_of(connection: Connection, row: Row[Any]) -> Release:
    held = select(release_outputs.c.output).where(release_outputs.c.release == row.ident)
    names = tuple(connection.execute(held.order_by(release_outputs.c.position)).scalars())
    return value_of(Release, row, outputs=names)
