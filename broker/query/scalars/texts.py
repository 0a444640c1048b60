"""Functions on text by dialect; T-SQL's search ignores case. No comparisons, no patterns, no numbers."""

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Literal, Scalar, Type
from broker.query.refusing import Stop, check_arguments
from broker.query.scalars.arithmetic import check_length
from broker.query.scalars.comparing import spellings_of

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

CHANGES: dict[type[exp.Expr], str] = {exp.Upper: "upper", exp.Lower: "lower"}
SIDES: dict[type[exp.Expr], str] = {exp.Left: "left", exp.Right: "right"}
TESTS: dict[type[exp.Expr], str] = {
    exp.StartsWith: "starts_with",
    exp.EndsWith: "ends_with",
    exp.Contains: "contains",
}
TRIMS = {"LEADING": "_left", "TRAILING": "_right", "": "", "BOTH": ""}


def text(m: "Meaning", node: exp.Expr, part: exp.Expr) -> Scalar:
    """A text argument; the cast to text that the parser puts around T-SQL's arguments is looked through, and a whole
    number below it is written out as T-SQL does."""
    is_cast = False
    while isinstance(part, exp.Cast) and part.args["to"].this is exp.DataType.Type.TEXT:
        check_arguments(part, frozenset({"this", "to"}))
        part, is_cast = part.this, True
    found = m.value(part)
    if is_cast and m.is_tsql and found.type.is_whole:
        return Call("to_text", (found,), Type.TEXT)
    if found.type is not Type.TEXT:
        raise Stop("type", "This function needs text.", "Use a variable that is text.", node)
    return found


def written(m: "Meaning", node: exp.Expr, part: exp.Expr, what: str, least: int = 1) -> str:
    """A text that is written out."""
    found = m.value(part)
    if not isinstance(found, Literal) or not isinstance(found.value, str) or len(found.value) < least:
        raise Stop("literal", f"{what} must be a written text.", "Write it between quotes.", node)
    return found.value


def count(m: "Meaning", part: exp.Expr, what: str, least: int = 0) -> Literal:
    found = m.whole(part, what)
    if found < least:
        raise Stop("literal", f"{what} must be at least {least}.", "Write a larger number.", part)
    return Literal(found, Type.INT)


def change(m: "Meaning", node: exp.Expr) -> Scalar:
    return Call(CHANGES[type(node)], (text(m, node, node.this),), Type.TEXT)


def trim(m: "Meaning", node: exp.Expr) -> Scalar:
    """T-SQL takes blanks only; DuckDB every kind of space."""
    name = "trim_blanks" if m.is_tsql else "trim"
    return Call(name + TRIMS[node.text("position").upper()], (text(m, node, node.this),), Type.TEXT)


def length(m: "Meaning", node: exp.Expr) -> Scalar:
    return Call("length_trimmed" if m.is_tsql else "length", (text(m, node, node.this),), Type.INT)


def side(m: "Meaning", node: exp.Expr) -> Scalar:
    size = count(m, node.expression, "The number of characters")
    return Call(SIDES[type(node)], (text(m, node, node.this), size), Type.TEXT)


def substring(m: "Meaning", node: exp.Expr) -> Scalar:
    value = text(m, node, node.this)
    if not node.args.get("start") or (m.is_tsql and not node.args.get("length")):
        raise Stop("literal", "SUBSTRING needs a start and a length.", "Write SUBSTRING(x, 1, 2).", node)
    start = count(m, node.args["start"], "The start", least=1)
    if not node.args.get("length"):
        return Call("substring_from", (value, start), Type.TEXT)
    return Call("substring", (value, start, count(m, node.args["length"], "The length")), Type.TEXT)


