"""An operation: its DuckDB template, its fold in Python, which may return UNKNOWN, and all facts about it."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import Enum, auto
from typing import Any

from broker.query.operations.result_sizes import Length, Magnitude, longest, of_first


class UnknownValue:
    """Result of a fold that cannot compute the value."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = UnknownValue()
Fold = Callable[[Sequence[Any]], Any]
CONTEXT = Context(prec=38, rounding=ROUND_HALF_UP)


class OperationKind(Enum):
    """What an operation does with its arguments, where analyses treat several operations alike."""

    COMPARISON = auto()
    """Tests its arguments against each other, or for NULL."""
    CHOICE = auto()
    """Gives one of its arguments or of two signs, after comparing them."""
    CAST = auto()
    """Gives the same number in another type."""
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation. No fact has a default, so each new operation must state it, or its family states it for all.
    `template` has {0} {1} …, or, for many arguments, a separator between bars."""

    name: str
    template: str
    fold: Fold
    _: KW_ONLY
    kind: OperationKind
    exact_fold: bool
    """The fold gives the engine's value digit by digit. If False, the engine gives a binary fraction where the fold
    gives a decimal, and the two must not be compared."""
    error_free: bool
    """It cannot fail on any value. (Exception: decimals of two widths, because casting them to one type may
    overflow.)"""
    has_argument_width: bool
    """The engine computes it on whole numbers in the width of the arguments, and not always in 64 bits."""
    values: tuple[int, int] | None
    """Least and greatest result, if these do not depend on the arguments."""
    magnitude: Magnitude
    length: Length
    arguments: int = 1
    or_more: bool = False
    """`arguments` is the least number of arguments."""
    strict: bool = True
    """The result is NULL if an argument is."""

    @property
    def gives_null(self) -> bool:
        """Whether the result can be NULL for arguments that are not NULL. Only these words of a template make NULL."""
        return any(word in self.template for word in ("nullif(", "TRY_CAST(", "TRY(", "CASE WHEN"))


def truth_operation(
    name: str, template: str, fold: Fold, arguments: int, *, kind: OperationKind, error_free: bool, strict: bool = True
) -> Operation:
    """An operation whose result is a truth value."""
    return Operation(
        *(name, template, fold), kind=kind, exact_fold=True, error_free=error_free, has_argument_width=False,
        values=None, magnitude=of_first, length=longest, arguments=arguments, strict=strict,
    )  # fmt: skip


def exact_number(value: Any) -> Any:
    """A value for exact arithmetic: whole numbers stay, binary fractions become decimals."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def unknown_fold(_: Sequence[Any]) -> Any:
    return UNKNOWN
