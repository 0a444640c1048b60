"""The grammar of released expressions: aggregate | ratio | difference | multiple by a constant | NULLIF, COALESCE,
ROUND, CASE and casts of these. Any other expression could pack several numbers into one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.domain.plans.plan import KEY_STATISTIC
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, column_ids
from broker.query.operations.registry import CASTS

WRAPPERS = CASTS | {"nullif", "coalesce", "round", "round_truncated", "truncate"}
CONSTANT = "constant"
KEYS = frozenset({KEY_STATISTIC, "public"})
"""Labels of columns that identify rows: keys, and columns of public tables. Public columns may also be divisors."""


def release_label(scalar: Scalar, labels: Mapping[int, str], definitions: Mapping[int, Scalar]) -> str | None:
    """Label of a released expression: `key`, the measure's name, `ratio`, `difference`, `rank`, `derived` or
    `constant`. None if the expression may not be released. `labels` are by id of aggregate and window columns,
    `definitions` by id of computed columns."""
    measures = _MeasureLabels(labels, definitions)
    if _over_keys(scalar, measures):  # keys are no figures
        return KEY_STATISTIC
    return _shape(scalar, measures)


@dataclass(frozen=True, slots=True)
class _MeasureLabels:
    labels: Mapping[int, str]
    definitions: Mapping[int, Scalar]


def _over_keys(scalar: Scalar, measures: _MeasureLabels) -> bool:
    """Whether an expression reads keys only, and at least one."""
    read = column_ids(scalar)
    return bool(read) and all(
        _over_keys(measures.definitions[i], measures) if i in measures.definitions else measures.labels.get(i) in KEYS
        for i in read
    )


def _shape(scalar: Scalar, measures: _MeasureLabels) -> str | None:
    match scalar:
        case Literal():
            return CONSTANT
        case ColumnRef(ident=ident) if ident in measures.definitions:
            return _shape(measures.definitions[ident], measures)
        case ColumnRef(ident=ident):
            found = measures.labels.get(ident)
            return None if found == KEY_STATISTIC else found
        case Case(values=values):
            return _choice(values, measures)
        case Call(op="negate", args=args):
            return _shape(args[0], measures)
        case Call(op=op, args=args) if op in WRAPPERS:
            # a further argument that is no constant would add a second figure
            rest = {_shape(a, measures) for a in args[1:]}
            return _shape(args[0], measures) if rest <= {CONSTANT} else None
        case Call(op=op, args=(left, right)):
            return _pair(op, _shape(left, measures), _shape(right, measures))
    return None


def _choice(values: Sequence[Scalar], measures: _MeasureLabels) -> str | None:
    """Label of a CASE over protected figures, whose branches may be constants, released expressions or keys."""
    shapes = [CONSTANT if _over_keys(v, measures) else _shape(v, measures) for v in values]
    figures = {s for s in shapes if s != CONSTANT}
    if None in figures:
        return None
    return figures.pop() if len(figures) == 1 else "derived"


def _pair(op: str, left: str | None, right: str | None) -> str | None:
    if left is None or right is None:
        return None
    if left == CONSTANT and right == CONSTANT:
        return CONSTANT
    if op == "multiply" and CONSTANT in (left, right):  # a multiple by a constant shows the same figure
        return left if right == CONSTANT else right
    if op in {"divide", "divide_truncated"} and right == CONSTANT:
        return left
    # a ratio of ratios would pack several figures into one
    simple = {left, right}.isdisjoint({CONSTANT, "ratio", "difference"})
    if op in {"divide", "divide_truncated"} and simple:
        return "ratio"
    return "difference" if op == "subtract" and simple else None
