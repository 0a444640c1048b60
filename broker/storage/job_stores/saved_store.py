"""Saved definitions of projects in the store: their content never changes, their state does. Does not
interpret them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from broker.domain.errors import Breach, Conflict
from broker.domain.identity.audit import AuditEvent
from broker.domain.projects import saved_definitions
from broker.storage.audit_store import StorePart
from broker.storage.database import columns_of, find_row, refused_as, value_of
from broker.storage.tables.job_tables import saved


def save_cohort(connection: Connection, entry: saved_definitions.SavedEntry) -> None:
    """Save a cohort, inside the transaction that accepts its job."""
    if entry.state is not saved_definitions.SavedState.SAVED:
        raise Breach("A job can save only cohorts.")
    _replace_name(connection, entry)
    with refused_as(_saved_meanwhile(entry)):
        connection.execute(insert(saved).values(_values(entry)))


def _replace_name(connection: Connection, entry: saved_definitions.SavedEntry) -> None:
    """Mark the definition that has the name now as replaced."""
    # A name has at most one readable definition, so the earlier one is replaced in the same transaction.
    now = (saved.c.project == entry.project, saved.c.readable_as == entry.name.casefold())
    connection.execute(update(saved).where(*now).values(state=saved_definitions.SavedState.REPLACED, readable_as=None))


def _saved_meanwhile(entry: saved_definitions.SavedEntry) -> Conflict:
    return Conflict("kept-meanwhile", f"Somebody else saved project.{entry.name} at the same time. Try again.")


def _values(entry: saved_definitions.SavedEntry) -> dict[str, object]:
    readable = entry.name.casefold() if entry.state in saved_definitions.READABLE_STATES else None
    content = saved_definitions.definition_to_json(entry.definition)
    return columns_of(saved, entry, name=entry.name, readable_as=readable, content=content, made_by=entry.by)


def _entry_of(row: Row[Any]) -> saved_definitions.SavedEntry:
    return value_of(
        saved_definitions.SavedEntry,
        row,
        definition=saved_definitions.definition_from_json(row.content),
        by=row.made_by,
    )


class SqlSavedDefinitions(StorePart):
    """The part of the store for saved definitions."""

    def saved(
        self, project: str | None, states: frozenset[saved_definitions.SavedState], idents: frozenset[str] | None = None
    ) -> list[saved_definitions.SavedEntry]:
        query = select(saved).where(saved.c.state.in_(sorted(states)))
        if project is not None:
            query = query.where(saved.c.project == project)
        if idents is not None:
            query = query.where(saved.c.ident.in_(sorted(idents)))
        return [_entry_of(row) for row in self._db.rows(query.order_by(saved.c.created, saved.c.ident))]

    def saved_entry(self, ident: str) -> saved_definitions.SavedEntry:
        return self._db.found_by(_find_entry, ident)

    def propose_saved(self, entry: saved_definitions.SavedEntry, events: Sequence[AuditEvent]) -> None:
        if entry.state is not saved_definitions.SavedState.IN_REVIEW or entry.is_cohort:
            raise Breach("Only a lookup that is waiting for a checker can be proposed.")
        with self._change(events) as connection:
            connection.execute(insert(saved).values(_values(entry)))

    def move_saved(
        self, ident: str, before: saved_definitions.SavedState, after: saved_definitions.SavedState,
        events: Sequence[AuditEvent], *, by: str | None = None, reason: str | None = None,
    ) -> None:  # fmt: skip
        if after not in saved_definitions.SAVED_TRANSITIONS[before]:
            raise Breach(f"A saved definition cannot go from {before} to {after}.")
        with self._change(events) as connection:
            entry = _find_entry(connection, ident)
            readable = after in saved_definitions.READABLE_STATES
            if readable:
                _replace_name(connection, entry)
            values: dict[str, object] = {"state": after, "readable_as": entry.name.casefold() if readable else None}
            values |= {"decided_by": by, "reason": reason} if by is not None else {}
            # Compare-and-set: if somebody else decided meanwhile, no row matches.
            moved = update(saved).where(saved.c.ident == ident, saved.c.state == before).values(values)
            with refused_as(_saved_meanwhile(entry)):
                changed = connection.execute(moved).rowcount
            if changed != 1:
                raise Conflict("stale", f"project.{entry.name} has moved on; nothing was changed.")


def _find_entry(connection: Connection, ident: str) -> saved_definitions.SavedEntry:
    return _entry_of(find_row(connection, saved, "saved definition", ident))
