"""The rules' word on each statistic of a tabulated file, cell by cell and across cells. Repairs and tells nothing."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from typing import NamedTuple

from broker.disclosure.files.across_cells import found_across
from broker.disclosure.files.tabulation import TabulatedCell, Tabulation, Wanted
from broker.disclosure.protect import empty, protected, round_count
from broker.disclosure.repair.tables import ClosedTable, Place
from broker.disclosure.rules import Question, findings_of
from broker.disclosure.rules.position import spans
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Finding, Verdict, worst
from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import Type, Value
from broker.policy.profiles import Profile


@dataclass(slots=True)
class Sheet:
    """One statistic over the closed table while it is judged."""

    wanted: Wanted
    evidence: list[StatisticEvidence]
    rules: list[tuple[str, ...]]
    verdicts: list[Verdict]
    shown: list[Value] = field(default_factory=list)
    """What each cell's figure would be released as."""
    hidden: frozenset[int] = field(default_factory=frozenset)
    broken: frozenset[int] = field(default_factory=frozenset)
    """Where another part of the same box plot is hidden."""

    @property
    def unsafe(self) -> frozenset[int]:
        """Cells that may not be shown by the rules, or not before a person has looked at them."""
        return frozenset(i for i, v in enumerate(self.verdicts) if v is not Verdict.PUBLISH)


def judged_sheets(
    tabulation: Tabulation, table: ClosedTable, found: Mapping[int, TabulatedCell], profile: Profile
) -> list[Sheet]:
    """Every statistic by the rules on its cells, and counts by those across cells as well."""
    across = found_across(persons_of(tabulation, table), profile)
    fractions: dict[str | None, set[Decimal]] = defaultdict(set)
    for wanted in tabulation.wanted:
        if wanted.fraction is not None:
            fractions[wanted.column].add(wanted.fraction)
    near = {column: spans(of) for column, of in fractions.items()}
    cells = [found.get(i) for i in range(len(table.cells))]
    school = tabulation.by.index(tabulation.institution) if tabulation.institution in tabulation.by else None
    behind = [_behind(place, cell, school) for place, cell in zip(table.cells, cells, strict=True)]
    sheets = []
    for wanted in tabulation.wanted:
        span = near[wanted.column][wanted.fraction] if wanted.fraction is not None else None
        sheets.append(_sheet(wanted, cells, behind, across if wanted.column is None else {}, span, profile))
    return sheets


class _Behind(NamedTuple):
    """What the rules ask of a cell, beside a statistic's own evidence."""

    place: Place
    persons: int
    institutions: int | None
    largest_institution: int | None
    by_institution: bool


def _behind(place: Place, cell: TabulatedCell | None, school: int | None) -> _Behind:
    """`school` is the dimension of institutions."""
    own = school is not None and place[school] is not None
    if cell is None:
        return _Behind(place, 0, None, None, own)
    return _Behind(place, cell.persons, cell.institutions, cell.largest_institution, own)


def _sheet(
    wanted: Wanted,
    cells: Sequence[TabulatedCell | None],
    behind: Sequence[_Behind],
    across: Mapping[Place, tuple[Finding, ...]],
    span: Decimal | None,
    profile: Profile,
) -> Sheet:
    nothing, statistic = empty(wanted.measure), Statistic(0, wanted.measure, None, Type.INT)
    box = min(wanted.fraction, 1 - wanted.fraction) if wanted.box and wanted.fraction is not None else None
    rules: Callable[[Question], tuple[Finding, ...]] = partial(findings_of, profile=profile)
    if wanted.column is None:  # many cells of a count are alike: each question is asked once
        rules = cache(rules)
    sheet = Sheet(wanted, [c.statistics[wanted] if c else nothing for c in cells], [], [])
    for evidence, at, some in zip(sheet.evidence, behind, _some(wanted, cells), strict=True):
        shown = _safe(statistic, evidence, profile)
        ask = Question(
            wanted.measure,
            evidence,
            at.persons,
            institutions=at.institutions,
            protected=shown,
            largest_institution=at.largest_institution,
            by_institution=at.by_institution,
            margin=None in at.place,
            span=span,
            some=some,
            box=box,
        )
        answers = (*rules(ask), *across.get(at.place, ()))
        sheet.shown.append(shown)
        sheet.rules.append(tuple(sorted({f.rule for f in answers})) if answers else ())
        sheet.verdicts.append(_verdict(answers) if answers else Verdict.PUBLISH)
    return sheet


def _verdict(answers: Iterable[Finding]) -> Verdict:
    verdicts = [f.verdict for f in answers]
    return Verdict.SUPPRESS if Verdict.SUPPRESS in verdicts else worst(verdicts)


def _safe(statistic: Statistic, evidence: StatisticEvidence, profile: Profile) -> Value:
    """What would be shown. No plan has multiplied the rows of a file, so its counts of rows are rounded as they are."""
    if statistic.measure is Measure.COUNT_ROWS:
        return round_count(evidence.value, profile)
    return protected(statistic, evidence, profile, evidence.rows)


def _some(wanted: Wanted, cells: Sequence[TabulatedCell | None]) -> Sequence[int | None]:
    """Of a mean, in each cell the persons whose total is not nothing."""
    if wanted.measure is not Measure.MEAN:
        return [None] * len(cells)
    total = Wanted(Measure.SUM, wanted.column)
    return [c.statistics[total].persons if c else None for c in cells]


def persons_of(tabulation: Tabulation, table: ClosedTable) -> dict[Place, int]:
    found = {c.place: c.persons for c in tabulation.cells}
    return {place: found.get(place, 0) for place in table.cells}
