"""Shared by all tables: one metadata that names every constraint, fixed words as a CHECK, times in UTC, triggers
with which the database itself enforces append-only tables, chains and the ledger's rules. A change needs
a migration."""

from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Connection, DateTime, Dialect, MetaData, Text, text
from sqlalchemy.types import TypeDecorator, TypeEngine

APPEND_ONLY = (
    "votes", "releases", "release_outputs", "recalls", "audit", "script_reads",
    "ledger_entries", "ledger_charges", "ledger_asides",
    "memory_lines", "memory_entries", "memory_figures", "memory_splits", "memory_swept",
)  # fmt: skip

CHAINS = (("ledger_entries", "ledger_head"), ("memory_lines", "memory_head"))
"""Tables of a signed log, each with that of its head (`broker.storage.signed_log_store`)."""

STAYS = ("ledger_accounts", "ledger_spends", *(head for _, head in CHAINS))
"""Tables whose rows can change, but not be removed."""

FALLS = "NEW.spent < OLD.spent OR NEW.spent_delta < OLD.spent_delta OR NEW.accounting <> OLD.accounting"

LEAPS = """NEW.job <> OLD.job OR NEW.project <> OLD.project OR NEW.snapshot <> OLD.snapshot
  OR NEW.question <> OLD.question OR NEW.costs <> OLD.costs
  OR (OLD.answer_hash IS NOT NULL AND (NEW.answer_hash IS NULL OR NEW.answer_hash <> OLD.answer_hash
    OR NEW.answer_place <> OLD.answer_place))
  OR (NEW.state <> OLD.state AND NOT (
    (OLD.state = 'reserved' AND NEW.state IN ('charged', 'refunded'))
    OR (OLD.state = 'charged' AND NEW.state IN ('released', 'withheld'))))"""

FOLLOWS = """NEW.previous <> (SELECT hash FROM {head})
  OR NEW.number <= (SELECT number FROM {head})
  OR (NEW.number <> (SELECT number + 1 FROM {head}) AND NEW.kind <> 'restored')"""

MOVES = """NEW.ident <> OLD.ident OR NEW.number <= OLD.number
  OR NOT EXISTS (SELECT 1 FROM {lines} e WHERE e.number = NEW.number AND e.hash = NEW.hash)"""

AUDIT_FOLLOWS = """NEW.number <> (SELECT number + 1 FROM audit_head)
  OR NEW.previous <> (SELECT hash FROM audit_head)"""

AUDIT_MOVES = """NEW.ident <> OLD.ident OR NEW.number <> OLD.number + 1
  OR NOT EXISTS (SELECT 1 FROM audit WHERE audit.number = NEW.number AND audit.hash = NEW.hash)"""

GUARDS = (
    ("audit_follows", "INSERT", "audit", AUDIT_FOLLOWS, "an audit line follows the head"),
    ("audit_head_moves", "UPDATE", "audit_head", AUDIT_MOVES, "the head moves to the next audit line"),
    ("ledger_accounts_kept", "UPDATE", "ledger_accounts", FALLS, "what is spent stays spent"),
    ("ledger_spends_kept", "UPDATE", "ledger_spends", LEAPS, "a spend moves on, and is never refunded after a read"),
    *((f"{lines}_kept", "INSERT", lines, FOLLOWS.format(head=head), "an entry follows the head")
      for lines, head in CHAINS),
    *((f"{head}_kept", "UPDATE", head, MOVES.format(lines=lines), "the head moves to the next entry")
      for lines, head in CHAINS),
)  # fmt: skip
"""(trigger, operation, table, condition for refusing it, reason)."""

NOT_TWICE = {
    "ledger_accounts": "unit = NEW.unit AND project = NEW.project AND dataset = NEW.dataset",
    "ledger_spends": "job = NEW.job",
    "ledger_asides": "kind = NEW.kind AND source = NEW.source AND dataset = NEW.dataset",
    "ledger_charges": "job = NEW.job AND unit = NEW.unit AND project = NEW.project AND dataset = NEW.dataset",
    "memory_entries": "number = NEW.number OR file = NEW.file",
    "memory_figures": "number = NEW.number",
    "memory_splits": "number = NEW.number AND snapshot = NEW.snapshot AND population = NEW.population",
    **{head: "ident = NEW.ident" for _, head in CHAINS},
}
"""On SQLite, REPLACE deletes a row without firing delete triggers. So an insert that would replace a row is refused."""


