"""Assess of a file of person rows by its tabulated evidence: rules, repair, values. Reads no file, counts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from broker.disclosure.evaluate import number
from broker.disclosure.full_rows import full_cells
from broker.disclosure.protect import empty, protected
from broker.disclosure.repair import Task, audit, repair
from broker.disclosure.rules import MAGNITUDES, Question, findings_of, worst
from broker.disclosure.tables import ClosedTable, Place, close_categories
from broker.domain.outputs import CellEvidence, StatisticEvidence, Verdict
from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import Type, Value
from broker.policy.models import Profile, ZeroPolicy

TOLERANCE = 1e-6


class Wanted(NamedTuple):
    """A statistic asked for: COUNT_ROWS of nothing, others of a column; a quantile's fraction, maybe for a box plot."""

    measure: Measure
    column: str | None = None
    fraction: Decimal | None = None
    box: bool = False



@dataclass(frozen=True, slots=True)
class TabulatedCell:
    """One observed cell or total: rows, distinct persons, institutions where asked, evidence by statistic."""

    place: Place
    rows: int
    persons: int
    institutions: int | None
    statistics: Mapping[Wanted, StatisticEvidence]
    largest_institution: int | None = None


@dataclass(frozen=True, slots=True)
class Tabulation:
    """A file as cells: `categories` for each dimension in the order shown ("(missing)" for none), totals if asked for.

    Cells in which nobody is need not be there. SUM and MEAN evidence of one column is given together, whichever
    was asked for: persons of SUM have a non-zero total, those of MEAN a value.
    """

    by: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    totals: bool
    wanted: tuple[Wanted, ...]
    cells: tuple[TabulatedCell, ...]
    institution: str | None = None


@dataclass(slots=True)
class Sheet:
    """One statistic over the closed table while it is judged."""

    wanted: Wanted
    evidence: list[StatisticEvidence]
    rules: list[tuple[str, ...]]
    verdicts: list[Verdict]
    hidden: frozenset[int] = field(default_factory=frozenset)

    @property
    def unsafe(self) -> frozenset[int]:
        """Cells that may not be shown by the rules, or not before a person has looked at them."""
        return frozenset(i for i, v in enumerate(self.verdicts) if v is not Verdict.PUBLISH)


def assess(tabulation: Tabulation, profile: Profile) -> dict[str, Any]:
    """The disclosure rules on a file of person rows (`broker assess`), for staff.

    Holes of a count are kept in every sum and mean of the table, and sum and mean of one column have the same
    holes: each of them with the others would give the missing one.
    """
    table = close_categories(tabulation.categories, [tabulation.totals] * len(tabulation.by))
    number_of = table.number_of()
    found = {number_of[c.place]: c for c in tabulation.cells}
    full = _full(tabulation, profile)
    sheets = [_sheet(w, table, found, full, profile) for w in tabulation.wanted]
    audited = {"exact": 0, "narrow": 0}
    counts = [s for s in sheets if s.wanted[1] is None]
    columns = dict.fromkeys(s.wanted[1] for s in sheets if s.wanted[1] is not None)
    cover: frozenset[int] = frozenset()
    for group in [counts, *([s for s in sheets if s.wanted[1] == c] for c in columns)]:
        if group:
            hidden = _repair_group(group, table, found, cover, profile, audited)
            cover = cover or (hidden if group is counts else frozenset())
    cells = [
        _told(tabulation, table.cells[i], sheet, i, found.get(i), profile)
        for i in range(len(table.cells))
        for sheet in sheets
    ]
    return {"cells": cells, "audit": audited}


def _sheet(
    wanted: Wanted, table: ClosedTable, found: Mapping[int, TabulatedCell], full: frozenset[Place], profile: Profile
) -> Sheet:
    evidence = [found[i].statistics[wanted] if i in found else empty(wanted[0]) for i in range(len(table.cells))]
    sheet = Sheet(wanted, evidence, [], [])
    for i, place in enumerate(table.cells):
        cell = found.get(i)
        ask = Question(
            wanted[0], evidence[i], cell.persons if cell else 0, institutions=cell.institutions if cell else None
        )
        answers = findings_of(ask, profile)
        rules = {f.rule for f in answers}
        verdicts = [f.verdict for f in answers]
        if place in full and wanted[0] is Measure.COUNT_ROWS:
            rules.add("F3")
            verdicts.append(Verdict.SUPPRESS if profile.full is ZeroPolicy.SUPPRESS else Verdict.REVIEW)
        sheet.rules.append(tuple(sorted(rules)))
        sheet.verdicts.append(Verdict.SUPPRESS if Verdict.SUPPRESS in verdicts else worst(verdicts))
    return sheet


