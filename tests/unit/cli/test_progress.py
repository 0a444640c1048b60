"""A bar is for people at a terminal: never where a program reads, and not in a file."""

import io

import pytest
from rich.console import Console

from broker.cli import progress


@pytest.mark.parametrize(
    ("quiet", "terminal", "drawn"), [(False, True, True), (True, True, False), (False, False, False)]
)
def test_a_bar_is_drawn_at_a_terminal_only(quiet, terminal, drawn, monkeypatch):
    seen = io.StringIO()
    monkeypatch.setattr(progress, "err", Console(file=seen, force_terminal=terminal, width=80))
    with progress.bar("an audit", quiet) as tell:
        tell("cell 3", 3, 10)
    assert ("an audit" in seen.getvalue()) == drawn
    assert ("cell 3" in seen.getvalue()) == drawn
    assert drawn or seen.getvalue() == ""
