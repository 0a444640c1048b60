"""Comparisons and predicates: three-valued, with T-SQL's text rules where T-SQL is written. No arithmetic."""

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from broker.domain.scalars import NULL, Call, Column, Literal, Scalar, Type, Value, columns_of
from broker.query.book import Book, Origin
from broker.query.operations.fold import ONLY_NULL, possible
from broker.query.refusing import Stop
from broker.query.scalars import dates
from broker.query.scalars.arithmetic import settled

if TYPE_CHECKING:
    from broker.query.scalars.meaning import Meaning

ORDER_OP: dict[type[exp.Expr], tuple[str, bool]] = {
    exp.LT: ("less", False),
    exp.LTE: ("at_most", False),
    exp.GT: ("less", True),
    exp.GTE: ("at_most", True),
}
DIGITS = frozenset("0123456789/-")
WHOLE = re.compile(r" *-?[0-9]{1,18} *\Z")


def truth(op: str, *args: Scalar) -> Scalar:
    return Call(op, args, Type.TRUTH)


def spellings_of(book: Book, scalar: Scalar) -> dict[str, str] | None:
    """The values that a text can have, by their folded form, through set operations and a person's own aggregates."""
    if isinstance(scalar, Literal):
        return {scalar.value.casefold(): scalar.value} if isinstance(scalar.value, str) else None
    opaque = book.opaque.get(scalar.ident) if isinstance(scalar, Column) else None
    if opaque is None:
        return spellings(book.origin(scalar))
    found: dict[str, str] = {}
    for part in opaque.parts or ((opaque.like,) if opaque.like is not None else ()):
        listed = spellings_of(book, part)
        if listed is None or any(found.get(folded, code) != code for folded, code in listed.items()):
            return None
        found |= listed
    return found or None


def spellings(origin: Origin | None) -> dict[str, str] | None:
    """The values that a text variable can have, by their folded form; None where there is no list."""
    if origin is None or origin.variable.type is not Type.TEXT:
        return None
    if origin.is_year and origin.table.year is not None:
        axis = origin.table.year
        return {str(axis.format.write(y)): str(axis.format.write(y)) for y in axis.years}
    codes = origin.variable.codes
    return None if codes is None else {c.casefold(): c for c in codes}


def is_exact(m: "Meaning", left: Scalar, right: Scalar) -> bool:
    """Whether binary equality of two texts is what the dialect means."""
    if not m.is_tsql:
        return True
    if isinstance(left, Literal) and isinstance(right, Literal):
        return False
    listed = [spellings_of(m.book, s) for s in (left, right) if not isinstance(s, Literal)]
    if any(one is None for one in listed):
        return False
    first, last = listed[0] or {}, listed[-1] or {}
    return all(first[code] == last[code] for code in first.keys() & last.keys())


def alike(m: "Meaning", left: Scalar, right: Scalar, node: exp.Expr) -> tuple[Scalar, Scalar]:
    """Both sides in types that can be compared: literals take the type, and the spelling, of the other side."""
    left, right = fit(m, settled(m, left), right, node), fit(m, settled(m, right), left, node)
    kinds = {left.type, right.type} - {Type.NULL}
    if len(kinds) <= 1 or all(k.is_number for k in kinds):
        return left, right
    names = " and ".join(sorted(k.value for k in kinds))
    raise Stop(
        "type", f"The two sides are of different types ({names}).", "Write the literal in the variable's type.", node
    )


def fit(m: "Meaning", literal: Scalar, other: Scalar, node: exp.Expr) -> Scalar:
    """A literal as the other side's type has it; everything else as it is."""
    if not isinstance(literal, Literal):
        return literal
    value = literal.value
    if isinstance(value, bool) and other.type.is_number:
        return Literal(int(value), Type.INT)
    if not isinstance(value, str):
        return literal
    if other.type.is_number and WHOLE.match(value):
        return Literal(int(value), Type.INT)
    if other.type is Type.DATE:
        return dates.literal(m, node, value)
    listed = spellings_of(m.book, other) if m.is_tsql else None
    return literal if listed is None else Literal(listed.get(value.rstrip(" ").casefold(), value), Type.TEXT)


def equal_node(m: "Meaning", node: exp.Expr) -> Scalar:
    return equal(m, node.this, node.expression)


def unequal_node(m: "Meaning", node: exp.Expr) -> Scalar:
    return truth("not", equal(m, node.this, node.expression))


