"""Refusals of comparisons between values of different types, with the form of the value to write."""

import re
from datetime import date

from sqlglot import exp

from broker.domain.plans.scalars import Literal, Scalar, ScalarType
from broker.query.diagnostics import BindError, Respelling
from broker.query.symbols import SymbolTable
from broker.query.tree_walks import find_nodes

WORDS = {ScalarType.TEXT: "text", ScalarType.DATE: "a date", ScalarType.TRUTH: "a condition"}
YEAR_OF_BOTH = re.compile(r"((?:19|20)\d\d)(\d\d)")
DAY_FIRST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")


def type_error(left: Scalar, right: Scalar, symbols: SymbolTable, node: exp.Expr) -> BindError:
    """The refusal of a comparison of two types. A written value is to be written in the type of the other side."""
    sides = (left, right) if isinstance(right, Literal) else (right, left)
    other, literal = sides
    origin = symbols.origin(other)
    name = origin.variable.name if origin is not None else "One side"
    message = f"{name} is {_word(other)}, and is compared with {_word(literal)}."
    variable = origin.full_name if origin is not None else None
    if not isinstance(literal, Literal):
        return BindError("type", message, "CAST one side to the type of the other.", node, variable)
    form, is_certain = _form(other, literal, symbols)
    written = literal_node(node, str(literal.value)) if is_certain else None
    advice = f"Write {'' if is_certain else 'for example '}{form}."
    respelling = Respelling.of(written, form) if written is not None else None
    return BindError("type", message, advice, node, variable, respelling)


def _word(scalar: Scalar) -> str:
    return WORDS.get(scalar.type, "a number")


def _form(other: Scalar, literal: Literal, symbols: SymbolTable) -> tuple[str, bool]:
    """How to write a value in the type of the other side, and whether it is certain that this value is meant."""
    origin, value = symbols.origin(other), str(literal.value)
    if other.type is ScalarType.DATE:
        return "'2018-09-01'", False
    if other.type.is_number:
        low = origin.variable.low if origin is not None else None
        return f"{low or 1:g}, without quotes", False
    axis = origin.table.year if origin is not None and origin.is_year else None
    if axis is not None:
        both = YEAR_OF_BOTH.fullmatch(value)
        is_year = both is not None and (int(both[1]) + 1 - int(both[2])) % 100 == 0
        return f"'{axis.format.write(int(both[1]) if both and is_year else max(axis.years))}'", is_year
    codes = origin.variable.codes if origin is not None else None
    return (f"'{value}'", True) if codes is None or value in codes else (f"'{codes[0]}'", False)


def date_form(text: str) -> str | None:
    """A date that is written with the day first, in the form that is understood; None if it may have the month
    first."""
    match = DAY_FIRST.fullmatch(text.strip())
    if match is None or (int(match[1]) <= 12 and match[1].lstrip("0") != match[2].lstrip("0")):
        return None
    try:
        return date(int(match[3]), int(match[2]), int(match[1])).isoformat()
    except ValueError:
        return None


def literal_node(node: exp.Expr | None, value: str) -> exp.Expr | None:
    """The node of a written value in a comparison, of which `node` is a side or the whole."""
    roots = [one for one in (node, node.parent if node is not None else None) if one is not None]
    return next((n for root in roots for n in find_nodes(root, exp.Literal) if n.name == value), None)
