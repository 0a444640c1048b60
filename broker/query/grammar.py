"""The grammar of released expressions: aggregate | ratio | difference | multiple by a constant | NULLIF, COALESCE,
ROUND and casts of these. Anything else packs several numbers into one."""

from collections.abc import Mapping

from broker.domain.plans import Measure
from broker.domain.scalars import Call, Column, Literal, Scalar

WRAPS = frozenset({"nullif", "coalesce", "round", "to_double", "to_decimal", "to_int", "truncate"})
CONSTANT = "constant"


def label(scalar: Scalar, measures: Mapping[int, Measure]) -> str | None:
    """What a released expression is: the measure's name, `ratio` or `difference`; None if it is not released."""
    found = _shape(scalar, measures)
    return None if found == CONSTANT else found


def _shape(scalar: Scalar, measures: Mapping[int, Measure]) -> str | None:
    match scalar:
        case Literal():
            return CONSTANT
        case Column(ident=ident):
            return str(measures[ident].value) if ident in measures else None
        case Call(op="negate", args=args):
            return _shape(args[0], measures)
        case Call(op=op, args=args) if op in WRAPS:
            rest = {_shape(a, measures) for a in args[1:]}
            return _shape(args[0], measures) if rest <= {CONSTANT} else None
        case Call(op=op, args=(left, right)):
            return _pair(op, _shape(left, measures), _shape(right, measures))
    return None


def _pair(op: str, left: str | None, right: str | None) -> str | None:
    if left is None or right is None:
        return None
    if left == CONSTANT and right == CONSTANT:
        return CONSTANT
    if op == "multiply" and CONSTANT in (left, right):
        return left if right == CONSTANT else right
    if op in {"divide", "divide_truncated"} and right == CONSTANT:
        return left
    simple = {left, right}.isdisjoint({CONSTANT, "ratio", "difference"})
    if op in {"divide", "divide_truncated"} and simple:
        return "ratio"
    return "difference" if op == "subtract" and simple else None
