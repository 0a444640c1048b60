"""Date operations for the years 1 to 9999, the range of T-SQL and Python. No dialects, no other values."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from broker.query.operations.operation import UNKNOWN, Fold, Operation, OperationKind
from broker.query.operations.result_sizes import Magnitude, longest, of_first, small

_VALID_DATE = "(CASE WHEN {0} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN CAST({0} AS DATE) END)"
"""A moved date outside the years 1 to 9999 is NULL. T-SQL would end the job, which would reveal one row."""

_MONTHS_ON = _VALID_DATE.replace("{0}", "({0} + to_months(CAST({1} AS INTEGER)))")
_DAYS_ON = _VALID_DATE.replace("{0}", "({0} + CAST({1} AS INTEGER))")
_SUNDAYS = "((date_diff('day', DATE '0001-01-07', {0}) + 7) // 7)"


def _of_date(work: Callable[[date], Any]) -> Fold:
    return lambda v: work(v[0]) if isinstance(v[0], date) else UNKNOWN


def _between(count: Callable[[date], int]) -> Fold:
    """Fold that counts the boundaries between two dates. `count` gives the number of boundaries before a date."""
    return lambda v: count(v[1]) - count(v[0]) if all(isinstance(d, date) for d in v) else UNKNOWN


def _whole_weeks(v: Sequence[Any]) -> Any:
    return int(abs((v[1] - v[0]).days) // 7) * (1 if v[1] >= v[0] else -1)


def months(d: date) -> int:
    return d.year * 12 + d.month - 1


def _add_months(v: Sequence[Any]) -> Any:
    year, month = divmod(months(v[0]) + v[1], 12)
    if not 1 <= year <= 9999:
        return None
    # a day that the month does not have becomes its last day
    return date(year, month + 1, min(v[0].day, monthrange(year, month + 1)[1]))


def _add_days(v: Sequence[Any]) -> Any:
    try:
        return v[0] + timedelta(days=v[1])
    except OverflowError:
        return None


def _week_from_sunday(d: date) -> int:
    first = date(d.year, 1, 1).isoweekday() % 7
    return (d.timetuple().tm_yday - 1 + first) // 7 + 1


def _date_operation(
    name: str, text: str, fold: Fold, arguments: int, magnitude: Magnitude, values: tuple[int, int] | None = None
) -> Operation:
    """An operation on dates, whose result is a number, a text or a date."""
    return Operation(
        *(name, text, fold), kind=OperationKind.OTHER, exact_fold=True, error_free=False, has_argument_width=False,
        values=values, magnitude=magnitude, length=longest, arguments=arguments,
    )  # fmt: skip


def _part(name: str, text: str, work: Callable[[date], Any], *, values: tuple[int, int]) -> Operation:
    """A part of a date, as a number."""
    return _date_operation(name, text, _of_date(work), 1, small, values)


def _form(name: str, text: str, work: Callable[[date], Any]) -> Operation:
    """A date in another form: a text, or another date."""
    return _date_operation(name, text, _of_date(work), 1, of_first)


_moved = partial(_date_operation, magnitude=of_first)
_difference = partial(_date_operation, arguments=2, magnitude=small)
DATE_OPERATIONS = (
    _part("year", "year({0})", lambda d: d.year, values=(1, 9999)),
    _part("month", "month({0})", lambda d: d.month, values=(1, 12)),
    _part("day", "day({0})", lambda d: d.day, values=(1, 31)),
    _part("quarter", "quarter({0})", lambda d: (d.month + 2) // 3, values=(1, 4)),
    _part("day_of_year", "dayofyear({0})", lambda d: d.timetuple().tm_yday, values=(1, 366)),
    _part("weekday_from_0", "dayofweek({0})", lambda d: d.isoweekday() % 7, values=(0, 6)),
    _part("weekday_from_1", "(dayofweek({0}) + 1)", lambda d: d.isoweekday() % 7 + 1, values=(1, 7)),
    _part("weekday_iso", "isodow({0})", date.isoweekday, values=(1, 7)),
    _part("week_iso", "week({0})", lambda d: d.isocalendar()[1], values=(1, 53)),
    _part("week_from_sunday", "((dayofyear({0}) - 1 + dayofweek(date_trunc('year', {0}))) // 7 + 1)",
          _week_from_sunday, values=(1, 54)),
    _form("month_name", "monthname({0})", lambda d: d.strftime("%B")),
    _form("weekday_name", "dayname({0})", lambda d: d.strftime("%A")),
    _form("date_text", "strftime({0}, '%Y-%m-%d')", date.isoformat),
    _form("date_text_plain", "strftime({0}, '%Y%m%d')", lambda d: d.isoformat().replace("-", "")),
    _form("date_text_british", "strftime({0}, '%d/%m/%Y')", lambda d: f"{d.day:02}/{d.month:02}/{d.year:04}"),
    _form("start_of_year", "CAST(date_trunc('year', {0}) AS DATE)", lambda d: date(d.year, 1, 1)),
    _form("start_of_quarter", "CAST(date_trunc('quarter', {0}) AS DATE)",
          lambda d: date(d.year, (d.month - 1) // 3 * 3 + 1, 1)),
    _form("start_of_month", "CAST(date_trunc('month', {0}) AS DATE)", lambda d: date(d.year, d.month, 1)),
    _form("end_of_month", "last_day({0})", lambda d: date(d.year, d.month, monthrange(d.year, d.month)[1])),
    _difference("years_between", "date_diff('year', {0}, {1})", _between(lambda d: d.year)),
    _difference("quarters_between", "date_diff('quarter', {0}, {1})", _between(lambda d: months(d) // 3)),
    _difference("months_between", "date_diff('month', {0}, {1})", _between(months)),
    _difference("days_between", "date_diff('day', {0}, {1})", _between(date.toordinal)),
    _difference("sundays_between", f"({_SUNDAYS.replace('{0}', '{1}')} - {_SUNDAYS})",
                _between(lambda d: d.toordinal() // 7)),
    _difference("whole_weeks_between", "date_diff('week', {0}, {1})", _whole_weeks),
    _moved("add_months", _MONTHS_ON, _add_months, 2),
    _moved("add_days", _DAYS_ON, _add_days, 2),
    _moved("make_date", "make_date({0}, {1}, {2})", lambda v: date(*v), 3),
)  # fmt: skip
