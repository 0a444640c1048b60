"""The ways through a value: which conditions lead to each branch of it. Pure functions of scalars."""

from collections.abc import Iterator
from dataclasses import dataclass

from broker.domain.scalars import Call, Case, Literal, Scalar, Type

PICKS = frozenset({"greatest", "least"})


@dataclass(frozen=True, slots=True)
class Choice:
    """Conditions that lead to a branch: those that are met, and those before it that are not. `source` is what the text
    says of it."""

    met: tuple[Scalar, ...]
    failed: tuple[Scalar, ...]
    source: Scalar


def choices(scalar: Scalar, met: tuple[Scalar, ...] = (), failed: tuple[Scalar, ...] = ()) -> Iterator[Choice]:
    """Every branch inside a value, those within branches too."""
    match scalar:
        case Case(whens=whens, otherwise=otherwise):
            before = failed
            for condition, value in whens:
                yield Choice((*met, condition), before, condition)
                yield from choices(value, (*met, condition), before)
                before = (*before, condition)
            yield Choice(met, before, whens[0][0])
            yield from choices(otherwise, met, before)
        case Call(op=op, args=args):
            for condition in _decided(op, args):
                yield Choice((*met, condition), failed, scalar)
                yield Choice(met, (*failed, condition), scalar)
            for arg in args:
                yield from choices(arg, met, failed)


def _decided(op: str, args: tuple[Scalar, ...]) -> Iterator[Scalar]:
    """The conditions that an operation decides by without saying so."""
    if op == "coalesce":
        yield from (Call("is_null", (a,), Type.TRUTH) for a in args[:-1])
    elif op == "nullif" and not isinstance(args[1], Literal):
        yield Call("equal", args, Type.TRUTH)
    elif op in PICKS:
        yield from (Call("at_most", (args[0], a), Type.TRUTH) for a in args[1:] if not isinstance(a, Literal))
