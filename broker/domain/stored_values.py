"""Values in stored JSON and back, exactly. No documents here."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from broker.domain.scalars import Value


def value_to_json(value: Value) -> Any:
    """Numbers that JSON would change, and dates, are written as one-entry objects."""
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case date():
            return {"date": value.isoformat()}
        case _:
            return value


def value_from_json(document: Any) -> Value:
    match document:
        case {"decimal": str(text)}:
            return Decimal(text)
        case {"date": str(text)}:
            return date.fromisoformat(text)
        case None | bool() | int() | float() | str():
            return document
        case _:
            raise ValueError("no value")


def values_to_json(values: Sequence[Value]) -> list[Any]:
    return [value_to_json(value) for value in values]


def values_from_json(document: Sequence[Any]) -> tuple[Value, ...]:
    return tuple(value_from_json(value) for value in document)
