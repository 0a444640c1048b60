"""What T-SQL's documentation says of each function, in plain Python: for one row, NULL as None. Written from the
documentation alone; nothing of the broker is used."""

import calendar
import math
from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any


def strict(work: Callable[..., Any]) -> Callable[..., Any]:
    """NULL in, NULL out."""
    return lambda *v: None if any(x is None for x in v) else work(*v)


def exact(x: Any) -> Fraction:
    return Fraction(x)


def toward_zero(x: Any) -> int:
    return math.trunc(x)


def integer_division(a: int, b: int) -> int:
    """Whole numbers divide to a whole number: 'the fractional part of the result is truncated'."""
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def modulo(a: Any, b: Any) -> Any:
    """The remainder of the truncated quotient: its sign is the dividend's."""
    return a - b * math.trunc(Fraction(a) / Fraction(b))


def sign(x: Any) -> int:
    return 1 if x > 0 else -1 if x < 0 else 0


def round_half_away(x: Any, n: int) -> Any:
    return _places(x, n, ROUND_HALF_UP)


def round_truncating(x: Any, n: int) -> Any:
    return _places(x, n, ROUND_DOWN)


def _places(x: Any, n: int, mode: str) -> Any:
    step = Decimal(10) ** n
    moved = (Decimal(x) * step).to_integral_value(rounding=mode)
    return int(moved / step) if isinstance(x, int) else moved / step


def to_decimal(x: Any, scale: int) -> Decimal:
    value = Fraction(x)
    whole = abs(value) * 10**scale
    rounded = math.floor(whole + Fraction(1, 2))
    return Decimal(rounded * (1 if value >= 0 else -1)) / Decimal(10) ** scale


def text_to_int(s: str) -> int | None:
    """TRY_CAST(s AS int): blanks around are ignored, an empty text is 0, everything else that is no number is NULL."""
    s = s.strip(" ")
    if s == "":
        return 0
    digits = s[1:] if s[0] in "+-" else s
    if not digits or any(c not in "0123456789" for c in digits):
        return None
    number = int(s)
    return number if -(2**31) <= number < 2**31 else None


def text_to_decimal(s: str, digits: int, scale: int) -> Decimal | None:
    s = s.strip(" ")
    body = s[1:] if s[:1] in ("+", "-") else s
    if body.count(".") > 1 or not body.replace(".", "") or any(c not in "0123456789." for c in body):
        return None
    rounded = to_decimal(Fraction(s if s[-1] != "." else s[:-1]), scale)
    return rounded if abs(rounded) < Decimal(10) ** (digits - scale) else None


def same_text(a: str, b: str) -> bool:
    """Case-insensitive, and shorter texts are padded with blanks."""
    width = max(len(a), len(b))
    return a.ljust(width).upper() == b.ljust(width).upper()


def like(value: str, pattern: str, escape: str | None = None) -> bool:
    """% any text, _ one character, [abc] [a-c] [^a] one of a class; blanks after the value are ignored."""
    signs = list(_signs(pattern.upper(), escape.upper() if escape else None))
    value = value.upper()
    return any(_match(value[:end], signs) for end in range(len(value.rstrip(" ")), len(value) + 1))


def _signs(pattern: str, escape: str | None) -> Any:
    place = 0
    while place < len(pattern):
        sign_ = pattern[place]
        if sign_ == escape:
            yield {pattern[place + 1]}
            place += 2
        elif sign_ == "[":
            end = pattern.index("]", place)
            yield _class(pattern[place + 1 : end])
            place = end + 1
        else:
            yield sign_ if sign_ in "%_" else {sign_}
            place += 1


def _class(inside: str) -> Any:
    negated, rest, found = inside.startswith("^"), inside.removeprefix("^"), set()
    while rest:
        if len(rest) > 2 and rest[1] == "-":
            found |= {chr(c) for c in range(ord(rest[0]), ord(rest[2]) + 1)}
            rest = rest[3:]
        else:
            found.add(rest[0])
            rest = rest[1:]
    return ("not", found) if negated else found


