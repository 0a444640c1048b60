"""Rows of tables as the domain's values, and back: a field is the column of its name, if nobody says otherwise."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Row, Table, func, select

from broker.domain.errors import Unknown

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
