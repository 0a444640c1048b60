"""What an operation is, and how a fold says that it does not know. No table: each kind of value has its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any


class Unknown:
    """The answer of a fold that does not know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
Fold = Callable[[Sequence[Any]], Any]
CONTEXT = Context(prec=38, rounding=ROUND_HALF_UP)
MANY = 100_000
"""No limit to the number of arguments."""


@dataclass(frozen=True, slots=True)
class Operation:
    """`template` has {0} {1} … or, for many arguments, a joining word between bars. `strict`: NULL in, NULL out."""

    name: str
    template: str
    fold: Fold
    strict: bool = True
    least: int = 1
    most: int = 1


def number(value: Any) -> Any:
    """A value for exact arithmetic: whole numbers stay, fractions become decimals."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def unknown(_: Sequence[Any]) -> Any:
    return UNKNOWN
