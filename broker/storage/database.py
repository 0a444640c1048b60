"""Opens one database, SQLite or PostgreSQL, and begins transactions; maps rows to the domain's values and back, by the
names of columns. Knows no table.

SQLite is set to what the store promises: WAL, synchronous FULL, foreign keys on. Every writing transaction is
IMMEDIATE, so that two writers wait for each other instead of failing half-way.
"""

import glob
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Column, Connection, Engine, Row, Select, Table, create_engine, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError

from broker.domain.errors import Invalid, Unavailable, Unknown

Given = ParamSpec("Given")
Found = TypeVar("Found")

BUSY_SECONDS = 30
PRIVATE = 0o600


class Database:
    """Gives out connections inside a transaction; commits at the end, rolls back on any error."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._writing = self.engine.execution_options(begin="BEGIN IMMEDIATE")
        # SQLite answers one query from one state of the database anyway.
        self._one_query = self.engine.execution_options(begin="")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent read. Raises Unavailable if the database does not answer."""
        with _unavailable_on_failure(), self.engine.begin() as connection:
            yield connection

    def rows(self, query: Select[Any]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Read all rows of one query."""
        with self._read_once() as connection:
            return connection.execute(query).all()

    def row(self, query: Select[Any]) -> Row[Any] | None:
        """Read the row of a query that finds at most one."""
        with self._read_once() as connection:
            return connection.execute(query).one_or_none()

    def values(self, query: Select[Any]) -> Sequence[Any]:
        """Read the first column of one query."""
        with self._read_once() as connection:
            return connection.execute(query).scalars().all()

    @contextmanager
    def _read_once(self) -> Iterator[Connection]:
        """A read of one query."""
        with _unavailable_on_failure(), self._one_query.begin() as connection:
            yield connection

    def found_by(
        self, find: Callable[Concatenate[Connection, Given], Found], *given: Given.args, **named: Given.kwargs
    ) -> Found:
        """Return what a function finds in one consistent read."""
        with self.read() as connection:
            return find(connection, *given, **named)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One change, whole or not at all. Raises Unavailable if the database does not answer."""
        with _unavailable_on_failure(), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _unavailable_on_failure() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unavailable("The database does not answer.") from error


@contextmanager
def refused_as(error: Exception) -> Iterator[None]:
    """Raises this error if the database's constraints refuse a change."""
    try:
        yield
    except IntegrityError as refused:
        raise error from refused


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Invalid("database-url", "The database's URL cannot be read.", "database") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if backend != "sqlite":
        raise Invalid("database-url", f"There is no store on {backend!r}: use sqlite or postgresql.", "database")
    if parsed.database in (None, "", ":memory:"):
        raise Invalid("database-url", "A store on SQLite needs a file: sqlite:////folder/broker.db", "database")
    _make_private(Path(parsed.database))
    # No isolation level: `_begin_sqlite` begins every transaction itself.
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS, "isolation_level": None})
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(file: Path) -> None:
    """Let only the broker's own account read the database file, whatever the umask: it has messages and hashes of
    tokens and passwords. SQLite gives its other files the same mode."""
    with suppress(OSError):  # it exists, and must not be opened: closing it would release SQLite's locks
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    for path in file.parent.glob(f"{glob.escape(file.name)}*"):
        # It belongs to another account, or another process has just removed it: a journal ends with its transaction.
        with suppress(PermissionError, FileNotFoundError):
            path.chmod(PRIVATE)


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("foreign_keys = ON", "synchronous = FULL", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    statement = connection.get_execution_options().get("begin", "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)


Value = TypeVar("Value")


def value_of(make: Callable[..., Value], row: Row[Any], **other: object) -> Value:
    """Return a dataclass with the row's columns as its fields. `other`: fields that no column holds as they are."""
    kind: Any = make
    stored = {f.name: row._mapping[f.name] for f in fields(kind) if f.name not in other}
    return make(**stored, **other)


def columns_of(table: Table, value: Any, **other: object) -> dict[str, object]:
    """Return the row of a dataclass: its fields that the table has as columns, and `other` columns."""
    stored = {f.name: getattr(value, f.name) for f in fields(value) if f.name in table.c and f.name not in other}
    return stored | other


def pick(value: object, *names: str) -> dict[str, Any]:
    """Return some fields of a value: those that a new row has, where later moves set the others."""
    return {name: getattr(value, name) for name in names}


def find_row(connection: Connection, table: Table, what: str, key: object, *, lock: bool = False) -> Row[Any]:
    """Return the row with this primary key, locked until the transaction ends if `lock`. Raises Unknown if there is
    none; `what` is the word for it."""
    (column,) = table.primary_key
    query = select(table).where(column == key)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Unknown(what, str(key))
    return row


def next_number(connection: Connection, numbers: Column[int]) -> int:
    """Return the number after the largest, from 1. The column is unique, so a second writer with the same one fails."""
    return (connection.execute(select(func.max(numbers))).scalar() or 0) + 1