def equal(m: "Meaning", left_node: exp.Expr, right_node: exp.Expr) -> Scalar:
    return equal_scalars(m, m.value(left_node), m.value(right_node), left_node)


def equal_scalars(m: "Meaning", left: Scalar, right: Scalar, node: exp.Expr) -> Scalar:
    left, right = alike(m, left, right, node)
    if Type.TEXT in (left.type, right.type) and not is_exact(m, left, right):
        return truth("equal_text", left, right)
    return truth("equal", left, right)


def same_node(m: "Meaning", node: exp.Expr) -> Scalar:
    """IS NOT DISTINCT FROM: two NULLs are the same."""
    return _same(m, node)


def distinct_node(m: "Meaning", node: exp.Expr) -> Scalar:
    return truth("not", _same(m, node))


def _same(m: "Meaning", node: exp.Expr) -> Scalar:
    left, right = alike(m, m.value(node.this), m.value(node.expression), node)
    if Type.TEXT in (left.type, right.type) and not is_exact(m, left, right):
        left, right = (_folded(side) for side in (left, right))
    return truth("same", left, right)


def _folded(side: Scalar) -> Scalar:
    if side == NULL:
        return side
    return Call("lower", (Call("trim_blanks_right", (side,), Type.TEXT),), Type.TEXT)


def ordered_node(m: "Meaning", node: exp.Expr) -> Scalar:
    op, swapped = ORDER_OP[type(node)]
    return ordered(m, op, swapped, m.value(node.this), m.value(node.expression), node)


def ordered(m: "Meaning", op: str, swapped: bool, left: Scalar, right: Scalar, node: exp.Expr) -> Scalar:
    left, right = alike(m, left, right, node)
    if Type.TEXT in (left.type, right.type) and m.is_tsql and not _plain_order(m, left, right):
        message = "The order of text depends on the server's collation."
        raise Stop("text-order", message, "List the codes with IN (…).", node)
    return truth(op, right, left) if swapped else truth(op, left, right)


def _plain_order(m: "Meaning", *sides: Scalar) -> bool:
    """Digits, strokes and dashes are ordered alike by every collation: whether both sides have no other values."""
    for side in sides:
        known: dict[int, frozenset[Value]] = {}
        for ident in columns_of(side):
            listed = spellings_of(m.book, Column(ident, Type.TEXT))
            if not listed:
                return False
            known[ident] = frozenset(listed.values()) | ONLY_NULL
        found = possible(side, known, {})
        texts = None if found is None else found - ONLY_NULL
        if not texts or not all(isinstance(t, str) and DIGITS.issuperset(t) for t in texts):
            return False
    return True


def connective(m: "Meaning", node: exp.Expr) -> Scalar:
    """A chain of one connective, flat, without recursion along the chain."""
    parts = flatten(node, type(node))
    return truth("and" if isinstance(node, exp.And) else "or", *(m.predicate(p) for p in parts))


def flatten(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """The parts of a chain of ANDs or ORs, from left to right; brackets are looked through."""
    found: list[exp.Expr] = []
    stack = [node]
    while stack:
        part = stack.pop()
        inner = part
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, kind):
            stack += [inner.expression, inner.this]
        else:
            found.append(inner)
    return found


def negation(m: "Meaning", node: exp.Expr) -> Scalar:
    return truth("not", m.predicate(node.this))


def membership(m: "Meaning", node: exp.Expr) -> Scalar:
    """IN over a written list: a chain of equalities, which has the same three values."""
    if not node.expressions:
        raise Stop("list", "IN takes written values, or a SELECT.", "Write x IN (1, 2) or x IN (SELECT y …).", node)
    left = m.value(node.this)
    tests = [equal_scalars(m, left, m.value(item), node) for item in node.expressions]
    return tests[0] if len(tests) == 1 else truth("or", *tests)


def between(m: "Meaning", node: exp.Expr) -> Scalar:
    value, low, high = m.value(node.this), m.value(node.args["low"]), m.value(node.args["high"])
    return truth("and", ordered(m, "at_most", False, low, value, node), ordered(m, "at_most", False, value, high, node))


def is_null(m: "Meaning", node: exp.Expr) -> Scalar:
    if not isinstance(node.expression, exp.Null):
        raise Stop("predicate", "IS is understood with NULL only.", "Write x = 1, or x IS NULL.", node)
    inner = node.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if isinstance(inner, exp.Column):
        found = m.raw_column(inner)
        if m.book.key_domain(found.ident) is not None:
            return truth("is_null", found)
        m.seen.pop()
    return truth("is_null", m.value(node.this))
