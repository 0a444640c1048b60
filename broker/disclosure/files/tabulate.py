"""Tabulates person rows in plain Python: the reference for engines, for small files. Judges nothing, reads no file."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from broker.disclosure.files.positions import Tally, place_evidence
from broker.disclosure.files.tabulation import Asked, TabulatedCell, Tabulation, Wanted, check_asked
from broker.disclosure.repair.tables import Place, totals_above
from broker.disclosure.rules import MAGNITUDES
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans import Measure
from broker.domain.scalars import MISSING, Value
from broker.postprocessing.evaluate import Number, number, size

Columns = Mapping[str, Sequence[Value]]


def tabulate_rows(columns: Columns, asked: Asked) -> Tabulation:
    """Cells, totals and evidence of a file given by columns. A row without a unit is a person of its own."""
    _check(columns, asked)
    rows = len(columns[asked.unit])
    places: list[Place] = list(zip(*([category(v) for v in columns[d]] for d in asked.by), strict=True))
    cells: dict[Place, _Cell] = defaultdict(lambda: _Cell(asked))
    taken = [_row(columns, asked, i) for i in range(rows)]
    for i in range(rows):
        for place in totals_above(places[i], range(len(asked.by))) if asked.totals else [places[i]]:
            cells[place].rows.append(taken[i])
    categories = tuple(tuple(sorted({p[a] or "" for p in places}, key=_last)) for a in range(len(asked.by)))
    return Tabulation(
        asked.by, categories, asked.totals, asked.wanted, tuple(c.told(p) for p, c in cells.items()), asked.institution
    )


class _Row(NamedTuple):
    person: object
    school: str | None
    values: Mapping[str, Decimal | int | str | None]


def _row(columns: Columns, asked: Asked, i: int) -> _Row:
    unit = columns[asked.unit][i]
    school = columns[asked.institution][i] if asked.institution else None
    read = dict.fromkeys((*asked.measures, *asked.ordered))
    values: dict[str, Decimal | int | str | None] = {}
    for name in read:
        value = columns[name][i]
        is_number = name in asked.numbers
        values[name] = None if _is_missing(value) else _amount(value, name, i) if is_number else str(value)
    person = (None, i) if _is_missing(unit) else unit
    return _Row(person, None if _is_missing(school) else str(school), values)


class _Cell:
    """The rows of a cell."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.rows: list[_Row] = []

    def told(self, place: Place) -> TabulatedCell:
        sums = [Wanted(Measure.SUM, m) for m in self.asked.measures]
        found = {w: self._evidence(w) for w in (*self.asked.wanted, *sums)}
        persons = len({r.person for r in self.rows})
        if self.asked.institution is None:
            return TabulatedCell(place, len(self.rows), persons, None, found)
        members: dict[str, set[object]] = defaultdict(set)
        for row in self.rows:
            if row.school is not None:
                members[row.school].add(row.person)
        most = max((len(m) for m in members.values()), default=0)
        return TabulatedCell(place, len(self.rows), persons, len(members), found, most)

    def _evidence(self, wanted: Wanted) -> StatisticEvidence:
        if wanted.column is None:
            rows = Counter(r.person for r in self.rows)
            schools = Counter(r.school for r in self.rows if r.school is not None)
            large = two_largest(rows.values())
            first = StatisticEvidence(len(self.rows), len(self.rows), len(rows), largest=large[0], second=large[1])
            return self._with_institutions(first, schools)
        valued = [(r, v) for r in self.rows if (v := r.values[wanted.column]) is not None]
        if wanted.measure not in MAGNITUDES:
            return self._place(wanted, valued)
        totals: dict[object, Number] = defaultdict(int)
        sizes: dict[str, Number] = defaultdict(int)
        for row, value in valued:
            totals[row.person] += number(value)
            if row.school is not None:
                sizes[row.school] += size(value)
        return self._with_institutions(evidence_of(wanted.measure, list(totals.values()), len(valued)), sizes)

    def _place(self, wanted: Wanted, valued: list[tuple[_Row, Any]]) -> StatisticEvidence:
        who: dict[Any, list[object]] = defaultdict(list)
        for row, value in valued:
            who[value].append(row.person)
        tally = [Tally(v, len(found), len(set(found))) for v, found in who.items()]
        rows = Counter(r.person for r, _ in valued)
        return place_evidence(wanted, tally, len(rows), max(rows.values(), default=0), self.asked.needs)

    def _with_institutions(self, evidence: StatisticEvidence, schools: Mapping[str, Number]) -> StatisticEvidence:
        if self.asked.institution is None or not evidence.rows:
            return evidence
        largest, second = two_largest(schools.values())
        return replace(evidence, institution_largest=largest, institution_second=second)


def two_largest(values: Iterable[Any]) -> tuple[Any, Any]:
    """The two largest of sizes; nothing is 0."""
    found = sorted(values, reverse=True)[:2]
    return (*found, 0, 0)[:2]


def evidence_of(measure: Measure, totals: Sequence[Any], rows: int) -> StatisticEvidence:
    """Evidence of a sum or mean from each person's total."""
    if not totals:
        return StatisticEvidence(None, 0, 0)
    total = sum(totals)
    largest, second = two_largest(map(size, totals))
    return StatisticEvidence(
        value=total if measure is Measure.SUM else Decimal(total) / Decimal(rows),
        rows=rows,
        persons=sum(t != 0 for t in totals) if measure is Measure.SUM else len(totals),
        largest=largest,
        second=second,
        low=min(totals),
        high=max(totals),
        total=total,
        others=len(totals) - max(Counter(totals).values()),
    )


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
    check_asked(asked)
    missing = [n for n in asked.columns if n not in columns]
    if missing:
        raise Invalid("no-column", f"The file has no column {missing[0]!r}; it has {', '.join(columns)}.")


def _last(name: str) -> tuple[bool, str]:
    """In order of text, the missing category last."""
    return (name == MISSING, name)
