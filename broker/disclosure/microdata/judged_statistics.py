"""The rules' findings on each statistic of a tabulated file, cell by cell and across cells."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, partial
from typing import NamedTuple

from broker.disclosure.microdata.tabulation import StatisticRequest, TabulatedCell, Tabulation
from broker.disclosure.protected_values import empty_evidence, round_count, rounded_value
from broker.disclosure.rules import RuleInput, findings_of
from broker.disclosure.rules.distribution import quantile_spans
from broker.disclosure.rules.rule import finding
from broker.disclosure.rules.rule_input import POLICY_VERDICTS, decimal
from broker.disclosure.suppression.cell_systems import CellCoordinates, ClosedTable
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Finding, Verdict, worst_verdict
from broker.domain.plans.plan import Measure, PlannedStatistic
from broker.domain.plans.scalars import ScalarType, Value
from broker.policy.disclosure_rules import DisclosureRules

PersonsByCell = Mapping[CellCoordinates, int]
FindingByCell = dict[CellCoordinates, Finding]
"""Of each cell: the distinct persons, or what is found on it."""


def full_lines(persons: PersonsByCell, profile: DisclosureRules) -> FindingByCell:
    """F3: a category that holds (nearly) all of its line of the table. A line that is the whole population, or along
    a dimension of one category, follows from the filter. Nothing else is taken for structure: a file declares none."""
    verdict, share = POLICY_VERDICTS[profile.full], decimal(profile.full_share)
    found: FindingByCell = {}
    if verdict is None or share is None:
        return found
    for line in lines(persons):
        top = max(line, key=line.__getitem__)
        total = sum(line.values())
        if line[top] >= share * total:
            sentence = "One category holds (nearly) everybody of its line of the table."
            found[top] = finding("F3", verdict, sentence, persons=line[top], line=total)
    return found


def nearly_full_lines(persons: PersonsByCell, profile: DisclosureRules) -> FindingByCell:
    """F4: without some k of its members a line is full: these few learn what all the others are."""
    found: FindingByCell = {}
    for line in lines(persons) if POLICY_VERDICTS[profile.full] is not None else ():
        top = max(line, key=line.__getitem__)
        others = sum(line.values()) - line[top]
        if 1 <= others <= profile.coalition < line[top]:
            sentence = "The few outside this category learn that everybody else of the line is in it."
            found[top] = finding("F4", Verdict.SUPPRESS, sentence, persons=line[top], others=others)
    return found


def zero_patterns(persons: PersonsByCell, profile: DisclosureRules) -> list[tuple[CellCoordinates, Finding]]:
    """F2: zeros are looked at by pattern and not one by one: a finding for all with one category of the last dimension.
    Its place has None where the pattern's cells differ."""
    verdict = POLICY_VERDICTS[profile.zeros]
    groups: dict[str | None, list[CellCoordinates]] = defaultdict(list)
    for place, n in persons.items():
        if n == 0 and verdict is not None:
            groups[place[-1]].append(place)
    patterns = []
    for places in groups.values():
        shared = tuple(p[0] if len(set(p)) == 1 else None for p in zip(*places, strict=True))
        assert verdict is not None
        patterns.append((shared, finding("F2", verdict, "Nobody stands behind these figures.", cells=len(places))))
    return patterns


def lines(persons: PersonsByCell) -> Iterator[dict[CellCoordinates, int]]:
    """Every line of the table and of each of its tables of totals: cells that differ in one dimension alone, where the
    others are not all summed over; of cells with somebody, and along dimensions with several categories of them."""
    found = {p: n for p, n in persons.items() if n}
    width = len(next(iter(found), ()))
    for axis in range(width):
        groups: dict[CellCoordinates, dict[CellCoordinates, int]] = defaultdict(dict)
        for place, n in found.items():
            rest = place[:axis] + place[axis + 1 :]
            if place[axis] is not None and any(c is not None for c in rest):
                groups[rest][place] = n
        if len({p[axis] for line in groups.values() for p in line}) > 1:
            yield from groups.values()


def line_findings(persons: PersonsByCell, profile: DisclosureRules) -> dict[CellCoordinates, tuple[Finding, ...]]:
    """All findings of a count's cells that the cells alone do not show."""
    findings: dict[CellCoordinates, tuple[Finding, ...]] = defaultdict(tuple)
    for rule in LINE_RULES:
        for place, said in rule(persons, profile).items():
            findings[place] += (replace(said, cell=place),)
    return dict(findings)


