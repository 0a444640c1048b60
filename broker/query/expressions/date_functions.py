"""Dates by dialect: parts, differences, moves, and dates as text. No times of day, no other numbers."""

import re
from collections.abc import Mapping
from datetime import date

from sqlglot import exp

from broker.domain.plans.scalars import Call, Literal, Scalar, ScalarType, integer
from broker.query.diagnostics import BindError, Respelling, check_arguments
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.expressions.type_advice import date_form, literal_node
from broker.query.operations.value_bounds import value_range

ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
PLAIN = re.compile(r"[0-9]{8}\Z")
CLASSES: dict[type[exp.Expr], str] = {
    exp.Year: "YEAR", exp.Month: "MONTH", exp.Day: "DAY", exp.DayOfMonth: "DAY", exp.Quarter: "QUARTER",
    exp.Week: "WEEK", exp.DayOfWeek: "DOW", exp.DayOfWeekIso: "ISODOW", exp.DayOfYear: "DOY",
}  # fmt: skip
DIFFERENCES = {"YEAR": "years_between", "QUARTER": "quarters_between", "MONTH": "months_between", "DAY": "days_between"}
STARTS = {"YEAR": "start_of_year", "QUARTER": "start_of_quarter", "MONTH": "start_of_month"}
MOVES = {
    "YEAR": ("add_months", 12), "QUARTER": ("add_months", 3), "MONTH": ("add_months", 1), "WEEK": ("add_days", 7),
    "DAY": ("add_days", 1),
}  # fmt: skip
OUTSIDE_CALENDAR = "Rows whose date does not exist"
FURTHEST = {"add_months": 12_000, "add_days": 366_000}
"""Largest move of a date, about a thousand years, so that dates stay within the range of the engine."""

STYLES = {23: ("date_text", 10), 120: ("date_text", 10), 121: ("date_text", 10), 103: ("date_text_british", 10),
          112: ("date_text_plain", 8)}  # fmt: skip
FORMS: dict[type[exp.Expr], tuple[str, ScalarType]] = {
    exp.Monthname: ("month_name", ScalarType.TEXT), exp.Dayname: ("weekday_name", ScalarType.TEXT),
    exp.LastDay: ("end_of_month", ScalarType.DATE),
}  # fmt: skip
NAMES = {"%B": "month_name", "%A": "weekday_name"}
WRAPPERS = (exp.TsOrDsToDate, exp.TimeStrToTime, exp.TsOrDsToTimestamp)
AS_DATES = frozenset({"DATE", "DATETIME", "DATETIME2"})


def date_literal(binder: ExpressionBinder, node: exp.Expr | None, text: str) -> Literal:
    """Return a written date. T-SQL reads 2018-09-01 and 20180901. Forms that depend on the server's language are
    refused with BindError."""
    if ISO.match(text) or (binder.dialect.reads_plain_dates and PLAIN.match(text)):
        try:
            return Literal(date.fromisoformat(text), ScalarType.DATE)
        except ValueError:
            pass
    form, written = date_form(text), literal_node(node, text)
    message, advice = (
        "This date is not in the form '2018-09-01', or does not exist.",
        f"Write '{form or '2018-09-01'}'.",
    )
    respelling = Respelling.of(written, f"'{form}'") if form and written is not None else None
    raise BindError("date-literal", message, advice, node, None, respelling)


def bind_date(binder: ExpressionBinder, node: exp.Expr, part: exp.Expr) -> Scalar:
    """Bind a date argument, without the casts that the parser adds around dates."""
    inner = part
    while isinstance(inner, WRAPPERS) or (isinstance(inner, exp.Cast) and _is_wrapper(inner)):
        check_arguments(inner, "this", "to", "default_date")
        inner = inner.this
    found = binder.value(inner)
    if isinstance(found, Literal) and isinstance(found.value, str):
        return date_literal(binder, node, found.value)
    if found.type is not ScalarType.DATE:
        raise BindError("type", "This function needs a date.", "Use a variable that is a date.", node)
    return found


