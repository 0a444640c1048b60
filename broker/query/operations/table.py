"""The one closed list of operations: name, DuckDB text, and the same meaning in Python. No dialects, no names.

An operation that is not in this table cannot be planned, folded or rendered. `fold` gets the arguments' values
and must agree with `template` on every one of them; where it cannot, it answers UNKNOWN, which is always safe.
"""

from collections.abc import Callable, Sequence
from typing import Any

from broker.domain.scalars import Value
from broker.query.operations import on_dates, on_numbers, on_texts
from broker.query.operations.folding import CONTEXT as CONTEXT
from broker.query.operations.folding import MANY, Fold, Operation, number
from broker.query.operations.folding import UNKNOWN as UNKNOWN
from broker.query.operations.folding import Unknown as Unknown
from broker.query.operations.folding import unknown as unknown


def _ordered(test: Callable[[Any, Any], bool]) -> Fold:
    def fold(v: Sequence[Any]) -> Any:
        if isinstance(v[0], str) and not (v[0].isascii() and v[1].isascii()):
            return UNKNOWN
        return test(number(v[0]), number(v[1]))

    return fold


def _coalesce(v: Sequence[Any]) -> Any:
    return next((x for x in v if x is not None), None)


def _of_those_there(pick: Callable[..., Any]) -> Fold:
    """The greatest or least of the arguments that are not NULL."""
    return lambda v: pick((number(x) for x in v if x is not None), default=None)


def _same(v: Sequence[Any]) -> Any:
    return (v[0] is None) == (v[1] is None) and (v[0] is None or number(v[0]) == number(v[1]))


_TABLE = (
    Operation("equal", "({0} = {1})", lambda v: number(v[0]) == number(v[1]), most=2, least=2),
    Operation("same", "({0} IS NOT DISTINCT FROM {1})", _same, strict=False, most=2, least=2),
    Operation("less", "({0} < {1})", _ordered(lambda a, b: a < b), most=2, least=2),
    Operation("at_most", "({0} <= {1})", _ordered(lambda a, b: a <= b), most=2, least=2),
    Operation("is_null", "({0} IS NULL)", lambda v: v[0] is None, strict=False),
    Operation("and", "| AND |", unknown, strict=False, least=2, most=MANY),
    Operation("or", "| OR |", unknown, strict=False, least=2, most=MANY),
    Operation("not", "(NOT {0})", lambda v: not v[0]),
    Operation("coalesce", "coalesce|, |", _coalesce, strict=False, least=2, most=MANY),
    Operation("nullif", "nullif({0}, {1})", lambda v: None if v[0] == v[1] else v[0], strict=False, least=2, most=2),
    Operation("greatest", "greatest|, |", _of_those_there(max), strict=False, most=MANY),
    Operation("least", "least|, |", _of_those_there(min), strict=False, most=MANY),
    Operation("total", "TRY({0})", unknown),
    *on_numbers.TABLE,
    *on_texts.TABLE,
    *on_dates.TABLE,
)
OPERATIONS: dict[str, Operation] = {o.name: o for o in _TABLE}
WITHOUT_FOLD = frozenset(o.name for o in _TABLE if o.fold is unknown) - {"and", "or"}
"""Operations that only the engine computes; the connectives are folded by themselves."""


def apply(op: str, values: Sequence[Value]) -> Any:
    """The operation's value on known arguments; UNKNOWN where Python and the engine could differ."""
    operation = OPERATIONS[op]
    if operation.strict and any(v is None for v in values):
        return None
    try:
        return operation.fold(values)
    except (TypeError, ArithmeticError, ValueError, AttributeError):
        return UNKNOWN


def text_for(op: str, args: Sequence[str]) -> str:
    """The operation's DuckDB text over already rendered arguments."""
    operation = OPERATIONS[op]
    if not operation.least <= len(args) <= operation.most:
        raise ValueError(f"{op} takes {operation.least} to {operation.most} arguments, not {len(args)}")
    if operation.most < MANY:
        return operation.template.format(*args)
    head, _, rest = operation.template.partition("|")
    return f"{head}({rest.removesuffix('|').join(args)})"
