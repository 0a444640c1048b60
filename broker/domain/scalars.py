"""Scalar expressions of a plan: a closed, frozen, typed tree that says exactly what is computed.

Whatever a dialect means by `/` or AVG is settled when this tree is built (`divide` and `divide_truncated`
are two operations), so a plan has no dialect and every engine computes the same. Only operations that
`broker.query` knows can appear: the tree is the allow-list.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

Value = int | float | Decimal | str | date | bool | None

MISSING = "(missing)"
"""How a released table names the category of those whose value is missing."""


class Type(StrEnum):
    """Types of scalar values. FLAG is a small integer that is 0 or 1; TRUTH is a predicate's three values."""

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
        return self in {Type.INT, Type.FLAG, Type.DECIMAL, Type.DOUBLE}

    @property
    def is_whole(self) -> bool:
        return self in {Type.INT, Type.FLAG}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the relation below, by its globally unique id in the plan."""

    ident: int
    type: Type


@dataclass(frozen=True, slots=True)
class Literal:
    value: Value
    type: Type


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the closed list applied to arguments."""

    op: str
    args: "tuple[Scalar, ...]"
    type: Type


@dataclass(frozen=True, slots=True)
class Case:
    """The first `when` whose condition is true gives the value; none gives `otherwise`."""

    whens: "tuple[tuple[Scalar, Scalar], ...]"
    otherwise: "Scalar"
    type: Type


Scalar = Column | Literal | Call | Case

NULL = Literal(None, Type.NULL)


def columns_in(scalar: Scalar) -> Iterator[Column]:
    """Every column that a scalar reads, as often as it does."""
    match scalar:
        case Column():
            yield scalar
        case Call(args=args):
            for arg in args:
                yield from columns_in(arg)
        case Case(whens=whens, otherwise=otherwise):
            for part in (*(s for pair in whens for s in pair), otherwise):
                yield from columns_in(part)


def columns_of(scalar: Scalar) -> frozenset[int]:
    """The ids of every column that a scalar reads."""
    return frozenset(c.ident for c in columns_in(scalar))


def text_of(scalar: Scalar) -> str:
    """Canonical text of a scalar: equal trees print alike, different trees differently."""
    match scalar:
        case Column(ident=ident, type=kind):
            return f"${ident}:{kind}"
        case Literal(value=value, type=kind):
            return f"{value!r}:{kind}"
        case Call(op=op, args=args, type=kind):
            return f"{op}({', '.join(text_of(a) for a in args)}):{kind}"
        case Case(whens=whens, otherwise=otherwise, type=kind):
            arms = " ".join(f"when {text_of(c)} then {text_of(v)}" for c, v in whens)
            return f"case({arms} else {text_of(otherwise)}):{kind}"
