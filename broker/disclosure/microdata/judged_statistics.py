"""The rules' findings on each statistic of a tabulated file, within cells and across cells."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, partial

from broker.disclosure.assessment_texts import FULL_LINE
from broker.disclosure.protected_values import empty_evidence, rounded_value
from broker.disclosure.rounded_counts import round_count
from broker.disclosure.rules import RuleInput, findings_of
from broker.disclosure.rules.distribution import quantile_spans
from broker.disclosure.rules.rule import finding
from broker.disclosure.rules.rule_input import POLICY_VERDICTS, decimal, exact
from broker.disclosure.suppression.cell_systems import ClosedTable
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Finding, Verdict, worst_verdict
from broker.domain.plans.measure import MAGNITUDES, RATIOS, Measure
from broker.domain.plans.plan import PlannedStatistic
from broker.domain.plans.scalars import ScalarType, Value
from broker.evidence.tabulation import CellCoordinates, StatisticRequest, TabulatedCell, Tabulation
from broker.policy.disclosure_rules import DisclosureRules

PersonsByCell = Mapping[CellCoordinates, int]
FindingByCell = dict[CellCoordinates, Finding]
"""By cell: the number of distinct persons, and the finding."""


def full_lines(persons: PersonsByCell, profile: DisclosureRules) -> FindingByCell:
    """F3: a category that holds (nearly) all persons of its line of the table. Lines of the whole population, and of
    dimensions with one category, are excluded because they follow from the filter. A file declares no other
    structure."""
    verdict, share = POLICY_VERDICTS[profile.full], decimal(profile.full_share)
    found: FindingByCell = {}
    if verdict is None or share is None:  # the rule is off
        return found
    for line in lines(persons):
        top = max(line, key=line.__getitem__)
        total = sum(line.values())
        if line[top] >= share * total:
            found[top] = finding("F3", verdict, FULL_LINE.sentence, persons=line[top], line=total)
    return found


def nearly_full_lines(persons: PersonsByCell, profile: DisclosureRules) -> FindingByCell:
    """F4: a line that is full without up to `coalition` of its members. Those few learn the category of all the
    others."""
    found: FindingByCell = {}
    for line in lines(persons) if POLICY_VERDICTS[profile.full] is not None else ():
        top = max(line, key=line.__getitem__)
        others = sum(line.values()) - line[top]
        if 1 <= others <= profile.coalition < line[top]:  # so few can combine what they know
            sentence = "The few persons outside this category learn that everybody else in the line is in it."
            found[top] = finding("F4", Verdict.SUPPRESS, sentence, persons=line[top], others=others)
    return found


def zero_patterns(persons: PersonsByCell, profile: DisclosureRules) -> list[tuple[CellCoordinates, Finding]]:
    """F2: one finding for all zero cells with the same category of the last dimension, so that people review patterns
    and not single cells. Coordinates in which the cells differ are None."""
    verdict = POLICY_VERDICTS[profile.zeros]
    if verdict is None:  # the rule is off
        return []
    groups: dict[str | None, list[CellCoordinates]] = defaultdict(list)
    for place in (p for p, n in persons.items() if n == 0):
        groups[place[-1]].append(place)
    patterns = []
    for places in groups.values():
        shared = tuple(p[0] if len(set(p)) == 1 else None for p in zip(*places, strict=True))
        patterns.append((shared, finding("F2", verdict, "These figures have no persons.", cells=len(places))))
    return patterns


def lines(persons: PersonsByCell) -> Iterator[dict[CellCoordinates, int]]:
    """Every line of the table and of its tables of totals: cells that differ in one dimension, where not all other
    dimensions are summed over. Empty cells are left out, as are dimensions with only one category in use."""
    found = {p: n for p, n in persons.items() if n}
    width = len(next(iter(found), ()))
    for axis in range(width):
        groups: dict[CellCoordinates, dict[CellCoordinates, int]] = defaultdict(dict)
        for place, n in found.items():
            rest = place[:axis] + place[axis + 1 :]
            if place[axis] is not None and any(c is not None for c in rest):  # the line of all totals is the population
                groups[rest][place] = n
        if len({p[axis] for line in groups.values() for p in line}) > 1:
            yield from groups.values()


def line_findings(persons: PersonsByCell, profile: DisclosureRules) -> dict[CellCoordinates, tuple[Finding, ...]]:
    """All findings on a count's cells that need other cells of the table."""
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
    """The released value of each cell's figure."""
    hidden: frozenset[int] = field(default_factory=frozenset)
    broken: frozenset[int] = field(default_factory=frozenset)
    """Cells where another part of the same box plot is hidden."""

    @property
    def unsafe(self) -> frozenset[int]:
        """Cells that the rules hide, or that a person must review first."""
        return frozenset(i for i, v in enumerate(self.verdicts) if v is not Verdict.PUBLISH)


