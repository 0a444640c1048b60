"""Date operations for the years 1 to 9999, the range of T-SQL and Python. No dialects, no other values."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from broker.query.operations.operation import UNKNOWN, Fold, Operation

_VALID_DATE = "(CASE WHEN {0} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31' THEN CAST({0} AS DATE) END)"
"""A moved date outside the years 1 to 9999 is NULL. T-SQL would end the job, which would reveal one row."""

_MONTHS_ON = _VALID_DATE.replace("{0}", "({0} + to_months(CAST({1} AS INTEGER)))")
_DAYS_ON = _VALID_DATE.replace("{0}", "({0} + CAST({1} AS INTEGER))")
_SUNDAYS = "((date_diff('day', DATE '0001-01-07', {0}) + 7) // 7)"


def _of_date(work: Callable[[date], Any]) -> Fold:
    return lambda v: work(v[0]) if isinstance(v[0], date) else UNKNOWN


def _between(count: Callable[[date], int]) -> Fold:
    """Fold that counts the boundaries between two dates. `count` gives the number of boundaries before a date."""

    def fold(v: Sequence[Any]) -> Any:
        return count(v[1]) - count(v[0]) if all(isinstance(d, date) for d in v) else UNKNOWN

    return fold


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


def _part(name: str, text: str, work: Callable[[date], Any]) -> Operation:
    return Operation(name, text, _of_date(work))


def _difference(name: str, text: str, count: Callable[[date], int]) -> Operation:
    return Operation(name, text, _between(count), min_arguments=2, max_arguments=2)


DATE_OPERATIONS = (
    _part("year", "year({0})", lambda d: d.year),
    _part("month", "month({0})", lambda d: d.month),
    _part("day", "day({0})", lambda d: d.day),
    _part("quarter", "quarter({0})", lambda d: (d.month + 2) // 3),
    _part("day_of_year", "dayofyear({0})", lambda d: d.timetuple().tm_yday),
    _part("weekday_from_0", "dayofweek({0})", lambda d: d.isoweekday() % 7),
    _part("weekday_from_1", "(dayofweek({0}) + 1)", lambda d: d.isoweekday() % 7 + 1),
    _part("weekday_iso", "isodow({0})", date.isoweekday),
    _part("week_iso", "week({0})", lambda d: d.isocalendar()[1]),
    _part(
        "week_from_sunday", "((dayofyear({0}) - 1 + dayofweek(date_trunc('year', {0}))) // 7 + 1)", _week_from_sunday
    ),
    _part("month_name", "monthname({0})", lambda d: d.strftime("%B")),
    _part("weekday_name", "dayname({0})", lambda d: d.strftime("%A")),
    _part("date_text", "strftime({0}, '%Y-%m-%d')", date.isoformat),
    _part("date_text_plain", "strftime({0}, '%Y%m%d')", lambda d: d.isoformat().replace("-", "")),
    _part("date_text_british", "strftime({0}, '%d/%m/%Y')", lambda d: f"{d.day:02}/{d.month:02}/{d.year:04}"),
    _part("start_of_year", "CAST(date_trunc('year', {0}) AS DATE)", lambda d: date(d.year, 1, 1)),
    _part("start_of_quarter", "CAST(date_trunc('quarter', {0}) AS DATE)",
          lambda d: date(d.year, (d.month - 1) // 3 * 3 + 1, 1)),
    _part("start_of_month", "CAST(date_trunc('month', {0}) AS DATE)", lambda d: date(d.year, d.month, 1)),
    _part("end_of_month", "last_day({0})", lambda d: date(d.year, d.month, monthrange(d.year, d.month)[1])),
    _difference("years_between", "date_diff('year', {0}, {1})", lambda d: d.year),
    _difference("quarters_between", "date_diff('quarter', {0}, {1})", lambda d: months(d) // 3),
    _difference("months_between", "date_diff('month', {0}, {1})", months),
    _difference("days_between", "date_diff('day', {0}, {1})", date.toordinal),
    _difference("sundays_between", f"({_SUNDAYS.replace('{0}', '{1}')} - {_SUNDAYS})", lambda d: d.toordinal() // 7),
    Operation("whole_weeks_between", "date_diff('week', {0}, {1})", _whole_weeks, min_arguments=2, max_arguments=2),
    Operation("add_months", _MONTHS_ON, _add_months, min_arguments=2, max_arguments=2),
    Operation("add_days", _DAYS_ON, _add_days, min_arguments=2, max_arguments=2),
    Operation("make_date", "make_date({0}, {1}, {2})", lambda v: date(*v), min_arguments=3, max_arguments=3),
)  # fmt: skip