def _full(tabulation: Tabulation, profile: Profile) -> frozenset[Place]:
    if profile.full is ZeroPolicy.PUBLISH:
        return frozenset()
    inner = [CellEvidence(c.place, c.rows, c.persons, {}) for c in tabulation.cells if None not in c.place]
    return frozenset(
        tuple(None if k is None else str(k) for k in keys) for keys in full_cells(inner, profile.full_share)
    )


def _repair_group(
    group: Sequence[Sheet],
    table: ClosedTable,
    found: Mapping[int, TabulatedCell],
    cover: frozenset[int],
    profile: Profile,
    audited: dict[str, int],
) -> frozenset[int]:
    """One pattern of holes for all sheets of the group; what the audit finds is added up."""
    unsafe = frozenset().union(*(s.unsafe for s in group))
    first = group[0]
    values = [_amount(e, first.wanted[0]) for e in first.evidence]
    widths = {i: _width(first.evidence[i], first.wanted[0], profile) for i in unsafe}
    known = {i for i, v in enumerate(values) if v == 0} | {i for i, c in found.items() if c.persons == 1}
    task = Task(table, values, widths, unsafe | cover, frozenset(known), any(v < 0 for v in values))
    hidden = repair(task)
    for target, interval in audit(task, hidden).items() if table.equations else ():
        width = interval.high - interval.low
        audited["exact"] += interval.exact
        audited["narrow"] += not interval.exact and width < widths[target] - TOLERANCE
    for sheet in group:
        sheet.hidden = hidden
    return hidden


def _amount(evidence: StatisticEvidence, measure: Measure) -> float:
    """What adds up over the table: rows, or the column's sum (for its mean, too)."""
    value = evidence.total if measure in MAGNITUDES else evidence.value
    return 0.0 if value is None else float(number(value))


def _width(evidence: StatisticEvidence, measure: Measure, profile: Profile) -> float:
    """How far apart what is derived must be: for counts the profile's, for sums what protects the largest person."""
    if measure not in MAGNITUDES:
        return float(profile.min_interval)
    largest = 0.0 if evidence.largest is None else abs(float(number(evidence.largest)))
    return max(largest * (profile.p_percent or 10.0) / 100, 1.0)


def _told(
    tabulation: Tabulation, place: Place, sheet: Sheet, i: int, cell: TabulatedCell | None, profile: Profile
) -> dict[str, Any]:
    measure, column = sheet.wanted
    verdict, rules = sheet.verdicts[i], sheet.rules[i]
    primary = verdict in {Verdict.SUPPRESS, Verdict.REFUSE}
    if verdict is Verdict.PUBLISH and i in sheet.hidden:
        verdict, rules = Verdict.SUPPRESS, ("X1",)
    statistic = Statistic(0, measure, None, Type.INT)
    released = protected(statistic, sheet.evidence[i], profile) if verdict is Verdict.PUBLISH else None
    value = sheet.evidence[i].total if measure is Measure.SUM and cell else sheet.evidence[i].value
    counted = sheet.evidence[i].persons if column is not None else (cell.persons if cell else 0)
    return {
        "by": dict(zip(tabulation.by, place, strict=True)),
        "statistic": _name(sheet.wanted),
        "value": plain(value),
        "released": plain(released),
        "persons": counted,
        "verdict": verdict.value,
        "rules": list(rules),
        "primary": primary,
    }


def _name(wanted: Wanted) -> str:
    measure, column = wanted
    return "count" if column is None else f"{measure.value}({column})"


def plain(value: Value) -> Any:
    """A figure as a JSON number: whole where it is whole."""
    if isinstance(value, Decimal | float):
        return int(value) if value == int(value) else float(value)
    return value
