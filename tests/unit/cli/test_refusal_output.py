"""Refusals at the command line, drawn line by line."""

import io

import pytest
from rich.console import Console

from broker.cli.output import check_output, console
from broker.cli.output.check_output import EXCERPT_WIDTH, excerpt, refusal_lines


@pytest.mark.parametrize(("line", "column", "shown", "caret"), [
    ("SELECT LA", 1, "SELECT LA", "^"),
    ("SELECT LA", 8, "SELECT LA", "       ^"),
    ("SELECT LA", 10, "SELECT LA", "         ^"),
    ("SELECT LA", 99, "SELECT LA", "         ^"),
    ("\tSELECT\tLA", 9, "\tSELECT\tLA", "\t      \t^"),
    ("WHERE 'École' = x", 17, "WHERE 'École' = x", "                ^"),
    ("WHERE '学校' = x", 14, "WHERE '学校' = x", "               ^"),
    ("a\x1b[31mb", 7, "a?[31mb", "      ^"),
    ("", 1, "", "^"),
])  # fmt: skip
def test_the_caret_is_under_the_column(line: str, column: int, shown: str, caret: str) -> None:
    assert excerpt(line, column) == (shown, caret)


LONG = "".join(f"{n:<10}" for n in range(0, 300, 10))


@pytest.mark.parametrize("column", [1, 30, 49, 50, 100, 150, 251, 252, 280, 300])
def test_a_long_line_is_cut_around_the_caret(column: int) -> None:
    shown, caret = excerpt(LONG, column)
    assert len(shown) <= EXCERPT_WIDTH + 6
    assert caret.strip() == "^"
    assert shown[caret.index("^") :].removesuffix("...").startswith(LONG[column - 1 : column + 20][:10].rstrip())
    assert shown.startswith("...") == (column > EXCERPT_WIDTH // 2 + 1)
    assert shown.endswith("...") == (column - 1 + EXCERPT_WIDTH // 2 < 300)


def refusal(code: str, line: int | None, column: int | None, advice: str = "Do that.") -> dict[str, object]:
    return {"code": code, "message": "This is so.", "line": line, "column": column, "variable": None, "advice": advice}


TEXT = "SELECT MIN(LA) AS m\r\nFROM npd.absence\r\n\tWHERE Nope = 1"
DOCUMENT = {
    "verdict": "refused", "review": [], "advice": ["Take [care] :warning:."],
    "refusals": [
        refusal("project-expired", None, None), refusal("individual-value", 1, 8), refusal("unknown-variable", 3, 8),
        refusal("syntax", 4, 1, ""), refusal("header-long", 2, None),
    ],
    "uses": [{"table": "npd.absence", "variable": "LA", "first_year": 2005, "last_year": 2023, "how": ["read"]}],
}  # fmt: skip
DRAWN = """\
refused
project-expired: This is so.
    Do that.

1:8: individual-value: This is so.
    SELECT MIN(LA) AS m
           ^
    Do that.

3:8: unknown-variable: This is so.
    \tWHERE Nope = 1
    \t      ^
    Do that.

4:1: syntax: This is so.

2:1: header-long: This is so.
    FROM npd.absence
    ^
    Do that.
uses npd.absence.LA 2005-2023: read
note: Take [care] :warning:.
5 refusals, 1 use, 1 note
"""


def _printed(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> str:
    page = io.StringIO()
    drawing = Console(
        file=page, highlight=False, soft_wrap=True, emoji=False, force_terminal=terminal, width=40,
        color_system="standard" if terminal else None,
    )  # fmt: skip
    for module in (check_output, console):
        monkeypatch.setattr(module, "out", drawing)
    check_output.print_check(DOCUMENT, TEXT)
    return page.getvalue()


def test_a_check_is_drawn_with_each_refusal_at_its_place_and_colour_on_a_terminal_only(monkeypatch) -> None:
    assert _printed(monkeypatch, terminal=False) == DRAWN
    coloured = _printed(monkeypatch, terminal=True)
    assert "\x1b[31mrefused\x1b[0m" in coloured
    assert "\x1b[31m           ^\x1b[0m" in coloured


def test_lines_are_counted_as_both_languages_count_them() -> None:
    found = list(refusal_lines([refusal("x", 3, 1)], "one\r\ntwo\nthree\rfour"))
    assert found[1].text == "    three"
