"""What somebody could work out of a table as it would leave: the attack of disclosure control, for a checker's eyes.

It is asked as if nothing were rounded, so what it finds is more than a reader can. Only counts and sums add up; what
else a table holds is judged by its own rules.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from broker.disclosure.files.published import attack_table
from broker.disclosure.records.renderings import text_of_value
from broker.domain.errors import Invalid
from broker.domain.plans import Measure
from broker.domain.stored_values import value_from_json

ADDS_UP = {Measure.COUNT_ROWS.value, Measure.COUNT_VALUES.value, Measure.ONES.value, Measure.SUM.value}
MOST_ROWS, MOST_HOLES = 3000, 150
"""Beyond it the answer takes longer than a page may; `broker attack` has no such limit."""


@dataclass(frozen=True, slots=True)
class Derived:
    """A hidden figure and between which values it must be; `high` None is no bound."""

    cell: tuple[str, ...]
    exact: str
    low: str
    high: str | None
    known: bool


@dataclass(frozen=True, slots=True)
class Attacked:
    """A column: what was derived about each of its holes, or why nothing was asked."""

    column: str
    derived: tuple[Derived, ...]
    untried: str = ""

    @property
    def known(self) -> int:
        return sum(d.known for d in self.derived)


def attacked(staff: Mapping[str, Any]) -> tuple[Attacked, ...]:
    """Each column with a hidden figure. Empty for a private table, which hides by noise, and for a script's file."""
    if "rows" not in staff or "privacy" in staff:
        return ()
    columns = range(staff["key_count"], len(staff["columns"]))
    return tuple(_column(staff, c) for c in columns if any(row["suppressed"][c] for row in staff["rows"]))


def _column(staff: Mapping[str, Any], column: int) -> Attacked:
    name, rows = str(staff["columns"][column]), staff["rows"]
    holes = sum(row["suppressed"][column] for row in rows)
    measures = _measures(staff, column)
    if not measures or not measures <= ADDS_UP:
        return Attacked(name, (), "It does not add up over cells, so no other cell tells it.")
    if not staff["key_count"]:
        return Attacked(name, (), "The table is one cell.")
    if len(rows) > MOST_ROWS or holes > MOST_HOLES:
        return Attacked(name, (), f"{holes:,} holes in {len(rows):,} cells take too long here: use broker attack.")
    try:
        return Attacked(name, tuple(_derived(staff, column, measures)))
    except Invalid as fault:
        return Attacked(name, (), f"It cannot be asked: {fault.message}")


def _measures(staff: Mapping[str, Any], column: int) -> set[str]:
    """What the column is made of; gaps are of no column's own."""
    known = {ident: measure for table in staff.get("tables", ()) for ident, measure in table["statistics"]}
    behind = staff["behind"][column] if staff.get("behind") else ()
    return {known[i] for i in behind if i in known} - {Measure.GAP.value}


def _derived(staff: Mapping[str, Any], column: int, measures: set[str]) -> Iterator[Derived]:
    dimensions = [f"{n}" for n in range(staff["key_count"])]
    texts = [([_text(k) for k in row["keys"]], row) for row in staff["rows"]]
    given = [
        dict(zip(dimensions, keys, strict=True)) | {"value": "" if row["suppressed"][column] else _figure(row, column)}
        for keys, row in texts
    ]
    found = attack_table(dimensions, given, integers=Measure.SUM.value not in measures)
    hidden = [(keys, row) for keys, row in texts if row["suppressed"][column]]
    for (keys, row), answer in zip(hidden, found, strict=True):
        high = None if answer["high"] is None else f"{answer['high']:,}"
        yield Derived(tuple(keys), _text(row["exact"][column]), f"{answer['low']:,}", high, bool(answer["exact"]))


def _figure(row: Mapping[str, Any], column: int) -> str:
    return _text(row["exact"][column]) or "0"


def _text(value: Any) -> str:
    return text_of_value(value_from_json(value))
