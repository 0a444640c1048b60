"""Values of constant expressions over syntax trees: of variables, and of the conditions of IF and WHILE. No data."""

import re
from collections.abc import Callable
from decimal import Decimal

from sqlglot import exp

from broker.query.diagnostics import BindError
from broker.query.parser.column_types import WHOLE_NUMBER_RANGES

Constant = int | Decimal | str | bool | None
TableExists = Callable[[str], bool | None]
"""Whether a table exists, by its name as written; None if that is not known from the text."""
TEMPORARY = re.compile(r"(?:tempdb\.(?:dbo)?\.)?(?P<name>#[^.]+)\Z", re.IGNORECASE)


class NotConstant(Exception):
    """An expression has a value that the text does not determine."""


def constant_value(node: exp.Expr, exists: TableExists = lambda _: None) -> Constant:
    """Value of a constant expression, as T-SQL computes it. A condition is true, false or None. Raises NotConstant."""
    match node:
        case exp.Paren(this=inner):
            return constant_value(inner, exists)
        case exp.Literal(this=text):
            return text if node.is_string else _number(text)
        case exp.National(this=text):
            return str(text)
        case exp.Null():
            return None
        case exp.Neg(this=inner):
            return _arithmetic(exp.Sub, 0, constant_value(inner, exists))
        case exp.Not(this=inner):
            found = constant_value(inner, exists)
            return None if found is None else not found
        case exp.And(this=left, expression=right) | exp.Or(this=left, expression=right):
            return _connective(isinstance(node, exp.And), constant_value(left, exists), constant_value(right, exists))
        case exp.Is(this=inner, expression=exp.Null()):
            return constant_value(inner, exists) is None
        case exp.Between(this=inner):
            value, low, high = (constant_value(n, exists) for n in (inner, node.args["low"], node.args["high"]))
            return _connective(True, _compared(exp.LTE, low, value), _compared(exp.LTE, value, high))
        case exp.In(this=inner, expressions=items) if items:
            value = constant_value(inner, exists)
            equal = [_compared(exp.EQ, value, constant_value(i, exists)) for i in items]
            return True if True in equal else None if None in equal else False
        case exp.ObjectId(this=exp.Literal() | exp.National() as name):
            found = exists(str(name.this))
            if found is None:
                raise NotConstant
            return 1 if found else None
        case exp.Cast(this=inner, to=exp.DataType() as kind):
            return _cast(constant_value(inner, exists), kind)
        case exp.Left(this=inner, expression=size) | exp.Right(this=inner, expression=size):
            return _part(node, constant_value(inner, exists), constant_value(size, exists))
        case exp.Concat(expressions=parts):
            return "".join(_text(constant_value(p, exists)) for p in parts)
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div | exp.Mod):
        return _arithmetic(type(node), constant_value(node.this, exists), constant_value(node.expression, exists))
    if isinstance(node, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE):
        return _compared(type(node), constant_value(node.this, exists), constant_value(node.expression, exists))
    raise NotConstant


def condition_holds(node: exp.Expr, exists: TableExists) -> bool:
    """Whether a condition of IF or WHILE is true. Raises BindError if the text alone does not decide it."""
    try:
        return constant_value(node, exists) is True
    except (NotConstant, ArithmeticError):
        message = "This condition is not a constant, so which statements run would depend on the data."
        advice = "Compare variables that hold constants, or test OBJECT_ID('tempdb..#t')."
        raise BindError("condition", message, advice, node) from None


def whole_number(node: exp.Expr) -> exp.Expr:
    """The literal of an expression whose value is a whole number, so that a counter does not grow; else the node."""
    try:
        value = constant_value(node)
    except (NotConstant, ArithmeticError):
        return node
    if isinstance(value, bool) or not isinstance(value, int):
        return node
    literal = exp.Literal.number(abs(value))
    return exp.Neg(this=literal) if value < 0 else literal


def _number(text: str) -> int | Decimal:
    if text.isdigit():
        return int(text)
    if re.fullmatch(r"[0-9]*\.[0-9]*", text) and text != ".":
        return Decimal(text)
    raise NotConstant


def _connective(is_and: bool, left: Constant, right: Constant) -> bool | None:
    decided = not is_and
    if decided in (left, right):
        return decided
    return None if None in (left, right) else is_and


def _compared(kind: type[exp.Expr], left: Constant, right: Constant) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, str) != isinstance(right, str):  # T-SQL reads the text as a number
        left, right = (int(s) if isinstance(s, str) and s.strip().isdigit() else s for s in (left, right))
    if isinstance(left, str) and isinstance(right, str):
        one, other = left.rstrip(" ").casefold(), right.rstrip(" ").casefold()
        place = (one > other) - (one < other)
    elif isinstance(left, int | Decimal) and isinstance(right, int | Decimal):
        place = (left > right) - (left < right)
    else:
        raise NotConstant
    results: dict[type[exp.Expr], bool] = {
        exp.EQ: place == 0, exp.NEQ: place != 0, exp.LT: place < 0, exp.LTE: place <= 0, exp.GT: place > 0,
        exp.GTE: place >= 0,
    }  # fmt: skip
    return results[kind]


def _arithmetic(kind: type[exp.Expr], left: Constant, right: Constant) -> Constant:
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str) and kind is exp.Add:
        return left + right
    if not isinstance(left, int | Decimal) or not isinstance(right, int | Decimal):
        raise NotConstant
    if kind is exp.Add:
        return left + right
    if kind is exp.Sub:
        return left - right
    if kind is exp.Mul:
        return left * right
    if not right or not (isinstance(left, int) and isinstance(right, int)):
        raise NotConstant
    whole = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return whole if kind is exp.Div else left - right * whole


LENGTH_OF_CAST = 30
"""Characters of a CAST AS varchar without a length."""


def _cast(value: Constant, kind: exp.DataType) -> Constant:
    if value is None:
        return None
    if kind.this in {exp.DType.BIT, exp.DType.BOOLEAN} and isinstance(value, int):
        return int(value != 0)
    if kind.this in {exp.DType.VARCHAR, exp.DType.NVARCHAR, exp.DType.TEXT}:
        size = kind.expressions[0].name.casefold() if kind.expressions else str(LENGTH_OF_CAST)
        text = _text(value)
        if size == "max" or len(text) <= int(size):
            return text
        if isinstance(value, str):
            return text[: int(size)]
    if kind.this in WHOLE_NUMBER_RANGES:
        if isinstance(value, str) and not re.fullmatch(r" *-?[0-9]+ *", value):
            raise NotConstant
        least, most = WHOLE_NUMBER_RANGES[kind.this]
        if least <= int(value) <= most:
            return int(value)
    raise NotConstant


def _text(value: Constant) -> str:
    if isinstance(value, bool | Decimal):
        raise NotConstant
    return "" if value is None else str(value)


def _part(node: exp.Expr, value: Constant, size: Constant) -> Constant:
    if value is None or size is None:
        return None
    if not isinstance(value, str | int) or not isinstance(size, int) or size < 0:
        raise NotConstant
    text = _text(value)
    return text[:size] if isinstance(node, exp.Left) else text[len(text) - min(size, len(text)) :]