def stuff(m: "Meaning", node: exp.Expr) -> Scalar:
    """NULL where the start lies beyond the end, as in T-SQL."""
    value = text(m, node, node.this)
    start = count(m, node.args["start"], "The start", least=1).value
    gone = count(m, node.args["length"], "The length").value
    new = Literal(written(m, node, node.expression, "The new part", least=0), Type.TEXT)
    assert isinstance(start, int)
    assert isinstance(gone, int)
    places = Literal(start - 1, Type.INT), Literal(start + gone, Type.INT)
    result = Call("stuff", (value, *places, new), Type.TEXT)
    check_length(m, node, result)
    return result


def position(m: "Meaning", node: exp.Expr) -> Scalar:
    """CHARINDEX ignores case; DuckDB's strpos does not."""
    sought = Literal(written(m, node, node.args["substr"], "The text to look for"), Type.TEXT)
    op = "position_any_case" if m.is_tsql else "position"
    return Call(op, (text(m, node, node.this), sought), Type.INT)


def replace(m: "Meaning", node: exp.Expr) -> Scalar:
    """T-SQL's REPLACE ignores case: as it is where the sought text has none, or else by a pattern."""
    value = text(m, node, node.this)
    old = written(m, node, node.expression, "The text to look for")
    new = written(m, node, node.args["replacement"], "The new text", least=0)
    op, sought = "replace", old
    if m.is_tsql and not _has_one_case(m, value, old):
        if not (old.isascii() and "\\" not in new):
            message = "REPLACE of letters outside of ASCII depends on the server's collation."
            raise Stop("text-compare", message, "Use CASE WHEN.", node)
        op, sought = "replace_any_case", f"(?i){re.escape(old)}"
    result = Call(op, (value, Literal(sought, Type.TEXT), Literal(new, Type.TEXT)), Type.TEXT)
    check_length(m, node, result)
    return result


def _has_one_case(m: "Meaning", value: Scalar, old: str) -> bool:
    """Whether every spelling that can be found is the written one."""
    if old.isascii() and not any(c.isalpha() for c in old):
        return True
    listed = spellings_of(m.book, value)
    codes = list(listed.values()) if listed is not None else None
    return codes is not None and all(c.isascii() and c.lower().count(old.lower()) == c.count(old) for c in codes)


def concat(m: "Meaning", node: exp.Expr) -> Scalar:
    """||: NULL where a side is NULL."""
    result = Call("concat", (text(m, node, node.this), text(m, node, node.expression)), Type.TEXT)
    check_length(m, node, result)
    return result


def concat_all(m: "Meaning", node: exp.Expr) -> Scalar:
    """CONCAT takes NULL as the empty text."""
    parts = tuple(_joinable(m, node, p) for p in node.expressions)
    result = Call("concat_all", parts, Type.TEXT)
    check_length(m, node, result)
    return result


def concat_by(m: "Meaning", node: exp.Expr) -> Scalar:
    """CONCAT_WS leaves NULLs out, but not empty texts."""
    between = Literal(written(m, node, node.expressions[0], "The separator", least=0), Type.TEXT)
    parts = tuple(_joinable(m, node, p) for p in node.expressions[1:])
    if not parts:
        raise Stop("literal", "CONCAT_WS needs texts to join.", "Write CONCAT_WS(', ', x, y).", node)
    result = Call("concat_by", (between, *parts), Type.TEXT)
    check_length(m, node, result)
    return result


def _joinable(m: "Meaning", node: exp.Expr, part: exp.Expr) -> Scalar:
    found = m.value(part)
    if found.type.is_whole:
        return Call("to_text", (found,), Type.TEXT)
    if found.type not in {Type.TEXT, Type.NULL}:
        message = "Only text and whole numbers can be joined to text."
        raise Stop("type", message, "CAST a number AS int; write CONVERT(varchar(10), d, 120) for a date.", node)
    return found


def test(m: "Meaning", node: exp.Expr) -> Scalar:
    """DuckDB's starts_with, ends_with and contains, which are exact about case."""
    sought = Literal(written(m, node, node.expression, "The text to look for"), Type.TEXT)
    return Call(TESTS[type(node)], (text(m, node, node.this), sought), Type.TRUTH)
