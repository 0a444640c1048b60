"""Assess of a file of person rows by its tabulated evidence: rules, repair, values. Reads no file, counts nothing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple

from broker.disclosure.across_cells import found_across, zero_patterns
from broker.disclosure.attack import Progress, untold
from broker.disclosure.evaluate import number
from broker.disclosure.margins import Summed, repair_table
from broker.disclosure.protect import empty, protected, round_count
from broker.disclosure.rules import MAGNITUDES, PLACES, Question, findings_of, worst
from broker.disclosure.rules.position import spans
from broker.disclosure.tables import ClosedTable, Place, close_categories
from broker.domain.errors import Invalid
from broker.domain.outputs import Finding, StatisticEvidence, Verdict
from broker.domain.plans import Measure, Statistic
from broker.domain.scalars import Type, Value
from broker.policy.models import Profile, Rounding, ZeroPolicy

HALF = Decimal("0.5")


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
    shown: list[Value] = field(default_factory=list)
    """What each cell's figure would be released as."""
    hidden: frozenset[int] = field(default_factory=frozenset)
    broken: frozenset[int] = field(default_factory=frozenset)
    """Where another part of the same box plot is hidden."""

    @property
    def unsafe(self) -> frozenset[int]:
        """Cells that may not be shown by the rules, or not before a person has looked at them."""
        return frozenset(i for i, v in enumerate(self.verdicts) if v is not Verdict.PUBLISH)


def assess(tabulation: Tabulation, profile: Profile, progress: Progress = untold) -> dict[str, Any]:
    """The disclosure rules on a file of person rows (`broker assess`), for staff.

    Holes of a count are kept in every other figure of the table, and sum and mean of one column have the same
    holes: each of them with the others would give the missing one. Quantiles, deviations, extremes and modes add up
    to nothing, so no hole of theirs is worked out from the others.
    """
    if profile.rounding is Rounding.CELL_KEY:
        raise Invalid("no-record-keys", "Cell-key rounding needs the record keys of a vault; a file has none.")
    if not all(tabulation.categories):
        return {"cells": [], "audit": {"exact": 0, "narrow": 0}}
    table = close_categories(tabulation.categories, [tabulation.totals] * len(tabulation.by))
    number_of = table.number_of()
    found = {number_of[c.place]: c for c in tabulation.cells}
    sheets = judged_sheets(tabulation, table, found, profile)
    if profile.zeros is ZeroPolicy.PUBLISH and any(s.unsafe for s in sheets):
        # Beside a hidden cell a shown zero would tell that the hidden one is not empty.
        profile = replace(profile, zeros=ZeroPolicy.SUPPRESS)
        sheets = judged_sheets(tabulation, table, found, profile)
    audited = {"exact": 0, "narrow": 0}
    counts = [s for s in sheets if s.wanted.column is None]
    columns = dict.fromkeys(s.wanted.column for s in sheets if s.wanted.measure in MAGNITUDES)
    added = [counts, *([s for s in sheets if s.wanted.column == c and s.wanted.measure in MAGNITUDES] for c in columns)]
    cover: frozenset[int] = frozenset()
    for group in added:
        if group:
            hidden = _repair_group(group, table, found, cover, profile, audited, progress)
            cover = cover or (hidden if group is counts else frozenset())
    for sheet in sheets:
        if sheet.wanted.measure in PLACES:
            sheet.hidden = cover | sheet.unsafe
    _keep_boxes_whole(sheets)
    cells = [
        _told(tabulation, table.cells[i], sheet, i, found.get(i)) for i in range(len(table.cells)) for sheet in sheets
    ]
    return {"cells": cells, "audit": audited}


def patterns(tabulation: Tabulation, profile: Profile) -> list[tuple[Place, Finding]]:
    """What a person looks at once for many cells: zeros, by pattern."""
    table = close_categories(tabulation.categories, [tabulation.totals] * len(tabulation.by))
    return zero_patterns(_persons(tabulation, table), profile)


def _persons(tabulation: Tabulation, table: ClosedTable) -> dict[Place, int]:
    found = {c.place: c.persons for c in tabulation.cells}
    return {place: found.get(place, 0) for place in table.cells}


