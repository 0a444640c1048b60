"""Tabulates person rows in plain Python: the reference for engines, for small files. Judges nothing, reads no file."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from broker.disclosure.suppression.cell_systems import CellCoordinates, containing_totals
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.measure import MAGNITUDES, Measure
from broker.domain.plans.scalars import MISSING_LABEL, Value
from broker.evidence.tabulation import (
    StatisticRequest,
    TabulatedCell,
    Tabulation,
    TabulationRequest,
    ValueTally,
    check_request,
    distribution_evidence,
)
from broker.postprocessing.exact_arithmetic import Number, absolute, as_number

Columns = Mapping[str, Sequence[Value]]


def tabulate_rows(columns: Columns, request: TabulationRequest) -> Tabulation:
    """Cells, totals and evidence of a file given by columns. A row without a unit is a person of its own."""
    _check(columns, request)
    rows = len(columns[request.unit])
    places: list[CellCoordinates] = list(zip(*([category(v) for v in columns[d]] for d in request.by), strict=True))
    cells: dict[CellCoordinates, _RowsOfCell] = defaultdict(lambda: _RowsOfCell(request))
    taken = [_row(columns, request, i) for i in range(rows)]
    for i in range(rows):
        for place in containing_totals(places[i], range(len(request.by))) if request.totals else [places[i]]:
            cells[place].rows.append(taken[i])
    categories = tuple(tuple(sorted({p[a] or "" for p in places}, key=_last)) for a in range(len(request.by)))
    return Tabulation(
        request.by,
        categories,
        request.totals,
        request.wanted,
        tuple(c.tabulated(p) for p, c in cells.items()),
        request.institution,
    )


class _PersonRow(NamedTuple):
    person: object
    school: str | None
    values: Mapping[str, Decimal | int | str | None]


def _row(columns: Columns, request: TabulationRequest, i: int) -> _PersonRow:
    unit = columns[request.unit][i]
    school = columns[request.institution][i] if request.institution else None
    read = dict.fromkeys((*request.measures, *request.ordered))
    values: dict[str, Decimal | int | str | None] = {}
    for name in read:
        value = columns[name][i]
        is_number = name in request.numbers
        values[name] = None if _is_missing(value) else _amount(value, name, i) if is_number else str(value)
    person = (None, i) if _is_missing(unit) else unit
    return _PersonRow(person, None if _is_missing(school) else str(school), values)


class _RowsOfCell:
    """The rows of a cell."""

    def __init__(self, request: TabulationRequest) -> None:
        self.request = request
        self.rows: list[_PersonRow] = []

    def tabulated(self, place: CellCoordinates) -> TabulatedCell:
        sums = [StatisticRequest(Measure.SUM, m) for m in self.request.measures]
        found = {w: self._evidence(w) for w in (*self.request.wanted, *sums)}
        persons = len({r.person for r in self.rows})
        if self.request.institution is None:
            return TabulatedCell(place, len(self.rows), persons, None, found)
        members: dict[str, set[object]] = defaultdict(set)
        for row in self.rows:
            if row.school is not None:
                members[row.school].add(row.person)
        most = max((len(m) for m in members.values()), default=0)
        return TabulatedCell(place, len(self.rows), persons, len(members), found, most)

    def _evidence(self, wanted: StatisticRequest) -> StatisticEvidence:
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
            totals[row.person] += as_number(value)
            if row.school is not None:
                sizes[row.school] += absolute(value)
        return self._with_institutions(evidence_of(wanted.measure, list(totals.values()), len(valued)), sizes)

    def _place(self, wanted: StatisticRequest, valued: list[tuple[_PersonRow, Any]]) -> StatisticEvidence:
        who: dict[Any, list[object]] = defaultdict(list)
        for row, value in valued:
            who[value].append(row.person)
        tally = [ValueTally(v, len(found), len(set(found))) for v, found in who.items()]
        rows = Counter(r.person for r, _ in valued)
        return distribution_evidence(wanted, tally, len(rows), max(rows.values(), default=0), self.request.needs)

    def _with_institutions(self, evidence: StatisticEvidence, schools: Mapping[str, Number]) -> StatisticEvidence:
        if self.request.institution is None or not evidence.rows:
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
    largest, second = two_largest(map(absolute, totals))
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
    return MISSING_LABEL if _is_missing(value) else str(value)


def _is_missing(value: Value) -> bool:
    return value is None or value == "" or value != value


def _amount(value: Value, column: str, row: int) -> Decimal | int:
    try:
        found = as_number(value) if not isinstance(value, str) else Decimal(value)
    except ArithmeticError:
        found = Decimal("NaN")
    if not Decimal(found).is_finite():
        raise Invalid("bad-number", f"Column {column!r} has a value that is no number.", f"row {row + 1}")
    return found


def _check(columns: Columns, request: TabulationRequest) -> None:
    check_request(request)
    missing = [n for n in request.columns if n not in columns]
    if missing:
        raise Invalid("no-column", f"The file has no column {missing[0]!r}; it has {', '.join(columns)}.")


def _last(name: str) -> tuple[bool, str]:
    """In order of text, the missing category last."""
    return (name == MISSING_LABEL, name)
