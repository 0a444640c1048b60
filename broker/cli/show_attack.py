"""How `broker attack` tells people what can be worked out of a table's holes. Works out nothing itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from broker.cli.show import print_table, say

TOTAL = "(total)"
NO_BOUND = "no bound"


def print_attack(cells: Sequence[Mapping[str, Any]]) -> None:
    """A line a hole: its place, between which values it must be, and whether it is known exactly."""
    if not cells:
        say("The table has no hole.")
        return
    dimensions = list(cells[0]["by"])
    print_table([*dimensions, "low", "high", "exactly known"], [_line(cell) for cell in cells])
    known = sum(cell["exact"] for cell in cells)
    say(f"{len(cells):,} {'hole' if len(cells) == 1 else 'holes'}, {known:,} exactly known")


def _line(cell: Mapping[str, Any]) -> list[str]:
    place = [TOTAL if value is None else value for value in cell["by"].values()]
    return [*place, _bound(cell["low"]), _bound(cell["high"]), "yes" if cell["exact"] else "no"]


def _bound(value: float | None) -> str:
    return NO_BOUND if value is None else str(value)