def judged_sheets(
    tabulation: Tabulation, table: ClosedTable, found: Mapping[int, TabulatedCell], profile: Profile
) -> list[Sheet]:
    """Every statistic by the rules on its cells, and counts by those across cells as well."""
    across = found_across(_persons(tabulation, table), profile)
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
    sheet = Sheet(
        wanted, [found[i].statistics[wanted] if i in found else nothing for i in range(len(table.cells))], [], []
    )
    school = tabulation.by.index(tabulation.institution) if tabulation.institution in tabulation.by else None
    for i, place in enumerate(table.cells):
        cell, evidence = found.get(i), sheet.evidence[i]
        sheet.shown.append(_safe(wanted, evidence, profile))
        ask = Question(
            wanted.measure,
            evidence,
            cell.persons if cell else 0,
            institutions=cell.institutions if cell else None,
            protected=sheet.shown[i],
            largest_institution=cell.largest_institution if cell else None,
            by_institution=school is not None and place[school] is not None,
            margin=None in place,
            span=near[wanted.column][wanted.fraction] if wanted.fraction is not None else None,
            some=_some(wanted, cell),
            box=min(wanted.fraction, 1 - wanted.fraction) if wanted.box and wanted.fraction is not None else None,
        )
        answers = [*findings_of(ask, profile), *across.get(place, ())]
        verdicts = [f.verdict for f in answers]
        sheet.rules.append(tuple(sorted({f.rule for f in answers})))
        sheet.verdicts.append(Verdict.SUPPRESS if Verdict.SUPPRESS in verdicts else worst(verdicts))
    return sheet


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


def _keep_boxes_whole(sheets: Sequence[Sheet]) -> None:
    """A box is drawn from all its quantiles, so it is hidden with any of them."""
    for column in {s.wanted.column for s in sheets if s.wanted.box}:
        parts = [s for s in sheets if s.wanted.box and s.wanted.column == column]
        hidden = frozenset().union(*(s.hidden for s in parts))
        for part in parts:
            part.broken = hidden - part.hidden
            part.hidden = hidden


def _repair_group(
    group: Sequence[Sheet],
    table: ClosedTable,
    found: Mapping[int, TabulatedCell],
    cover: frozenset[int],
    profile: Profile,
    audited: dict[str, int],
    progress: Progress,
) -> frozenset[int]:
    """One pattern of holes for all sheets of the group; what the audit finds is added up."""
    unsafe = frozenset().union(*(s.unsafe for s in group))
    first = group[0]
    values = [_amount(e, first.wanted[0]) for e in first.evidence]
    widths = {i: _width(first.evidence[i], first.wanted[0], profile) for i in unsafe}
    persons = [found[i].persons if i in found else 0 for i in range(len(table.cells))]
    smallest = float(profile.min_interval) if first.wanted[1] is None else 1.0
    done = repair_table(table, Summed(values, persons, widths, unsafe | cover, profile.t, smallest), progress)
    audited["exact"] += done.exact
    audited["narrow"] += done.narrow
    for sheet in group:
        sheet.hidden = done.hidden
    return done.hidden


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


def _told(tabulation: Tabulation, place: Place, sheet: Sheet, i: int, cell: TabulatedCell | None) -> dict[str, Any]:
    measure, column = sheet.wanted.measure, sheet.wanted.column
    verdict, rules = sheet.verdicts[i], sheet.rules[i]
    primary = verdict in {Verdict.SUPPRESS, Verdict.REFUSE}
    if verdict is Verdict.PUBLISH and i in sheet.hidden:
        verdict, rules = Verdict.SUPPRESS, ("Q4" if i in sheet.broken else "X1",)
    released = sheet.shown[i] if verdict is Verdict.PUBLISH else None
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
    measure, column = wanted.measure, wanted.column
    if column is None:
        return "count"
    if wanted.box:
        return f"box({column}:{wanted.fraction})"
    if wanted.fraction is not None:
        return f"median({column})" if wanted.fraction == HALF else f"quantile({column}:{wanted.fraction})"
    return f"{'sd' if measure is Measure.DEVIATION else measure.value}({column})"


def plain(value: Value) -> Any:
    """A figure as a JSON number: whole where it is whole."""
    if isinstance(value, Decimal | float):
        return int(value) if value == int(value) else float(value)
    return value
