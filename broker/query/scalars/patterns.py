"""LIKE by dialect: T-SQL's classes and escapes become one regular expression, which says exactly the same. No other
comparisons."""

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import Call, Literal, Scalar, Type
from broker.query.refusing import Stop, check_arguments

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

ONCE = "."
ANY = ".*"
TRAILING = " *"
"""Blanks at the end of the value are ignored, as T-SQL does for varchar."""


def like(m: "Meaning", node: exp.Expr) -> Scalar:
    return _like(m, node, None)


def escaped(m: "Meaning", node: exp.Expr) -> Scalar:
    """LIKE p ESCAPE '!': the parser puts the escape around the LIKE."""
    inner = node.this
    if not isinstance(inner, exp.Like | exp.ILike):
        raise Stop("like", "ESCAPE is understood after LIKE only.", "Write x LIKE '10!%' ESCAPE '!'.", node)
    check_arguments(inner, frozenset({"this", "expression", "negate"}))
    sign = m.value(node.expression)
    if not isinstance(sign, Literal) or not isinstance(sign.value, str) or len(sign.value) != 1:
        raise Stop("like", "ESCAPE takes one written character.", "Write ESCAPE '!'.", node)
    return _like(m, inner, sign.value)


def _like(m: "Meaning", node: exp.Expr, escape: str | None) -> Scalar:
    value, pattern = m.value(node.this), m.value(node.expression)
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str) or value.type is not Type.TEXT:
        raise Stop("like", "LIKE is understood for text and a written pattern.", "Write x LIKE 'AB%'.", node)
    found = _tsql(node, value, pattern.value, escape) if m.is_tsql else _duckdb(node, value, pattern.value, escape)
    return Call("not", (found,), Type.TRUTH) if node.args.get("negate") else found


def _duckdb(node: exp.Expr, value: Scalar, pattern: str, escape: str | None) -> Scalar:
    op = "ilike" if isinstance(node, exp.ILike) else "like"
    if escape is None:
        return Call(op, (value, Literal(pattern, Type.TEXT)), Type.TRUTH)
    if re.search(re.escape(escape) + r"(?![%_" + re.escape(escape) + "])", pattern.replace(escape * 2, "")):
        raise Stop("like", "The escape must stand before %, _ or itself.", "Write x LIKE '10!%' ESCAPE '!'.", node)
    texts = (Literal(pattern, Type.TEXT), Literal(escape, Type.TEXT))
    return Call(f"{op}_escaped", (value, *texts), Type.TRUTH)


def _tsql(node: exp.Expr, value: Scalar, pattern: str, escape: str | None) -> Scalar:
    if escape is None and "[" not in pattern and pattern.endswith("%"):
        return Call("like_any_case", (value, Literal(pattern, Type.TEXT)), Type.TRUTH)
    return Call("matches", (value, Literal(expression(node, pattern, escape), Type.TEXT)), Type.TRUTH)


def expression(node: exp.Expr, pattern: str, escape: str | None) -> str:
    """A T-SQL pattern as a regular expression for the whole value, whatever its case."""
    found, rest = [], pattern
    while rest:
        sign, rest = rest[0], rest[1:]
        if sign == escape:
            if not rest:
                _refuse(node, "The pattern ends in its escape character.")
            found.append(re.escape(rest[0]))
            rest = rest[1:]
        elif sign == "[":
            one, rest = _class(node, rest, escape)
            found.append(one)
        else:
            found.append({"%": ANY, "_": ONCE}.get(sign) or re.escape(sign))
    return "(?is)" + "".join(found) + TRAILING


def _class(node: exp.Expr, rest: str, escape: str | None) -> tuple[str, str]:
    """[abc], [a-c] or [^a-c]; ranges of ASCII letters or digits only, for others depend on the collation."""
    inside, closed, after = rest.partition("]")
    negated, signs = (inside[:1] == "^"), inside.removeprefix("^")
    if not closed or not signs or (escape is not None and escape in inside):
        _refuse(node, "This class of characters is not closed, is empty, or has an escape inside.")
    parts = []
    while signs:
        if len(signs) > 2 and signs[1] == "-":
            parts.append(_range(node, signs[0], signs[2]))
            signs = signs[3:]
        else:
            parts.append("\\" + signs[0] if signs[0] in "\\^-[]&~|" else signs[0])
            signs = signs[1:]
    return f"[{'^' if negated else ''}{''.join(parts)}]", after


def _range(node: exp.Expr, low: str, high: str) -> str:
    both = low + high
    alike = both.isascii() and (both.isdigit() or (both.isalpha() and low.isupper() == high.isupper()))
    if not alike or low > high:
        _refuse(node, "A range of characters is understood for digits, or for letters of one case.")
    return f"{low}-{high}"


def _refuse(node: exp.Expr, message: str) -> None:
    raise Stop("like", message, "List the codes with IN (…), or write LIKE '[A-C]%'.", node)
