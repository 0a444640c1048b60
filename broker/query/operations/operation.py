"""An operation: its name, its DuckDB template and its fold in Python, which may return UNKNOWN."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any


class UnknownValue:
    """Result of a fold that cannot compute the value."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = UnknownValue()
Fold = Callable[[Sequence[Any]], Any]
CONTEXT = Context(prec=38, rounding=ROUND_HALF_UP)
ANY_NUMBER = 100_000
"""No limit to the number of arguments."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation. `template` has {0} {1} …, or, for many arguments, a separator between bars. `strict`: the result is
    NULL if an argument is."""

    name: str
    template: str
    fold: Fold
    strict: bool = True
    min_arguments: int = 1
    max_arguments: int = 1

    @property
    def gives_null(self) -> bool:
        """Whether the result can be NULL for arguments that are not NULL. Only these words of a template make NULL."""
        return any(word in self.template for word in ("nullif(", "TRY_CAST(", "CASE WHEN"))


def exact_number(value: Any) -> Any:
    """A value for exact arithmetic: whole numbers stay, binary fractions become decimals."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def unknown_fold(_: Sequence[Any]) -> Any:
    return UNKNOWN
