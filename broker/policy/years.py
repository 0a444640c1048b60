"""How people write years in policies and in job headers: text to first calendar years. Pure; knows no table's data."""

import re

_ONE = re.compile(r"(\d{4})/(\d{4}|\d{2})|(\d{6})|(\d{4})", re.ASCII)
_EARLIEST, _LATEST = 1980, 2100


def parse_year(text: str) -> int:
    """The first calendar year of '2022/2023', '2022/23', tax year '202223' or '2022'; ValueError says what is wrong."""
    found = _ONE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text.strip()!r} is no year: write 2022/2023, 202223 for a tax year, or 2022.")
    slash, after, tax, plain = found.groups()
    first = int(slash or (tax and tax[:4]) or plain)
    second = after or (tax and tax[4:])
    if second and second not in {str(first + 1), f"{(first + 1) % 100:02d}"}:
        raise ValueError(f"{text.strip()!r} is no year: the second part has to be the year after {first}.")
    if not _EARLIEST <= first <= _LATEST:
        raise ValueError(f"{text.strip()!r} is not between {_EARLIEST} and {_LATEST}.")
    return first


def parse_span(text: str) -> tuple[int, int]:
    """First and last year of '2018/2019-2022/2023' or of a single year; ValueError for a reversed range."""
    ends = text.split("-")
    if len(ends) > 2:
        raise ValueError(f"{text.strip()!r} is no range of years: write FIRST-LAST.")
    first, last = parse_year(ends[0]), parse_year(ends[-1])
    if last < first:
        raise ValueError(f"{text.strip()!r} is a reversed range: {last} is before {first}.")
    return first, last