def trigger_statements(dialect: str) -> list[str]:
    """Statements that make every trigger of a new store."""
    return list(_of_sqlite() if dialect == "sqlite" else _of_postgresql())


def _of_sqlite() -> chain[str]:
    def refused(trigger: str, verb: str, table: str, reason: str, when: str = "") -> str:
        return f"CREATE TRIGGER {trigger} BEFORE {verb} ON {table}{when} BEGIN SELECT RAISE(ABORT, '{reason}'); END"

    return chain(
        (
            refused(f"{table}_no_{verb}", verb, table, f"{table} is append-only")
            for table in APPEND_ONLY
            for verb in ("UPDATE", "DELETE")
        ),
        (refused(name, verb, table, reason, f" WHEN {when}") for name, verb, table, when, reason in GUARDS),
        (refused(f"{table}_stays", "DELETE", table, f"{table} stays") for table in STAYS),
        (
            refused(
                f"{table}_not_twice",
                "INSERT",
                table,
                f"UNIQUE constraint failed: {table}",
                f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",  # noqa: S608 - no input
            )
            for table, same in NOT_TWICE.items()
        ),
        [
            refused("audit_head_one", "INSERT", "audit_head", "there is one audit head"),
            refused("audit_head_no_DELETE", "DELETE", "audit_head", "audit_head is append-only"),
        ],
    )


def _of_postgresql() -> chain[str]:
    def function(name: str, body: str) -> str:
        return f"CREATE FUNCTION broker_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"

    def trigger(name: str, verb: str, table: str, called: str = "append_only", each: str = "ROW") -> str:
        return f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH {each} EXECUTE FUNCTION broker_{called}()"

    return chain(
        [function("append_only", "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;")],
        (trigger(f"{table}_append_only", "UPDATE OR DELETE", table) for table in APPEND_ONLY),
        (
            function(name, f"IF {when} THEN RAISE EXCEPTION '{reason}'; END IF; RETURN NEW;")
            for name, _, _, when, reason in GUARDS
        ),
        (trigger(name, verb, table, called=name) for name, verb, table, _, _ in GUARDS),
        (trigger(f"{table}_stays", "DELETE", table) for table in (*STAYS, "audit_head")),
        (
            trigger(f"{table}_no_truncate", "TRUNCATE", table, each="STATEMENT")
            for table in (*APPEND_ONLY, *STAYS, "audit_head")
        ),
    )


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Word(TypeDecorator[StrEnum]):
    """A word of a closed set: stored as text, read as its member."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


def words(column: str, of: type[StrEnum], **more: Any) -> tuple[Column[StrEnum], CheckConstraint]:
    """Return a column that holds a word of a closed set, with its CHECK."""
    listed = ", ".join(f"'{w}'" for w in of)
    return Column(column, Word(of), **more), CheckConstraint(f"{column} IN ({listed})", name=column)


def columns(kind: type[TypeEngine[Any]], *names: str, **more: Any) -> tuple[Column[Any], ...]:
    """Return columns of one type, next to each other in their table."""
    return tuple(Column(name, kind, **more) for name in names)


class JsonTuple(TypeDecorator[tuple[Any, ...]]):
    """A list in JSON, read as a tuple, and so are the lists in it."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: list[Any] | None, dialect: Dialect) -> tuple[Any, ...] | None:
        return None if value is None else _as_tuple(value)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


class UtcTime(TypeDecorator[datetime]):
    """A time: with a time zone when stored, in UTC when read, on both databases. Raises ValueError without a time
    zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        utc = value.astimezone(UTC)
        # SQLite stores text of fixed width without a zone, so that text order is time order.
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


HEADS = ("audit_head", *(head for _, head in CHAINS))


def create_schema(connection: Connection) -> None:
    """Make every table, head and trigger of an empty database."""
    metadata.create_all(connection)
    for head in HEADS:
        connection.execute(metadata.tables[head].insert(), {"ident": 1, "number": 0, "hash": "0" * 64})
    # Triggers last: they refuse a second head.
    for statement in trigger_statements(connection.dialect.name):
        connection.execute(text(statement))