LINE_RULES = (full_lines, nearly_full_lines)


@dataclass(slots=True)
class StatisticSheet:
    """One statistic over the closed table while it is judged."""

    wanted: StatisticRequest
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
    tabulation: Tabulation, table: ClosedTable, found: Mapping[int, TabulatedCell], profile: DisclosureRules
) -> list[StatisticSheet]:
    """Every statistic by the rules on its cells, and counts by those across cells as well."""
    across = line_findings(persons_by_cell(tabulation, table), profile)
    fractions: dict[str | None, set[Decimal]] = defaultdict(set)
    for wanted in tabulation.wanted:
        if wanted.fraction is not None:
            fractions[wanted.column].add(wanted.fraction)
    near = {column: quantile_spans(of) for column, of in fractions.items()}
    cells = [found.get(i) for i in range(len(table.cells))]
    school = tabulation.by.index(tabulation.institution) if tabulation.institution in tabulation.by else None
    behind = [_cell_context(place, cell, school) for place, cell in zip(table.cells, cells, strict=True)]
    sheets = []
    for wanted in tabulation.wanted:
        span = near[wanted.column][wanted.fraction] if wanted.fraction is not None else None
        sheets.append(_sheet(wanted, cells, behind, across if wanted.column is None else {}, span, profile))
    return sheets


class _CellContext(NamedTuple):
    """What the rules ask of a cell, beside a statistic's own evidence."""

    place: CellCoordinates
    persons: int
    institutions: int | None
    largest_institution: int | None
    by_institution: bool


def _cell_context(place: CellCoordinates, cell: TabulatedCell | None, school: int | None) -> _CellContext:
    """`school` is the dimension of institutions."""
    own = school is not None and place[school] is not None
    if cell is None:
        return _CellContext(place, 0, None, None, own)
    return _CellContext(place, cell.persons, cell.institutions, cell.largest_institution, own)


def _sheet(
    wanted: StatisticRequest,
    cells: Sequence[TabulatedCell | None],
    behind: Sequence[_CellContext],
    across: Mapping[CellCoordinates, tuple[Finding, ...]],
    span: Decimal | None,
    profile: DisclosureRules,
) -> StatisticSheet:
    nothing, statistic = empty_evidence(wanted.measure), PlannedStatistic(0, wanted.measure, None, ScalarType.INT)
    box = min(wanted.fraction, 1 - wanted.fraction) if wanted.box and wanted.fraction is not None else None
    rules: Callable[[RuleInput], tuple[Finding, ...]] = partial(findings_of, profile=profile)
    if wanted.column is None:  # many cells of a count are alike: each question is asked once
        rules = cache(rules)
    sheet = StatisticSheet(wanted, [c.statistics[wanted] if c else nothing for c in cells], [], [])
    for evidence, at, some in zip(sheet.evidence, behind, _nonzero_persons(wanted, cells), strict=True):
        shown = _released_value(statistic, evidence, profile)
        rule_input = RuleInput(
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
        answers = (*rules(rule_input), *across.get(at.place, ()))
        sheet.shown.append(shown)
        sheet.rules.append(tuple(sorted({f.rule for f in answers})) if answers else ())
        sheet.verdicts.append(_verdict(answers) if answers else Verdict.PUBLISH)
    return sheet


def _verdict(answers: Iterable[Finding]) -> Verdict:
    verdicts = [f.verdict for f in answers]
    return Verdict.SUPPRESS if Verdict.SUPPRESS in verdicts else worst_verdict(verdicts)


def _released_value(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> Value:
    """What would be shown. No plan has multiplied the rows of a file, so its counts of rows are rounded as they are."""
    if statistic.measure is Measure.COUNT_ROWS:
        return round_count(evidence.value, profile)
    return rounded_value(statistic, evidence, profile, evidence.rows)


def _nonzero_persons(wanted: StatisticRequest, cells: Sequence[TabulatedCell | None]) -> Sequence[int | None]:
    """Of a mean, in each cell the persons whose total is not nothing."""
    if wanted.measure is not Measure.MEAN:
        return [None] * len(cells)
    total = StatisticRequest(Measure.SUM, wanted.column)
    return [c.statistics[total].persons if c else None for c in cells]


def persons_by_cell(tabulation: Tabulation, table: ClosedTable) -> dict[CellCoordinates, int]:
    found = {c.place: c.persons for c in tabulation.cells}
    return {place: found.get(place, 0) for place in table.cells}
