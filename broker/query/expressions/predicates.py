"""Comparisons and predicates, three-valued, with the text rules of the dialect. No arithmetic."""

import re

from sqlglot import exp

from broker.domain.plans import scalars
from broker.query.diagnostics import BindError
from broker.query.expressions import date_functions
from broker.query.expressions.arithmetic import exact_quotient
from broker.query.expressions.expression_binder import ExpressionBinder, is_empty_text
from broker.query.expressions.type_advice import type_error
from broker.query.operations.possible_values import ONLY_NULL, possible_values
from broker.query.symbols import ColumnOrigin, SymbolTable
from broker.query.tree_walks import flatten

ORDER_OP: dict[type[exp.Expr], tuple[str, bool]] = {
    exp.LT: ("less", False),
    exp.LTE: ("at_most", False),
    exp.GT: ("less", True),
    exp.GTE: ("at_most", True),
}
DIGITS = frozenset("0123456789/-")
WHOLE = re.compile(r" *-?[0-9]{1,18} *\Z")  # 18 digits fit 64 bits


def spellings_of(symbols: SymbolTable, scalar: scalars.Scalar) -> dict[str, str] | None:
    """Values that a text can have, by case-folded form, through set operations and a person's own aggregates. None if
    unknown."""
    if isinstance(scalar, scalars.Literal):
        return {scalar.value.casefold(): scalar.value} if isinstance(scalar.value, str) else None
    opaque = symbols.opaque.get(scalar.ident) if isinstance(scalar, scalars.ColumnRef) else None
    if opaque is None:
        return spellings(symbols.origin(scalar))
    found: dict[str, str] = {}
    for part in opaque.parts or ((opaque.like,) if opaque.like is not None else ()):
        listed = spellings_of(symbols, part)
        # one form with two spellings cannot be compared in binary
        if listed is None or any(found.get(folded, code) != code for folded, code in listed.items()):
            return None
        found |= listed
    return found or None


def spellings(origin: ColumnOrigin | None) -> dict[str, str] | None:
    """Values of a text variable, by case-folded form; None if it has no list."""
    if origin is None or origin.variable.type is not scalars.ScalarType.TEXT:
        return None
    if origin.is_year and origin.table.year is not None:
        axis = origin.table.year
        return {str(axis.format.write(y)): str(axis.format.write(y)) for y in axis.years}
    codes = origin.variable.codes
    return None if codes is None else {c.casefold(): c for c in codes}


def is_binary_equality(binder: ExpressionBinder, left: scalars.Scalar, right: scalars.Scalar) -> bool:
    """Whether binary equality of two texts is what the dialect means by `=`."""
    if not binder.dialect.ignores_case:
        return True
    if isinstance(left, scalars.Literal) and isinstance(right, scalars.Literal):
        return False
    listed = [spellings_of(binder.symbols, s) for s in (left, right) if not isinstance(s, scalars.Literal)]
    if any(one is None for one in listed):
        return False
    first, last = listed[0] or {}, listed[-1] or {}
    # two lists may spell one code differently
    return all(first[code] == last[code] for code in first.keys() & last.keys())


def comparable_sides(
    binder: ExpressionBinder, left: scalars.Scalar, right: scalars.Scalar, node: exp.Expr
) -> tuple[scalars.Scalar, scalars.Scalar]:
    """Return both sides in comparable types. A literal takes the type and spelling of the other side. Raises BindError
    if the types differ."""
    left, right = (
        fitted_literal(binder, exact_quotient(binder, left), right, node),
        fitted_literal(binder, exact_quotient(binder, right), left, node),
    )
    kinds = {left.type, right.type} - {scalars.ScalarType.NULL}
    if len(kinds) <= 1 or all(k.is_number for k in kinds):
        return left, right
    raise type_error(left, right, binder.symbols, node)


def fitted_literal(
    binder: ExpressionBinder, literal: scalars.Scalar, other: scalars.Scalar, node: exp.Expr
) -> scalars.Scalar:
    """Convert a literal to the type and spelling of the other side; return anything else unchanged."""
    if not isinstance(literal, scalars.Literal):
        return literal
    value = literal.value
    if isinstance(value, bool) and other.type.is_number:
        return scalars.integer(int(value))
    if not isinstance(value, str):
        return literal
    if other.type.is_number and WHOLE.match(value):
        return scalars.integer(int(value))
    if other.type is scalars.ScalarType.DATE:
        return date_functions.date_literal(binder, node, value)
    listed = spellings_of(binder.symbols, other) if binder.dialect.ignores_case else None
    # in the spelling of the list, the comparison can be a binary one
    return (
        literal
        if listed is None
        else scalars.Literal(listed.get(value.rstrip(" ").casefold(), value), scalars.ScalarType.TEXT)
    )


