"""Enters tables into the release history without a release, as a public table does, for tests that begin with some."""

from collections.abc import Sequence
from datetime import datetime

from broker.domain.identity.audit import AuditEvent
from broker.domain.release_history import HistoryUpdate, HistoryVersion
from broker.storage.audit_store import append_events
from broker.storage.history_store import enter_update
from broker.storage.sql_store import SqlStore


def record_history(
    store: SqlStore, update: HistoryUpdate, now: datetime, events: Sequence[AuditEvent]
) -> HistoryVersion:
    with store.history.change() as connection:
        enter_update(connection, update, now)
        append_events(connection, events)
    return store.history_version()
