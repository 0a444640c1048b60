"""The attack on a published table given as text or rows (`broker attack`): reads it and answers."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from math import inf, isfinite
from typing import Any

from broker.disclosure.suppression.attack_intervals import AttackInterval, attack_intervals
from broker.disclosure.suppression.cell_systems import close_table
from broker.domain.errors import Invalid
from broker.domain.progress import Progress, no_progress
from broker.evidence.tabulation import CellCoordinates

VALUE = "value"
SHOWN_DIGITS = 6
LARGEST = 10.0**15
"""Beyond this, sums of floats are not exact to one unit."""


def attack_csv(text: str, integers: bool = False, progress: Progress = no_progress) -> list[dict[str, Any]]:
    """Attack a CSV whose columns are the dimensions and `value`. Raises Invalid if it cannot be read."""
    try:
        return _attack_lines(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), integers, progress)
    except csv.Error as fault:
        raise Invalid("bad-csv", f"The text is not valid CSV: {fault}.") from fault


def _attack_lines(reader: Iterator[list[str]], integers: bool, progress: Progress) -> list[dict[str, Any]]:
    header = [h.strip() for h in next(reader, [])]
    if VALUE not in header or len(header) < 2 or len(set(header)) != len(header) or "" in header:
        message = "The first line must name one or more dimensions and the column 'value', each once."
        raise Invalid("bad-header", message, "1")
    rows = []
    for number, cells in enumerate(reader, 2):
        if not cells:
            continue
        if len(cells) != len(header):
            message = f"This line has {len(cells)} fields, but the header has {len(header)}."
            raise Invalid("bad-row", message, str(number))
        rows.append(dict(zip(header, (c.strip() for c in cells), strict=True)))
    return attack_table([h for h in header if h != VALUE], rows, integers, progress)


def attack_table(
    dimensions: Sequence[str],
    rows: Sequence[Mapping[str, str | None]],
    integers: bool = False,
    progress: Progress = no_progress,
) -> list[dict[str, Any]]:
    """What can be derived about each suppressed cell, in the table's order. Raises Invalid for a bad value or a
    repeated cell.

    An empty dimension means the total over it, and an empty value a suppressed cell. Combinations without a row are
    also unknown (such as a margin that is not given), but are not part of the answer.
    """
    places: dict[CellCoordinates, float | None] = {}
    for number, row in enumerate(rows, 2):
        place = tuple(row.get(d) or None for d in dimensions)
        if place in places:
            raise Invalid("twice", f"The table has the cell of {_by(dimensions, place)} twice.", str(number))
        places[place] = _value(row.get(VALUE), number)
    table = close_table(places, len(dimensions))
    number_of = table.number_of()
    known = {number_of[p]: v for p, v in places.items() if v is not None}
    holes = {p: number_of[p] for p, v in places.items() if v is None}
    found = attack_intervals(table, known, list(holes.values()), integers, progress=progress)
    return [{"by": _by(dimensions, p)} | _interval_document(found[i]) for p, i in holes.items()]


def _value(text: str | None, line: int) -> float | None:
    if text is None or text == "":
        return None
    try:
        value = float(text)
    except ValueError:
        raise Invalid("bad-value", f"{text!r} is not a number. Leave a hidden figure empty.", str(line)) from None
    if not isfinite(value) or value < 0:
        raise Invalid("bad-value", f"{text!r} is not a number from zero.", str(line))
    # Bounds would be wrong by more than a unit.
    if value > LARGEST:
        raise Invalid("bad-value", f"{text!r} is too large to compute with exactly.", str(line))
    return value


def _by(dimensions: Sequence[str], place: CellCoordinates) -> dict[str, str | None]:
    return dict(zip(dimensions, place, strict=True))


def _interval_document(interval: AttackInterval) -> dict[str, Any]:
    return {"low": _plain_bound(interval.low), "high": _plain_bound(interval.high), "exact": interval.exact}


def _plain_bound(value: float) -> float | int | None:
    """The bound without the solver's noise; None if there is no bound."""
    if abs(value) == inf:
        return None
    whole = round(value)
    return whole if abs(value - whole) <= 10**-SHOWN_DIGITS else round(value, SHOWN_DIGITS)
