"""The rules' word on each statistic of a tabulated file, cell by cell and across cells. Repairs and tells nothing."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from typing import NamedTuple

from broker.disclosure.files.across_cells import found_across
from broker.disclosure.files.tabulation import TabulatedCell, Tabulation, Wanted
from broker.disclosure.protect import empty, protected, round_count
from broker.disclosure.repair.tables import ClosedTable, Place
from broker.disclosure.rules import Question, findings_of, worst
from broker.disclosure.rules.position import spans
from broker.domain.outputs import Finding, StatisticEvidence, Verdict
from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import Type, Value
from broker.policy.models import Profile


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
    return [
        _sheet(w, tabulation, table, found, across if w.column is None else {}, near, profile)
        for w in tabulation.wanted
    ]


def _sheet(
    wanted: Wanted,
    tabulation: Tabulation,
    table: ClosedTable,
    found: Mapping[int, TabulatedCell],
    across: Mapping[Place, tuple[Finding, ...]],
    near: Mapping[str | None, Mapping[Decimal, Decimal]],
    profile: Profile,
) -> Sheet:
    nothing = empty(wanted.measure)
    evidence = [found[i].statistics[wanted] if i in found else nothing for i in range(len(table.cells))]
    sheet = Sheet(wanted, evidence, [], [])
    school = tabulation.by.index(tabulation.institution) if tabulation.institution in tabulation.by else None
    span = near[wanted.column][wanted.fraction] if wanted.fraction is not None else None
    judge = cache(partial(_judged, wanted, span, profile))
    for i, place in enumerate(table.cells):
        cell = found.get(i)
        behind = _Behind(
            cell.persons if cell else 0,
            cell.institutions if cell else None,
            cell.largest_institution if cell else None,
            school is not None and place[school] is not None,
            None in place,
            _some(wanted, cell),
        )
        shown, said = judge(evidence[i], behind)
        answers = [*said, *across.get(place, ())]
        verdicts = [f.verdict for f in answers]
        sheet.shown.append(shown)
        sheet.rules.append(tuple(sorted({f.rule for f in answers})))
        sheet.verdicts.append(Verdict.SUPPRESS if Verdict.SUPPRESS in verdicts else worst(verdicts))
    return sheet


class _Behind(NamedTuple):
    """What the rules ask of a cell, beside a statistic's own evidence."""

    persons: int
    institutions: int | None
    largest_institution: int | None
    by_institution: bool
    margin: bool
    some: int | None


def _judged(
    wanted: Wanted, span: Decimal | None, profile: Profile, evidence: StatisticEvidence, behind: _Behind
) -> tuple[Value, tuple[Finding, ...]]:
    """What would be shown, and the rules' word. Many cells of a count are alike: each kind is asked about once."""
    shown = _safe(wanted, evidence, profile)
    ask = Question(
        wanted.measure,
        evidence,
        behind.persons,
        institutions=behind.institutions,
        protected=shown,
        largest_institution=behind.largest_institution,
        by_institution=behind.by_institution,
        margin=behind.margin,
        span=span,
        some=behind.some,
        box=min(wanted.fraction, 1 - wanted.fraction) if wanted.box and wanted.fraction is not None else None,
    )
    return shown, findings_of(ask, profile)


def _safe(wanted: Wanted, evidence: StatisticEvidence, profile: Profile) -> Value:
    """What would be shown. No plan has multiplied the rows of a file, so its counts of rows are rounded as they are."""
    if wanted.measure is Measure.COUNT_ROWS:
        return round_count(evidence.value, profile)
    return protected(Statistic(0, wanted.measure, None, Type.INT), evidence, profile, evidence.rows)


def _some(wanted: Wanted, cell: TabulatedCell | None) -> int | None:
    """Of a mean, the persons whose total is not nothing."""
    if cell is None or wanted.measure is not Measure.MEAN:
        return None
    return cell.statistics[Wanted(Measure.SUM, wanted.column)].persons


def persons_of(tabulation: Tabulation, table: ClosedTable) -> dict[Place, int]:
    found = {c.place: c.persons for c in tabulation.cells}
    return {place: found.get(place, 0) for place in table.cells}
