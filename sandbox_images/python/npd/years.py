"""Years as people write them, to first calendar years. Knows no table."""

import re
from collections.abc import Iterable

from npd.errors import NpdError

SPAN = re.compile(r"\s*(\d{4})(?:/(\d{2}|\d{4}))?\s*(?:[-–]\s*(\d{4})(?:/(\d{2}|\d{4}))?\s*)?")
FORMS = 'Write years=2022, years=range(2018, 2023), or years="2018/2019-2022/2023".'

Years = int | str | Iterable[int | str]


def years_of(wanted: Years) -> frozenset[int]:
    """`2022`, `range(2018, 2023)`, `"2018/2019-2022/2023"`, `"2018/2019, 2021/2022"`, or a list of these."""
    if isinstance(wanted, bool) or wanted is None:
        raise NpdError(f"{wanted!r} is no year. {FORMS}")
    if isinstance(wanted, str):
        return frozenset(year for part in wanted.split(",") for year in _span(part))
    if hasattr(wanted, "__index__"):
        return frozenset({wanted.__index__()})
    try:
        parts = list(wanted)
    except TypeError:
        raise NpdError(f"{wanted!r} is no year. {FORMS}") from None
    return frozenset(year for part in parts for year in years_of(part))


def _span(text: str) -> range:
    found = SPAN.fullmatch(text)
    if found is None:
        raise NpdError(f"{text.strip()!r} is no year. {FORMS}")
    first, last = int(found[1]), int(found[3] or found[1])
    for year, next_year in ((first, found[2]), (last, found[4])):
        if next_year is not None and int(next_year) % 100 != (year + 1) % 100:
            raise NpdError(f"{text.strip()!r} names two years that do not follow each other. {FORMS}")
    if last < first:
        raise NpdError(f"The years {text.strip()!r} are in the wrong order. {FORMS}")
    return range(first, last + 1)
