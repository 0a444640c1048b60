"""Tabulates person rows in plain Python: the reference for engines, for small files. Judges nothing, reads no file."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from broker.disclosure.evaluate import number, size
from broker.disclosure.microdata import TabulatedCell, Tabulation, Wanted
from broker.disclosure.tables import Place, totals_above
from broker.disclosure.wording import MISSING
from broker.domain.errors import Invalid
from broker.domain.outputs import StatisticEvidence
from broker.domain.plans import Measure
from broker.domain.scalars import Value

Columns = Mapping[str, Sequence[Value]]
Amounts = dict[object, "tuple[Decimal | int, int]"]
"""By person: the total of a column and the number of rows that have a value."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `broker assess`."""

    unit: str
    by: tuple[str, ...]
    count: bool = True
    sums: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    totals: bool = False
    institution: str | None = None


def tabulate_rows(columns: Columns, asked: Asked) -> Tabulation:
    """Cells, totals and evidence of a file given by columns. A row without a unit is a person of its own."""
    _check(columns, asked)
    rows = len(columns[asked.unit])
    places: list[Place] = list(zip(*([category(v) for v in columns[d]] for d in asked.by), strict=True))
    persons = [(None, i) if _is_missing(v) else v for i, v in enumerate(columns[asked.unit])]
    measures = tuple(dict.fromkeys((*asked.sums, *asked.means)))
    cells: dict[Place, _Cell] = defaultdict(lambda: _Cell(len(measures)))
    values = [[None if _is_missing(v) else _amount(v, m, i) for i, v in enumerate(columns[m])] for m in measures]
    schools = columns[asked.institution] if asked.institution else None
    for i in range(rows):
        cells[places[i]].add(persons[i], [v[i] for v in values], schools[i] if schools else None)
    if asked.totals:
        _add_totals(cells, len(asked.by))
    wanted: list[Wanted] = [(Measure.COUNT_ROWS, None)] if asked.count or not measures else []
    wanted += [(Measure.SUM, m) for m in asked.sums] + [(Measure.MEAN, m) for m in asked.means]
    categories = tuple(tuple(sorted({p[a] or "" for p in places}, key=_last)) for a in range(len(asked.by)))
    told = tuple(c.told(p, wanted, measures, schools is not None) for p, c in cells.items())
    return Tabulation(asked.by, categories, asked.totals, tuple(wanted), told)


class _Cell:
    """What gathers in a cell."""

    def __init__(self, measures: int) -> None:
        self.rows = 0
        self.persons: set[object] = set()
        self.schools: set[object] = set()
        self.amounts: list[Amounts] = [{} for _ in range(measures)]

    def add(self, person: object, values: Sequence[Decimal | int | None], school: object) -> None:
        self.rows += 1
        self.persons.add(person)
        if school is not None and school != "":
            self.schools.add(school)
        for amounts, value in zip(self.amounts, values, strict=True):
            if value is not None:
                total, rows = amounts.get(person, (0, 0))
                amounts[person] = (total + value, rows + 1)

    def merge(self, other: "_Cell") -> None:
        self.rows += other.rows
        self.persons |= other.persons
        self.schools |= other.schools
        for mine, theirs in zip(self.amounts, other.amounts, strict=True):
            for person, (total, rows) in theirs.items():
                before, count = mine.get(person, (0, 0))
                mine[person] = (before + total, count + rows)

    def told(self, place: Place, wanted: Sequence[Wanted], measures: Sequence[str], schools: bool) -> TabulatedCell:
        found: dict[Wanted, StatisticEvidence] = {}
        for measure, column in wanted:
            if column is None:
                found[measure, column] = StatisticEvidence(self.rows, self.rows, len(self.persons))
            else:
                found[measure, column] = evidence_of(measure, self.amounts[measures.index(column)])
        return TabulatedCell(place, self.rows, len(self.persons), len(self.schools) if schools else None, found)


def evidence_of(measure: Measure, amounts: Amounts) -> StatisticEvidence:
    """Evidence of a sum or mean from each person's total."""
    totals = sorted(t for t, _ in amounts.values())
    if not totals:
        return StatisticEvidence(None, 0, 0)
    rows = sum(n for _, n in amounts.values())
    total = sum(totals)
    ends = totals if len(totals) < 4 else [*totals[:2], *totals[-2:]]
    largest = sorted(map(size, ends), reverse=True)
    return StatisticEvidence(
        value=total if measure is Measure.SUM else Decimal(total) / Decimal(rows),
        rows=rows,
        persons=sum(t != 0 for t in totals) if measure is Measure.SUM else len(totals),
        largest=largest[0],
        second=largest[1] if len(largest) > 1 else 0,
        low=totals[0],
        high=totals[-1],
        total=total,
    )


def _add_totals(cells: dict[Place, _Cell], width: int) -> None:
    for place, cell in list(cells.items()):
        for above in totals_above(place, range(width)):
            if above != place:
                cells[above].merge(cell)


def category(value: Value) -> str:
    """A category as text; missing values are one category of their own."""
    return MISSING if _is_missing(value) else str(value)


def _is_missing(value: Value) -> bool:
    return value is None or value == "" or value != value


def _amount(value: Value, column: str, row: int) -> Decimal | int:
    try:
        found = number(value) if not isinstance(value, str) else Decimal(value)
    except ArithmeticError:
        found = Decimal("NaN")
    if not Decimal(found).is_finite():
        raise Invalid("bad-number", f"Column {column!r} has a value that is no number.", f"row {row + 1}")
    return found


def _check(columns: Columns, asked: Asked) -> None:
    names = [asked.unit, *asked.by, *asked.sums, *asked.means, *([asked.institution] if asked.institution else [])]
    missing = [n for n in names if n not in columns]
    if missing:
        raise Invalid("no-column", f"The file has no column {missing[0]!r}; it has {', '.join(columns)}.")
    if not asked.by or len(set(asked.by)) < len(asked.by):
        raise Invalid("bad-by", "Name one or more different columns to group by.")


def _last(name: str) -> tuple[bool, str]:
    """In order of text, the missing category last."""
    return (name == MISSING, name)
