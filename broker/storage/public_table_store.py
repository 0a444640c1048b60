"""Public tables in the store: who requested and confirmed each, which worker runs it, and the outcome. Reads no
figure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from broker.domain.errors import Conflict, Forbidden
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.work_items import WorkItem
from broker.domain.public_tables import PublicTable, PublicTableState, PublishedTable, Reproduction
from broker.domain.release_history import HistoryUpdate
from broker.storage.audit_store import append_events
from broker.storage.database import columns_of, find_row, refused_as, value_of
from broker.storage.history_store import enter_update
from broker.storage.signed_log_store import HISTORY_CHAIN, SqlSignedLogs
from broker.storage.tables.administration_tables import public_tables, snapshots
from broker.storage.work_store import check_lease, end_lease

P = public_tables.c
# Figures can be large, so lists leave them out.
LISTED = [sa.literal("").label(c.name) if c.name == "figures" else c for c in public_tables.c]
TO_RUN = sa.and_(P.confirmed_by.is_not(None), P.entry.is_(None))


class SqlPublicTables(SqlSignedLogs):
    """The port `PublicTableStore`, as a part of the store."""

    def request_public_table(self, table: PublicTable, event: AuditEvent) -> None:
        new = {"ident": table.ident, "by": table.by, "at": table.at, "attempt": 0}
        values = columns_of(public_tables, table.published, standing=table.published.name.casefold(), **new)
        named_alike = Conflict("already-asked", "There is already a public table with this name.")
        with refused_as(named_alike), self._change([event]) as connection:
            connection.execute(sa.insert(public_tables).values(values))

    def public_tables(self, limit: int = 200) -> list[PublicTable]:
        return self._public(sa.select(*LISTED).order_by(P.at.desc(), P.ident.desc()).limit(limit))

    def public_table(self, ident: str) -> PublicTable:
        return _table_of(self._db.found_by(_row, ident))

    def confirm_public_table(self, ident: str, by: str, now: datetime, event: AuditEvent) -> None:
        with self._change([event]) as connection:
            found = _waiting(connection, ident)
            if found.by == by:
                raise Forbidden(
                    "second-administrator",
                    "You requested this public table, so another administrator has to confirm it.",
                )
            _update_table(connection, ident, confirmed_by=by, confirmed_at=now)

    def withdraw_public_table(self, ident: str, now: datetime, event: AuditEvent) -> None:
        with self._change([event]) as connection:
            _waiting(connection, ident)
            _update_table(connection, ident, withdrawn_at=now, standing=None)

    def name_public_vault(self, item: WorkItem, vault: str) -> bool:
        not_retired = sa.select(snapshots.c.ident).where(snapshots.c.retired.is_(None))
        with self._db.write() as connection:
            # Locked, so that the snapshot cannot be superseded between this check and the vault's name.
            _row(connection, item.subject, lock=True)
            check_lease(connection, item)
            named = sa.update(public_tables).where(P.ident == item.subject, P.snapshot.in_(not_retired))
            return connection.execute(named.values(vault=vault)).rowcount == 1

    def enter_public_table(
        self, item: WorkItem, found: Reproduction, remembering: HistoryUpdate, now: datetime,
        events: Sequence[AuditEvent], entry: int | None = None,
    ) -> None:  # fmt: skip
        with self.history.change() as connection:
            # First in the transaction: it takes the lock of the release history.
            enter_update(connection, remembering, now)
            # `entry`: a restored store forgot this record, but the release history still has the entry.
            number = entry or HISTORY_CHAIN.end(connection)[0]
            ended = columns_of(public_tables, found, entry=number, entered_at=now, vault=None)
            _update_table(connection, item.subject, **ended)
            end_lease(connection, item)
            append_events(connection, events)

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
