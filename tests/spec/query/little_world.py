"""A world that fits on a page, and what a query answers in it as a drawn table has it.

a    | person | Y  | Sex | LA | Score | Flag        b    | person | Y  | Kind | Days | Wave       las | LA | Region
     | k1     | 17 | M   | 1  | 5     | 1                | k1     | 17 | X    | 3    | 1              | 1  | N
     | k1     | 18 | M   | 2  | 9     | 1                | k1     | 18 | Z    | 4    | 0              | 2  | S
     | k2     | 17 | F   | 1  | 7     | 0                | k2     | 18 | X    | 5    | 1              | 3  | S
     | k3     | 17 | F   | 2  | 1     | 0                | k7     | 17 | X    | -    | 0
     | k3     | 18 | F   | 2  | -     | -                | no key | 17 | X    | 9    | 1
     | no key | 17 | M   | 2  | 3     | 1
     | no key | 17 | M   | 3  | 2     | -
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from query_kit import compiled, drawn, shown, written

BORN = date(2010, 1, 1)
A: list[dict[str, Any]] = [
    {"p": 1, "Key": "k1", "Y": "2017/2018", "Sex": "M", "LA": 1, "Score": 5, "Flag": 1, "Born": BORN},
    {"p": 1, "Key": "k1", "Y": "2018/2019", "Sex": "M", "LA": 2, "Score": 9, "Flag": 1, "Born": BORN},
    {"p": 2, "Key": "k2", "Y": "2017/2018", "Sex": "F", "LA": 1, "Score": 7, "Flag": 0, "Born": BORN},
    {"p": 3, "Key": "k3", "Y": "2017/2018", "Sex": "F", "LA": 2, "Score": 1, "Flag": 0, "Born": BORN},
    {"p": 3, "Key": "k3", "Y": "2018/2019", "Sex": "F", "LA": 2, "Score": None, "Flag": None, "Born": BORN},
    {"p": 8, "Key": None, "Y": "2017/2018", "Sex": "M", "LA": 2, "Score": 3, "Flag": 1, "Born": BORN},
    {"p": 9, "Key": None, "Y": "2017/2018", "Sex": "M", "LA": 3, "Score": 2, "Flag": None, "Born": BORN},
]
B: list[dict[str, Any]] = [
    {"p": 1, "Key": "k1", "Y": "2017/2018", "Kind": "X", "Days": 3, "Wave": 1},
    {"p": 1, "Key": "k1", "Y": "2018/2019", "Kind": "Z", "Days": 4, "Wave": 0},
    {"p": 2, "Key": "k2", "Y": "2018/2019", "Kind": "X", "Days": 5, "Wave": 1},
    {"p": 7, "Key": "k7", "Y": "2017/2018", "Kind": "X", "Days": None, "Wave": 0},
    {"p": 95, "Key": None, "Y": "2017/2018", "Kind": "X", "Days": 9, "Wave": 1},
]
LAS: list[dict[str, Any]] = [{"LA": 1, "Region": "N"}, {"LA": 2, "Region": "S"}, {"LA": 3, "Region": "S"}]
WORLD: dict[str, Any] = {"npd.a": A, "npd.b": B, "ref.las": LAS}


def answer(text: str, dialect: str = "tsql", least: int = 1) -> str:
    """The rows as `M 1, F 2`, and whether a person looks at them; or the codes of the refusals."""
    found = compiled(text, dialect)
    if found.plan is None:
        return f"refused: {' '.join(r.code for r in found.refusals)}"
    rows = written(shown(text, WORLD, dialect, least))
    return f"{rows or 'no row'}{' (looked at)' if found.review else ''}"


def answered(table: str, dialect: str = "tsql") -> Callable[[str, str], None]:
    """The test of a drawn table of texts: each has exactly this answer."""

    @pytest.mark.parametrize(("text", "rows"), drawn(table))
    def test(text: str, rows: str) -> None:
        assert answer(text, dialect) == rows

    return test


def answered_in_duckdb(table: str) -> Callable[[str, str], None]:
    return answered(table, "duckdb")


def refused(table: str) -> Callable[[str, str], None]:
    """The test of a drawn table of texts: each is refused, and this code is among the reasons."""

    @pytest.mark.parametrize(("text", "code"), drawn(table))
    def test(text: str, code: str) -> None:
        assert code in answer(text).removeprefix("refused: ").split()

    return test
