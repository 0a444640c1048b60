"""How people write years, in files and in headers of scripts."""

import re
from typing import Annotated

from broker.domain.stated_values import LocatedValue, ReadBy

_YEAR = re.compile(r"(\d{4})/(\d{4}|\d{2})|(\d{6})|(\d{4})", re.ASCII)
_EARLIEST_YEAR, _LATEST_YEAR = 1980, 2100


def parse_year(text: str) -> int:
    """First calendar year of '2022/2023', '2022/23', tax year '202223' or '2022'. Raises ValueError with the message
    for the author."""
    found = _YEAR.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text.strip()!r} is no year: write 2022/2023, 202223 for a tax year, or 2022.")
    slash, after, tax, plain = found.groups()
    first = int(slash or (tax and tax[:4]) or plain)
    second = after or (tax and tax[4:])
    if second and second not in {str(first + 1), f"{(first + 1) % 100:02d}"}:
        raise ValueError(f"{text.strip()!r} is no year: the second part has to be the year after {first}.")
    if not _EARLIEST_YEAR <= first <= _LATEST_YEAR:
        raise ValueError(f"{text.strip()!r} is not between {_EARLIEST_YEAR} and {_LATEST_YEAR}.")
    return first


def parse_year_range(text: str) -> tuple[int, int]:
    """First and last year of '2018/2019-2022/2023' or of a single year. Raises ValueError for a reversed range."""
    ends = text.split("-")
    if len(ends) > 2:
        raise ValueError(f"{text.strip()!r} is no range of years: write FIRST-LAST.")
    first, last = parse_year(ends[0]), parse_year(ends[-1])
    if last < first:
        raise ValueError(f"{text.strip()!r} is a reversed range: {last} is before {first}.")
    return first, last


def read_year_ranges(node: LocatedValue) -> tuple[tuple[int, int], ...]:
    """Ranges of years: one, or a list of them. Each is (first, last) with first ≤ last."""
    parts = node.value if isinstance(node.value, list) else [node]
    if not parts:
        raise node.wrong("empty-range", "There is no year here.")
    return tuple(_year_range(part) for part in parts)


def _year_range(part: LocatedValue) -> tuple[int, int]:
    if isinstance(part.value, bool) or not isinstance(part.value, str | int):  # bool is an int in Python
        raise part.wrong("policy-type", "Years are written like 2018/2019-2022/2023 or 2018-2022.")
    try:
        return parse_year_range(str(part.value))
    except ValueError as error:
        raise part.wrong("year-range", str(error)) from error


def _read_years(node: LocatedValue) -> frozenset[int]:
    return frozenset(year for first, last in read_year_ranges(node) for year in range(first, last + 1))


WrittenYears = Annotated[frozenset[int], ReadBy(_read_years)]