def judged_sheets(
    tabulation: Tabulation, table: ClosedTable, found: Mapping[int, TabulatedCell], profile: DisclosureRules
) -> list[StatisticSheet]:
    """Judge every statistic by the rules on single cells, and counts also by the rules across cells."""
    across = line_findings(persons_by_cell(tabulation, table), profile)
    fractions: dict[str | None, set[Decimal]] = defaultdict(set)
    for wanted in tabulation.wanted:
        if wanted.fraction is not None:
            fractions[wanted.column].add(wanted.fraction)
    near = {column: quantile_spans(of) for column, of in fractions.items()}
    cells = [found.get(i) or TabulatedCell(place, 0, 0, None, {}) for i, place in enumerate(table.cells)]
    school = tabulation.by.index(tabulation.institution) if tabulation.institution in tabulation.by else None
    sheets = []
    for wanted in tabulation.wanted:
        span = near[wanted.column][wanted.fraction] if wanted.fraction is not None else None
        sheets.append(_sheet(wanted, cells, school, across if wanted.column is None else {}, span, profile))
    return sheets


def _sheet(
    wanted: StatisticRequest, cells: Sequence[TabulatedCell], school: int | None,
    across: Mapping[CellCoordinates, tuple[Finding, ...]], span: Decimal | None, profile: DisclosureRules,
) -> StatisticSheet:  # fmt: skip
    """`school` is the index of the dimension of institutions, or None. Cells without persons have no statistics."""
    nothing, statistic = empty_evidence(wanted.measure), PlannedStatistic(0, wanted.measure, None, ScalarType.INT)
    box = min(wanted.fraction, 1 - wanted.fraction) if wanted.box and wanted.fraction is not None else None
    rules: Callable[[RuleInput], tuple[Finding, ...]] = partial(findings_of, profile=profile)
    if wanted.column is None:  # many cells of a count are alike: judge each kind once
        rules = cache(rules)
    sheet = StatisticSheet(wanted, [c.statistics[wanted] if c.statistics else nothing for c in cells], [], [])
    for evidence, at, some in zip(sheet.evidence, cells, _nonzero_persons(wanted, cells), strict=True):
        shown = _released_value(statistic, evidence, profile)
        rule_input = RuleInput(
            wanted.measure,
            evidence,
            at.persons,
            institutions=at.institutions,
            protected=shown,
            mean_of_units=exact(shown) if wanted.measure is Measure.MEAN and shown is not None else None,
            largest_institution=at.largest_institution,
            by_institution=school is not None and at.place[school] is not None,
            margin=None in at.place,  # a total over some dimension
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


WITH_COUNT = frozenset({Measure.SUM, Measure.SHARE})
"""Measures that are released by means of the number of their rows."""


def _released_value(statistic: PlannedStatistic, evidence: StatisticEvidence, profile: DisclosureRules) -> Value:
    """The value that would be shown. Counts of rows are rounded as they are, because no plan has multiplied the rows of
    a file."""
    if statistic.measure is Measure.COUNT_ROWS:
        return round_count(evidence.value, profile)
    of_rows = replace(evidence, persons=evidence.rows) if statistic.measure in WITH_COUNT else None
    return rounded_value(statistic, evidence, profile, of_rows)


def _nonzero_persons(wanted: StatisticRequest, cells: Sequence[TabulatedCell]) -> Sequence[int | None]:
    """For a mean: in each cell the persons whose total is not 0."""
    if wanted.measure not in MAGNITUDES & RATIOS:
        return [None] * len(cells)
    total = StatisticRequest(Measure.SUM, wanted.column)
    return [c.statistics[total].persons if c.statistics else None for c in cells]


def persons_by_cell(tabulation: Tabulation, table: ClosedTable) -> dict[CellCoordinates, int]:
    found = {c.place: c.persons for c in tabulation.cells}
    return {place: found.get(place, 0) for place in table.cells}