def equal_node(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    return equal(binder, node.this, node.expression)


def unequal_node(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    return scalars.truth_call("not", equal_node(binder, node))


def equal(binder: ExpressionBinder, left_node: exp.Expr, right_node: exp.Expr) -> scalars.Scalar:
    for side, other in ((left_node, right_node), (right_node, left_node)):
        key = binder.link_key(side) if is_empty_text(other) else None
        if key is not None:  # no link key is an empty text; where the key is missing, this is unknown
            return scalars.truth_call("not", scalars.truth_call("equal", key, key))
    return equal_scalars(binder, binder.value(left_node), binder.value(right_node), left_node)


def equal_scalars(
    binder: ExpressionBinder, left: scalars.Scalar, right: scalars.Scalar, node: exp.Expr
) -> scalars.Scalar:
    left, right = comparable_sides(binder, left, right, node)
    if scalars.ScalarType.TEXT in (left.type, right.type) and not is_binary_equality(binder, left, right):
        return scalars.truth_call("equal_text", left, right)
    return scalars.truth_call("equal", left, right)


def equal_columns(
    binder: ExpressionBinder, left: scalars.ColumnRef, right: scalars.ColumnRef, node: exp.Expr
) -> scalars.Scalar:
    """The equality behind USING and IN."""
    if binder.are_link_keys(left, right):
        return scalars.truth_call("equal", left, right)
    for side in (left, right):
        hidden = binder.hidden_behind(side)
        if hidden is not None:
            raise BindError(
                "link-key", f"{hidden} identifies a person.", "Compare link keys only with link keys.", node, hidden
            )
    return equal_scalars(binder, left, right, node)


def same_node(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """IS NOT DISTINCT FROM: two NULLs are the same."""
    left, right = comparable_sides(binder, binder.value(node.this), binder.value(node.expression), node)
    if scalars.ScalarType.TEXT in (left.type, right.type) and not is_binary_equality(binder, left, right):
        left, right = (_folded(side) for side in (left, right))
    return scalars.truth_call("same", left, right)


def distinct_node(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    return scalars.truth_call("not", same_node(binder, node))


def _folded(side: scalars.Scalar) -> scalars.Scalar:
    if side == scalars.NULL:
        return side
    # T-SQL ignores case and trailing blanks
    return scalars.Call(
        "lower", (scalars.Call("trim_blanks_right", (side,), scalars.ScalarType.TEXT),), scalars.ScalarType.TEXT
    )


def ordered_node(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    op, swapped = ORDER_OP[type(node)]
    return ordered(binder, op, swapped, binder.value(node.this), binder.value(node.expression), node)


def ordered(
    binder: ExpressionBinder, op: str, swapped: bool, left: scalars.Scalar, right: scalars.Scalar, node: exp.Expr
) -> scalars.Scalar:
    left, right = comparable_sides(binder, left, right, node)
    is_collated = binder.dialect.ignores_case and scalars.ScalarType.TEXT in (left.type, right.type)
    if is_collated and not _has_plain_order(binder, left, right):
        message = "The order of text depends on the server's collation."
        raise BindError("text-order", message, "List the codes with IN (…).", node)
    return scalars.truth_call(op, right, left) if swapped else scalars.truth_call(op, left, right)


def _has_plain_order(binder: ExpressionBinder, *sides: scalars.Scalar) -> bool:
    """Whether both sides have no characters but digits, slashes and dashes, which every collation orders alike."""
    for side in sides:
        known: dict[int, frozenset[scalars.Value]] = {}
        for ident in scalars.column_ids(side):
            listed = spellings_of(binder.symbols, scalars.ColumnRef(ident, scalars.ScalarType.TEXT))
            if not listed:
                return False
            known[ident] = frozenset(listed.values()) | ONLY_NULL
        found = possible_values(side, known, {})
        texts = None if found is None else found - ONLY_NULL
        if not texts or not all(isinstance(t, str) and DIGITS.issuperset(t) for t in texts):
            return False
    return True


def connective(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """Bind a chain of one connective as one flat call, without recursion along the chain."""
    parts = flatten(node, type(node))
    return scalars.truth_call("and" if isinstance(node, exp.And) else "or", *(binder.predicate(p) for p in parts))


def negation(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    return scalars.truth_call("not", binder.predicate(node.this))


def membership(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    """IN over a written list, as a chain of equalities, which gives the same three values."""
    if not node.expressions:
        raise BindError(
            "list", "IN needs written values, or a SELECT.", "Write x IN (1, 2) or x IN (SELECT y …).", node
        )
    left = binder.value(node.this)
    tests = [equal_scalars(binder, left, binder.value(item), node) for item in node.expressions]
    return scalars.any_of(tests)


def between(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    value, low, high = binder.value(node.this), binder.value(node.args["low"]), binder.value(node.args["high"])
    return scalars.truth_call(
        "and", ordered(binder, "at_most", False, low, value, node), ordered(binder, "at_most", False, value, high, node)
    )


def is_null(binder: ExpressionBinder, node: exp.Expr) -> scalars.Scalar:
    if not isinstance(node.expression, exp.Null):
        raise BindError("predicate", "IS can be used only with NULL.", "Write x = 1, or x IS NULL.", node)
    key = binder.link_key(node.this.unnest())
    if key is not None:
        return scalars.truth_call("is_null", key)
    return scalars.truth_call("is_null", binder.value(node.this))
