"""Functions on text and dates. No comparisons, no numbers."""

from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Literal, Scalar, Type
from broker.query.refusing import Stop

if TYPE_CHECKING:
    from broker.query.meaning import Meaning

CHANGES: dict[type[exp.Expr], str] = {exp.Upper: "upper", exp.Lower: "lower", exp.Trim: "trim"}
SIDES: dict[type[exp.Expr], str] = {exp.Left: "left", exp.Right: "right"}
PARTS: dict[type[exp.Expr], str] = {exp.Year: "year", exp.Month: "month"}


def text(m: "Meaning", node: exp.Expr, part: exp.Expr) -> Scalar:
    """A text argument; the cast to text that the parser puts around T-SQL's arguments is looked through."""
    while isinstance(part, exp.Cast) and "line" not in part.meta and part.args["to"].this is exp.DataType.Type.TEXT:
        part = part.this
    found = m.value(part)
    if found.type is not Type.TEXT:
        raise Stop("type", "This function needs text.", "Use a variable that is text.", node)
    return found


def change(m: "Meaning", node: exp.Expr) -> Scalar:
    return Call(CHANGES[type(node)], (text(m, node, node.this),), Type.TEXT)


def length(m: "Meaning", node: exp.Expr) -> Scalar:
    return Call("length_trimmed" if m.is_tsql else "length", (text(m, node, node.this),), Type.INT)


def side(m: "Meaning", node: exp.Expr) -> Scalar:
    count = m.whole(node.expression, "The number of characters")
    return Call(SIDES[type(node)], (text(m, node, node.this), Literal(count, Type.INT)), Type.TEXT)


def substring(m: "Meaning", node: exp.Expr) -> Scalar:
    value = text(m, node, node.this)
    if not node.args.get("start") or not node.args.get("length"):
        raise Stop("literal", "SUBSTRING needs a start and a length.", "Write SUBSTRING(x, 1, 2).", node)
    start, count = m.whole(node.args["start"], "The start"), m.whole(node.args["length"], "The length")
    if start < 1:
        raise Stop("literal", "SUBSTRING starts at 1.", "Write SUBSTRING(x, 1, 2).", node)
    return Call("substring", (value, Literal(start, Type.INT), Literal(count, Type.INT)), Type.TEXT)


def concat(m: "Meaning", node: exp.Expr) -> Scalar:
    return Call("concat", (text(m, node, node.this), text(m, node, node.expression)), Type.TEXT)


def part_of_date(m: "Meaning", node: exp.Expr) -> Scalar:
    inner = node.this
    while isinstance(inner, exp.TsOrDsToDate | exp.TimeStrToTime):
        inner = inner.this
    found = m.value(inner)
    if found.type is not Type.DATE:
        raise Stop("type", "This function needs a date.", "Use a variable that is a date.", node)
    return Call(PARTS[type(node)], (found,), Type.INT)
