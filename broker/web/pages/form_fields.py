"""Reads what people type into forms: dates, years, ids, lists. Raises Invalid with the name of the input, and shows the
form again with the problem. Knows no rules."""

import re
from collections.abc import Callable
from datetime import date
from functools import wraps

from flask import request

from broker.domain.errors import Conflict, Invalid
from broker.domain.plans.variable_uses import Years
from broker.web.web_context import Redirect

IDENT_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
YEARS_PATTERN = re.compile(r"(\d{4})(?:-(\d{4}))?")
MOST_YEARS = 60

View = Callable[..., Redirect | str | tuple[str, int]]


def shows_problems_on(page: Callable[..., str], conflict: str | None = None) -> Callable[[View], View]:
    """Let a view that reads a form show the page of the form again, with the argument `problem`, if it raises Invalid.
    `conflict`: it also does so for a Conflict, which is then about this input."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(**address: str) -> Redirect | str | tuple[str, int]:
            try:
                return view(**address)
            except Invalid as error:
                return page(**address, problem=error), 400
            except Conflict as error:
                # In a wrong state the page itself cannot be shown any more.
                if conflict is None or error.code == "wrong-state":
                    raise
                return page(**address, problem=Invalid(error.code, error.message, conflict)), 409

        return answer

    return decorate


def text(name: str, most: int = 4000) -> str:
    """Return the value of an input without surrounding blanks. Raises Invalid if it has a NUL or is too long."""
    found = request.form.get(name, "").strip()
    if "\x00" in found or len(found) > most:
        raise Invalid(name, f"Enter at most {most} characters of text.", f"/{name}")
    return found


def day(name: str) -> date | None:
    found = text(name, 20)
    if not found:
        return None
    try:
        return date.fromisoformat(found)
    except ValueError as error:
        raise Invalid(name, "Enter a date as year-month-day, for example 2027-03-31.", f"/{name}") from error


def integer(name: str) -> int:
    found = text(name, 9)
    if not found.isascii() or not found.isdigit():
        raise Invalid(name, "Enter a whole number.", f"/{name}")
    return int(found)


def idents(name: str) -> frozenset[str]:
    """Return ids that are separated by blanks, commas or lines."""
    found = re.split(r"[\s,]+", text(name))
    wrong = [one for one in found if one and not IDENT_PATTERN.fullmatch(one)]
    if wrong:
        raise Invalid(name, "Enter an id of 1 to 64 letters, digits, dots and dashes.", f"/{name}")
    return frozenset(one for one in found if one)


def years(name: str) -> Years | None:
    """Return years by their first calendar year, typed like 2018-2022, 2024; None if there are none."""
    found: set[int] = set()
    for part in re.split(r"[\s,]+", text(name, 400)):
        if not part:
            continue
        match = YEARS_PATTERN.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last < first + MOST_YEARS:
            raise Invalid(name, "Enter years as 2018-2022 or 2018, 2020.", f"/{name}")
        found.update(range(first, last + 1))
    return frozenset(found) or None