def _is_wrapper(node: exp.Cast) -> bool:
    kind = node.args["to"].this
    return not isinstance(node, exp.TryCast) and getattr(kind, "value", "") in AS_DATES


def _unit(node: exp.Expr, unit: exp.Expr | None, known: Mapping[str, object]) -> str:
    name = unit.name.upper() if isinstance(unit, exp.Var | exp.Literal) else ""
    if name not in known:
        message = "This part of a date is not understood. Dates here have no time of day."
        raise BindError("date-part", message, "Use year, quarter, month, week or day.", node)
    return name


def part(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """YEAR(d), MONTH(d) and similar functions."""
    return _part(binder, node, CLASSES[type(node)], node.this)


def _part(binder: ExpressionBinder, node: exp.Expr, name: str, value: exp.Expr) -> Scalar:
    return Call(binder.dialect.date_parts[name], (bind_date(binder, node, value),), ScalarType.INT)


def extract(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    return _part(binder, node, _unit(node, node.this, binder.dialect.date_parts), node.expression)


def date_part(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's date_part('year', d), for which the parser has no class."""
    if len(node.expressions) != 2:
        raise BindError("literal", "date_part needs a part and a date.", "Write date_part('year', d).", node)
    unit, value = node.expressions
    return _part(binder, node, _unit(node, unit, binder.dialect.date_parts), value)


def name_of_part(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DATENAME, which the parser turns into a format."""
    found = node.args["format"].name
    if found == "%Y":
        return Call("to_text", (Call("year", (bind_date(binder, node, node.this),), ScalarType.INT),), ScalarType.TEXT)
    if found not in NAMES:
        message = "FORMAT and DATENAME can be used only for the names of months and weekdays."
        raise BindError(
            "formatting", message, "Write DATENAME(month, d), DATEPART or CONVERT(varchar(10), d, 120).", node
        )
    return Call(NAMES[found], (bind_date(binder, node, node.this),), ScalarType.TEXT)


def other_form(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """The name of a month or weekday, or the end of a month."""
    op, kind = FORMS[type(node)]
    return Call(op, (bind_date(binder, node, node.this),), kind)


def difference(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DATEDIFF counts boundaries. Weeks begin on Sunday in T-SQL; DuckDB counts whole weeks."""
    unit = _unit(node, node.args.get("unit"), {**DIFFERENCES, "WEEK": ""})
    op = binder.dialect.weeks_between if unit == "WEEK" else DIFFERENCES[unit]
    return Call(op, (bind_date(binder, node, node.expression), bind_date(binder, node, node.this)), ScalarType.INT)


def add_to_date(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DATEADD. The result is a date; at the end of a month, it is the last day that exists."""
    if isinstance(node.expression, exp.Interval):
        return add_interval(binder, node)
    return _added(
        binder, node, bind_date(binder, node, node.this), binder.value(node.expression), node.args.get("unit")
    )


def _added(binder: ExpressionBinder, node: exp.Expr, start: Scalar, count: Scalar, unit: exp.Expr | None) -> Scalar:
    op, factor = MOVES[_unit(node, unit, MOVES)]
    if not count.type.is_whole:
        raise BindError("type", "The number of steps must be a whole number.", "CAST the value AS int.", node)
    found = value_range(count, binder.symbols)
    is_near = found is not None and max(abs(end) for end in found) * factor <= FURTHEST[op]
    if isinstance(count, Literal):
        assert isinstance(count.value, int)
        steps: Scalar = integer(count.value * factor)
    else:
        steps = count if factor == 1 else Call("multiply", (integer(factor), count), ScalarType.INT)
    moved = Call(op, (start, steps), ScalarType.DATE)
    return moved if is_near else binder.or_null(moved, OUTSIDE_CALENDAR)


def add_interval(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DuckDB's d + INTERVAL 3 MONTH. The result is a date here, but midnight of that date in DuckDB."""
    interval = node.expression
    check_arguments(interval, "this", "unit")
    text = interval.this.name if isinstance(interval.this, exp.Literal) else ""
    if not re.fullmatch("[0-9]{1,6}", text) or not binder.dialect.moves_dates_by_plus:
        raise BindError("literal", "An interval must be a written whole number.", "Write d + INTERVAL 3 MONTH.", node)
    unit = interval.args.get("unit")
    count = int(text) * (-1 if isinstance(node, exp.Sub) else 1)
    name = unit.name.upper().removesuffix("S") if isinstance(unit, exp.Var) else ""
    return _added(binder, node, bind_date(binder, node, node.this), integer(count), exp.Var(this=name))


def plus_or_minus(binder: ExpressionBinder, node: exp.Expr, left: Scalar, right: Scalar) -> Scalar:
    """DuckDB's d + 3 and d - e, in days."""
    if isinstance(node, exp.Sub) and left.type is ScalarType.DATE and right.type is ScalarType.DATE:
        return Call("days_between", (right, left), ScalarType.INT)
    if isinstance(node, exp.Add) and left.type is ScalarType.DATE and right.type.is_whole:
        return _added(binder, node, left, right, exp.Var(this="DAY"))
    raise BindError(
        "type",
        "You can add whole days to dates, and subtract dates from each other.",
        "Write d + 3, or date_diff.",
        node,
    )


def truncated(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DATETRUNC."""
    unit = _unit(node, node.args.get("unit"), {**STARTS, "DAY": ""})
    value = bind_date(binder, node, node.this)
    return value if unit == "DAY" else Call(STARTS[unit], (value,), ScalarType.DATE)


def from_parts(binder: ExpressionBinder, node: exp.Expr) -> Scalar:
    """DATEFROMPARTS, if every combination of the parts is a date."""
    parts = [binder.value(node.args[k]) for k in ("year", "month", "day")]
    if all(isinstance(p, Literal) and p.type is ScalarType.INT for p in parts):  # a written date is checked at once
        year, month, day = (p.value for p in parts if isinstance(p, Literal))
        return date_literal(binder, node, f"{year:04}-{month:02}-{day:02}")
    found, made = [value_range(p, binder.symbols) for p in parts], Call("make_date", tuple(parts), ScalarType.DATE)
    # day 28 exists in every month
    for ends, (low, high), value in zip(found, ((1, 9999), (1, 12), (1, 28)), parts, strict=True):
        if not value.type.is_whole or ends is None or ends[0] < low or ends[1] > high:
            return binder.or_null(made, OUTSIDE_CALENDAR)
    return made


def as_date(binder: ExpressionBinder, node: exp.Expr, value: Scalar) -> Scalar:
    """CAST AS date of a date or of a written date."""
    if isinstance(value, Literal) and isinstance(value.value, str):
        return date_literal(binder, node, value.value)
    if value.type is not ScalarType.DATE:
        message = "Text that is read as a date depends on the server's language, and can end the job."
        raise BindError("cast", message, "Use a variable that is a date.", node)
    return value


def as_text(node: exp.Expr, value: Scalar, style: int, length: int | None, padded: bool) -> Scalar:
    """CONVERT(varchar(n), d, style), cut to n characters."""
    if style not in STYLES:
        raise BindError("cast", "This style is not understood.", "Use style 23, 103, 112 or 120.", node)
    op, full = STYLES[style]
    size = 30 if length is None else length
    if size > full and (padded or style in (120, 121)):
        message = "The text would be longer than the date, so it would depend on how the server stores it."
        raise BindError("cast", message, f"Write CONVERT(varchar({full}), d, {style}).", node)
    text = Call(op, (value,), ScalarType.TEXT)
    return text if size >= full else Call("left", (text, integer(size)), ScalarType.TEXT)
