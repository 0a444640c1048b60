"""Public tables in the store: who requested and confirmed each, which worker runs it, and the outcome. Reads no
figure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from broker.domain.errors import Conflict, Forbidden
from broker.domain.identity.audit import AuditEvent
from broker.domain.public_tables import NumbersOnlyReason, PublicTable, PublicTableState, PublishedTable, Reproduction
from broker.domain.release_history import HistoryUpdate
from broker.storage.audit_store import append_events
from broker.storage.release_history.history_writes import SqlHistoryWrites
from broker.storage.row_values import columns_of, find_row, value_of
from broker.storage.tables.administration_tables import snapshots
from broker.storage.tables.schema import UtcTime, metadata, words

public_tables = sa.Table(
    "public_tables",
    metadata,
    sa.Column("ident", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in PublishedTable.__dataclass_fields__),
    sa.Column("standing", sa.Text, unique=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("confirmed_by", sa.Text),
    sa.Column("confirmed_at", UtcTime),
    sa.Column("withdrawn_at", UtcTime),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("lease_until", UtcTime),
    sa.Column("vault", sa.Text),
    sa.Column("agreed", sa.Integer),
    sa.Column("compared", sa.Integer),
    *words("why", NumbersOnlyReason),
    sa.Column("entry", sa.BigInteger, unique=True),
    sa.Column("entered_at", UtcTime),
    sa.CheckConstraint("confirmed_by <> by", name="second_administrator"),
    sa.CheckConstraint("entry IS NULL OR confirmed_by IS NOT NULL", name="confirmed"),
    sa.CheckConstraint("withdrawn_at IS NULL OR confirmed_by IS NULL", name="withdrawn"),
    sa.CheckConstraint("(entry IS NULL) = (entered_at IS NULL)", name="entered"),
    sa.CheckConstraint("(entry IS NULL) = (agreed IS NULL) AND (entry IS NULL) = (compared IS NULL)", name="found"),
    sa.CheckConstraint("entry IS NULL OR lease_until IS NULL", name="lease"),
)
"""`standing` is the folded name while the table is not withdrawn. `entry` is its number in the release history."""

P = public_tables.c
# Figures can be large, so lists leave them out.
LISTED = [sa.literal("").label(c.name) if c.name == "figures" else c for c in public_tables.c]
TO_RUN = sa.and_(P.confirmed_by.is_not(None), P.entry.is_(None))


class SqlPublicTables(SqlHistoryWrites):
    """The port `PublicTableStore`, as a part of the store."""

    def request_public_table(self, table: PublicTable, event: AuditEvent) -> None:
        new = {"ident": table.ident, "by": table.by, "at": table.at, "attempt": 0}
        values = columns_of(public_tables, table.published, standing=table.published.name.casefold(), **new)
        try:
            with self._db.write() as connection:
                connection.execute(sa.insert(public_tables).values(values))
                append_events(connection, [event])
        except IntegrityError as error:
            raise Conflict("already-asked", "There is already a public table with this name.") from error

    def public_tables(self, limit: int = 200) -> list[PublicTable]:
        return self._public(sa.select(*LISTED).order_by(P.at.desc(), P.ident.desc()).limit(limit))

    def public_table(self, ident: str) -> PublicTable:
        with self._db.read() as connection:
            return _table_of(_row(connection, ident))

    def confirm_public_table(self, ident: str, by: str, now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            found = _waiting(connection, ident)
            if found.by == by:
                raise Forbidden(
                    "second-administrator",
                    "You requested this public table, so another administrator has to confirm it.",
                )
            _update_table(connection, ident, confirmed_by=by, confirmed_at=now)
            append_events(connection, [event])

    def withdraw_public_table(self, ident: str, now: datetime, event: AuditEvent) -> None:
        with self._db.write() as connection:
            _waiting(connection, ident)
            _update_table(connection, ident, withdrawn_at=now, standing=None)
            append_events(connection, [event])

    def public_tables_to_run(self, now: datetime) -> list[PublicTable]:
        free = sa.or_(P.lease_until.is_(None), P.lease_until < now)
        return self._public(sa.select(*LISTED).where(TO_RUN, free).order_by(P.at, P.ident))

    def lease_public_table(self, ident: str, until: datetime, now: datetime) -> int | None:
        free = (P.ident == ident, TO_RUN, sa.or_(P.lease_until.is_(None), P.lease_until < now))
        # The new attempt number fences off the worker whose lease has lapsed.
        taken = sa.update(public_tables).where(*free).values(attempt=P.attempt + 1, lease_until=until, vault=None)
        with self._db.write() as connection:
            done = connection.execute(taken).rowcount == 1
            return int(_row(connection, ident).attempt) if done else None

    def renew_public_table(self, ident: str, attempt: int, until: datetime, now: datetime) -> bool:
        held = (*_is_leased(ident, attempt), P.lease_until >= now)
        with self._db.write() as connection:
            return connection.execute(sa.update(public_tables).where(*held).values(lease_until=until)).rowcount == 1

    def name_public_vault(self, ident: str, attempt: int, vault: str) -> bool:
        not_retired = sa.select(snapshots.c.ident).where(snapshots.c.retired.is_(None))
        with self._db.write() as connection:
            # Locked, so that the snapshot cannot be superseded between this check and the vault's name.
            if _row(connection, ident, lock=True).attempt != attempt:
                raise _stale(ident)
            named = (
                sa.update(public_tables)
                .where(*_is_leased(ident, attempt), P.snapshot.in_(not_retired))
                .values(vault=vault)
            )
            return connection.execute(named).rowcount == 1

    def rest_public_table(self, ident: str, attempt: int, until: datetime) -> None:
        with self._db.write() as connection:
            rests = sa.update(public_tables).where(*_is_leased(ident, attempt)).values(lease_until=until, vault=None)
            connection.execute(rests)

    def public_tables_alive(self) -> frozenset[tuple[str, int]]:
        query = sa.select(P.ident, P.attempt).where(TO_RUN, P.lease_until.is_not(None))
        return frozenset((row.ident, row.attempt) for row in self._db.rows(query))

    def enter_public_table(
        self, ident: str, attempt: int, found: Reproduction, remembering: HistoryUpdate, now: datetime,
        events: Sequence[AuditEvent], entry: int | None = None,
    ) -> None:  # fmt: skip
        with self._db.write() as connection:
            # First in the transaction: it takes the lock of the release history.
            self._enter(connection, remembering, now)
            # `entry`: a restored store forgot this record, but the release history still has the entry.
            number = entry or self._history_chain.end(connection)[0]
            done = {"entry": number, "entered_at": now, "lease_until": None, "vault": None}
            ended = columns_of(public_tables, found, **done)
            entered = sa.update(public_tables).where(*_is_leased(ident, attempt)).values(ended)
            if connection.execute(entered).rowcount != 1:
                raise _stale(ident)
            append_events(connection, events)
        self._sign_history()

    def _public(self, query: Any) -> list[PublicTable]:
        return [_table_of(row) for row in self._db.rows(query)]


def vaults_of_public_tables(connection: sa.Connection) -> frozenset[str]:
    """Return the vaults that attempts read now."""
    query = sa.select(P.vault).where(TO_RUN, P.vault.is_not(None))
    return frozenset(connection.execute(query).scalars())


def reads_snapshot(connection: sa.Connection, snapshot: str) -> bool:
    """Whether an attempt reads a vault of this snapshot now."""
    query = sa.select(P.ident).where(TO_RUN, P.vault.is_not(None), P.snapshot == snapshot).limit(1)
    return connection.execute(query).first() is not None


def _stale(ident: str) -> Conflict:
    return Conflict("stale", f"The public table {ident!r} is run by another attempt; nothing was changed.")


def _is_leased(ident: str, attempt: int) -> tuple[Any, ...]:
    return P.ident == ident, P.attempt == attempt, TO_RUN, P.lease_until.is_not(None)


def _waiting(connection: sa.Connection, ident: str) -> PublicTable:
    found = _table_of(_row(connection, ident, lock=True))
    if found.state is not PublicTableState.REQUESTED:
        raise Conflict("wrong-state", f"This public table is {found.state}, so there is nothing to confirm.")
    return found


def _update_table(connection: sa.Connection, ident: str, **values: object) -> None:
    connection.execute(sa.update(public_tables).where(P.ident == ident).values(values))


def _row(connection: sa.Connection, ident: str, *, lock: bool = False) -> sa.Row[Any]:
    return find_row(connection, public_tables, "public-table", ident, lock=lock)


def _table_of(row: sa.Row[Any]) -> PublicTable:
    found = None if row.agreed is None else value_of(Reproduction, row)
    return value_of(PublicTable, row, published=value_of(PublishedTable, row), found=found)