def _match(value: str, signs: list[Any]) -> bool:
    if not signs:
        return not value
    first, rest = signs[0], signs[1:]
    if first == "%":
        return any(_match(value[i:], rest) for i in range(len(value) + 1))
    if not value:
        return False
    passes = first == "_" or (value[0] not in first[1] if isinstance(first, tuple) else value[0] in first)
    return passes and _match(value[1:], rest)


def length(s: str) -> int:
    """LEN: 'excluding trailing spaces'."""
    while s.endswith(" "):
        s = s[:-1]
    return len(s)


def substring(s: str, start: int, size: int) -> str:
    return "".join(c for i, c in enumerate(s, 1) if start <= i < start + size)


def charindex(sought: str, s: str) -> int:
    return s.upper().find(sought.upper()) + 1


def replace(s: str, old: str, new: str) -> str:
    found, place = "", 0
    while place < len(s):
        if s[place : place + len(old)].upper() == old.upper():
            found, place = found + new, place + len(old)
        else:
            found, place = found + s[place], place + 1
    return found


def stuff(s: str, start: int, size: int, new: str) -> str | None:
    """NULL if the start is beyond the last character."""
    return None if start > len(s) else s[: start - 1] + new + s[start - 1 + size :]


def concat(*parts: Any) -> str:
    return "".join("" if p is None else str(p) for p in parts)


def concat_ws(between: str, *parts: Any) -> str:
    return between.join(str(p) for p in parts if p is not None)


def datepart(part: str, d: date) -> int:
    january = date(d.year, 1, 1)
    sunday_first = (d.weekday() + 1) % 7 + 1
    return {
        "year": d.year, "quarter": math.ceil(d.month / 3), "month": d.month, "day": d.day,
        "dayofyear": (d - january).days + 1, "weekday": sunday_first, "iso_week": int(d.isocalendar().week),
        "week": _week(d, january),
    }[part]  # fmt: skip


def _week(d: date, january: date) -> int:
    """1 January is in week 1, and each Sunday begins another."""
    ordinals = range(january.toordinal() + 1, d.toordinal() + 1)
    return 1 + sum(1 for o in ordinals if date.fromordinal(o).weekday() == 6)


def datename(part: str, d: date) -> str:
    return calendar.month_name[d.month] if part == "month" else calendar.day_name[d.weekday()]


def datediff(part: str, a: date, b: date) -> int:
    """'The count of the specified datepart boundaries crossed'; weeks begin on Sunday."""
    match part:
        case "year":
            return b.year - a.year
        case "quarter":
            return (b.year - a.year) * 4 + (b.month - 1) // 3 - (a.month - 1) // 3
        case "month":
            return (b.year - a.year) * 12 + b.month - a.month
        case "week":
            return (_sunday_before(b) - _sunday_before(a)) // 7
    return (b - a).days


def _sunday_before(d: date) -> int:
    return d.toordinal() - (d.weekday() + 1) % 7


def dateadd(part: str, n: int, d: date) -> date | None:
    """Months keep the day, or take the last day of the month; outside the calendar there is nothing."""
    months = {"month": n, "quarter": 3 * n, "year": 12 * n}.get(part)
    try:
        if months is None:
            return d + timedelta(days=n * (7 if part == "week" else 1))
        year, month = d.year, d.month + months
        while month > 12:
            year, month = year + 1, month - 12
        while month < 1:
            year, month = year - 1, month + 12
        return date(year, month, min(d.day, calendar.monthrange(year, month)[1]))
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        return None


def eomonth(d: date) -> date:
    return date(d.year, d.month, calendar.monthrange(d.year, d.month)[1])


def datetrunc(part: str, d: date) -> date:
    first = {"year": 1, "quarter": d.month - (d.month - 1) % 3, "month": d.month}[part]
    return date(d.year, first, 1)


def convert_date(style: int, d: date) -> str:
    year, month, day = f"{d.year:04}", f"{d.month:02}", f"{d.day:02}"
    return {103: f"{day}/{month}/{year}", 112: year + month + day, 120: f"{year}-{month}-{day}",
            23: f"{year}-{month}-{day}"}[style]  # fmt: skip


def greatest(*values: Any) -> Any:
    return max((v for v in values if v is not None), default=None)


def least(*values: Any) -> Any:
    return min((v for v in values if v is not None), default=None)
