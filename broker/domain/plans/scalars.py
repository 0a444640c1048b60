"""Scalar expressions of a plan, as a closed, frozen, typed tree that defines exactly what is computed; and values as
stored JSON."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

Value = int | float | Decimal | str | date | bool | None

MISSING_LABEL = "(missing)"
"""Name of the category of missing values in a released table."""


class ScalarType(StrEnum):
    """Types of scalar values. FLAG is a small integer that is 0 or 1; TRUTH has the three values of a predicate."""

    INT = "int"
    FLAG = "flag"
    DECIMAL = "decimal"
    DOUBLE = "double"
    TEXT = "text"
    DATE = "date"
    TRUTH = "truth"
    NULL = "null"

    @property
    def is_number(self) -> bool:
        return self in {ScalarType.INT, ScalarType.FLAG, ScalarType.DECIMAL, ScalarType.DOUBLE}

    @property
    def is_whole(self) -> bool:
        return self in {ScalarType.INT, ScalarType.FLAG}


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """A column of the relation below, by its globally unique id in the plan."""

    ident: int
    type: ScalarType


@dataclass(frozen=True, slots=True)
class Literal:
    value: Value
    type: ScalarType


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the closed list, applied to arguments."""

    op: str
    args: "tuple[Scalar, ...]"
    type: ScalarType


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first `when` whose condition is true; `otherwise` if none is."""

    whens: "tuple[tuple[Scalar, Scalar], ...]"
    otherwise: "Scalar"
    type: ScalarType

    @property
    def values(self) -> "tuple[Scalar, ...]":
        """Every value that it can give."""
        return (*(v for _, v in self.whens), self.otherwise)

    def with_values(self, change: "Callable[[Scalar], Scalar]", kind: ScalarType) -> "Case":
        """A CASE with the same conditions and other values."""
        return Case(tuple((c, change(v)) for c, v in self.whens), change(self.otherwise), kind)


Scalar = ColumnRef | Literal | Call | Case

NULL = Literal(None, ScalarType.NULL)


def truth_call(op: str, *args: "Scalar") -> Call:
    """A condition: a call whose result is true, false or unknown."""
    return Call(op, args, ScalarType.TRUTH)


def integer(value: int) -> Literal:
    """A written whole number."""
    return Literal(value, ScalarType.INT)


MOST_DIGITS = 38
"""Digits of the engine's widest decimal."""


def as_decimal(value: Scalar, digits: int, places: int) -> Call:
    """A number as a decimal with so many digits, of which so many after the point."""
    return Call("to_decimal", (value, integer(digits), integer(places)), ScalarType.DECIMAL)


def same_person(one: int, other: int) -> Call:
    """Condition that two columns have the same person number."""
    return truth_call("equal", ColumnRef(one, ScalarType.INT), ColumnRef(other, ScalarType.INT))


def any_of(conditions: Iterable[Scalar]) -> Scalar:
    """Condition that at least one of several conditions is true."""
    return _connected("or", tuple(conditions))


def all_of(conditions: Iterable[Scalar]) -> Scalar:
    """Condition that all of several conditions are true."""
    return _connected("and", tuple(conditions))


def _connected(op: str, conditions: tuple[Scalar, ...]) -> Scalar:
    return conditions[0] if len(conditions) == 1 else truth_call(op, *conditions)


def conjuncts_of(condition: Scalar | None) -> tuple[Scalar, ...]:
    """Parts of a conjunction; none without a condition."""
    if condition is None:
        return ()
    if isinstance(condition, Call) and condition.op == "and":
        return tuple(c for a in condition.args for c in conjuncts_of(a))
    return (condition,)


def parts_of(scalar: Scalar) -> tuple[Scalar, ...]:
    """The scalars directly inside one, left to right; of a CASE its conditions and values."""
    match scalar:
        case Call(args=args):
            return args
        case Case(whens=whens, otherwise=otherwise):
            return (*(part for pair in whens for part in pair), otherwise)
    return ()


def with_parts(scalar: Scalar, change: Callable[[Scalar], Scalar]) -> Scalar:
    """The scalar with each scalar directly inside it changed."""
    match scalar:
        case Call(op=op, args=args, type=kind):
            return Call(op, tuple(map(change, args)), kind)
        case Case(whens=whens, otherwise=otherwise, type=kind):
            return Case(tuple((change(c), change(v)) for c, v in whens), change(otherwise), kind)
    return scalar


def columns_in(scalar: Scalar) -> Iterator[ColumnRef]:
    """Every column that a scalar reads, as many times as it reads it."""
    scalars = [scalar]
    while scalars:
        part = scalars.pop()
        if isinstance(part, ColumnRef):
            yield part
        scalars.extend(reversed(parts_of(part)))


def column_ids(scalar: Scalar) -> frozenset[int]:
    """Ids of all columns that a scalar reads."""
    return frozenset(c.ident for c in columns_in(scalar))


def scalar_text(scalar: Scalar) -> str:
    """Canonical text of a scalar: equal trees give equal text, different trees different text."""
    match scalar:
        case ColumnRef(ident=ident, type=kind):
            return f"${ident}:{kind}"
        case Literal(value=value, type=kind):
            return f"{value!r}:{kind}"
        case Call(op=op, args=args, type=kind):
            return f"{op}({', '.join(scalar_text(a) for a in args)}):{kind}"
        case Case(whens=whens, otherwise=otherwise, type=kind):
            arms = " ".join(f"when {scalar_text(c)} then {scalar_text(v)}" for c, v in whens)
            return f"case({arms} else {scalar_text(otherwise)}):{kind}"


def value_to_json(value: Value) -> Any:
    """A value as JSON. Dates, and numbers that JSON would change, become objects with one entry."""
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
