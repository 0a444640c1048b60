"""FORMAT and BAR of a figure: the number itself, rounded as the format shows it. Figures leave as numbers."""

import re

from sqlglot import exp

from broker.domain.plans.scalars import Scalar
from broker.query.diagnostics import BindError
from broker.query.expressions.expression_binder import ExpressionBinder

STANDARD = re.compile(r"(?P<kind>[NFPC])(?P<digits>[0-9]?)", re.IGNORECASE)
CUSTOM = re.compile(r"[#0,]+(?:\.(?P<digits>0+))?(?P<percent>%?)")
USUAL_DIGITS = 2
"""Digits after the point of a standard format without a number."""
NOTE = "FORMAT gives the number itself here, rounded to the digits of the format."


def formatted_figure(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """FORMAT(x, 'N1') and FORMAT(x, '#,##0.0') as ROUND(x, 1); FORMAT(x, 'P1') and '0.0%' as ROUND(100 * x, 1)."""
    written = node.args["format"]
    found = _read(written.name) if isinstance(written, exp.Literal) else None
    if binder.is_rows or found is None:
        message = "FORMAT can be used only for figures, with a format such as 'N1', 'P0' or '#,##0.0'."
        raise BindError("formatting", message, "Release the number itself.", node)
    digits, is_percentage = found
    value: exp.Expr = exp.Paren(this=node.this.copy())
    if is_percentage:
        value = exp.Mul(this=exp.Literal.number(100), expression=value)
    made = exp.Round(this=value, decimals=exp.Literal.number(digits))
    made.parent = node.parent  # refusals find their position through the parent
    binder.advise(NOTE)
    return binder.value(made)


def bar(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's BAR(x, min, max, width) draws a figure with letters. Here it gives the figure."""
    if binder.is_rows or len(node.expressions) not in {3, 4}:
        raise BindError("formatting", "BAR can be used only for figures.", "Release the number itself.", node)
    binder.advise("BAR gives the number itself here: draw the chart from it.")
    return binder.value(node.expressions[0])


def _read(text: str) -> tuple[int, bool] | None:
    """Digits after the point, and whether the format shows a percentage; None if it is not understood."""
    if (found := STANDARD.fullmatch(text)) is not None:
        return int(found["digits"] or USUAL_DIGITS), found["kind"].upper() == "P"
    if (found := CUSTOM.fullmatch(text)) is not None:
        return len(found["digits"] or ""), bool(found["percent"])
    return None
