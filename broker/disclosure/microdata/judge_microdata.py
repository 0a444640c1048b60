"""Judges and repairs a tabulated file of person rows (`broker assess`). Neither reads the file nor counts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from broker.disclosure.microdata.judged_statistics import StatisticSheet, judged_sheets, persons_by_cell, zero_patterns
from broker.disclosure.records.protection_cost import CountedFigure, protection_cost
from broker.disclosure.suppression.cell_systems import ClosedTable, close_categories, containing_totals
from broker.disclosure.suppression.secondary_suppression import audit, suppress
from broker.disclosure.suppression.suppression_task import SuppressionTask, least_width
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Finding, Verdict
from broker.domain.plans.measure import MAGNITUDES, NON_ADDITIVE, Measure
from broker.domain.plans.scalars import Value
from broker.domain.progress import Progress, no_progress
from broker.evidence.tabulation import CellCoordinates, StatisticRequest, TabulatedCell, Tabulation
from broker.policy.disclosure_rules import DisclosureRules, Rounding, ZeroPolicy
from broker.postprocessing.exact_arithmetic import as_number


@dataclass(frozen=True, slots=True)
class Margins:
    """A table, and the same table with all its totals.

    closed     the table with all totals
    own        for each cell of the table, its number in `closed`
    containing_totals   for each cell of the table, the cells of `closed` that it adds to
    basic      the one-way totals and the grand total in `closed`
    """

    closed: ClosedTable
    own: Sequence[int]
    containing_totals: Sequence[Sequence[int]]
    basic: frozenset[int]


def margins_of(tabulation: Tabulation, table: ClosedTable) -> Margins:
    width = len(tabulation.by)
    closed = table if tabulation.totals else close_categories(tabulation.categories, [True] * width)
    number_of = closed.number_of()
    own = [number_of[place] for place in table.cells]
    totals: list[Sequence[int]] = [(i,) for i in own]
    if not tabulation.totals:
        totals = [[number_of[p] for p in containing_totals(place, range(width))] for place in table.cells]
    return Margins(closed, own, totals, frozenset(i for i, place in enumerate(closed.cells) if is_one_way_total(place)))


def _suppression_task(
    group: Sequence[StatisticSheet], margins: Margins, cell_persons: Sequence[int], cover: frozenset[int],
    profile: DisclosureRules,
) -> SuppressionTask:  # fmt: skip
    """What the sheets of a group add up. The attacker knows one-way totals and the grand total, even if the table is
    shown without totals. `cell_persons`: the persons of each cell of the table; `cover`: cells that are hidden
    anyway."""
    own, size = margins.own, margins.closed.size
    measure, evidence = group[0].wanted.measure, group[0].evidence
    values, persons = [0.0] * size, [0] * size
    # Totals that the table lacks are added up, because the attacker may know them. Their persons are an upper bound.
    for totals, one, many in zip(margins.containing_totals, evidence, cell_persons, strict=True):
        value = _amount(one, measure)
        for i in totals:
            values[i] += value
            persons[i] += many
    few = {i for i in margins.basic if 0 < persons[i] < profile.t}  # totals that break a rule become targets
    least = float(profile.min_interval) if group[0].wanted.column is None else 1.0
    unsafe = frozenset().union(*(s.unsafe for s in group))
    widths = {own[i]: _width(evidence[i], measure, profile) for i in unsafe}
    hidden = frozenset(own[i] for i in unsafe | cover)  # numbers of the closed table
    unreleased = frozenset(range(size)) - frozenset(own)  # totals that the table does not show
    return SuppressionTask(
        margins.closed,
        values,
        dict.fromkeys(few, least) | widths,
        hidden | (few - unreleased),
        # Zeros may be known, and a single contributor knows their own cell: neither covers others.
        frozenset(i for i in own if values[i] == 0 or persons[i] == 1),
        signed=any(v < 0 for v in values),
        unreleased=unreleased,
        fixed=known_totals(margins, few | hidden),
    )


def is_one_way_total(place: CellCoordinates) -> bool:
    """Whether the cell is a one-way total or the grand total. In a one-dimensional table only the grand total
    counts."""
    given = sum(category is not None for category in place)
    return given == 0 or (given == 1 and len(place) > 1)


def known_totals(margins: Margins, unsafe: Collection[int]) -> frozenset[int]:
    """The basic totals that everybody may know from elsewhere.

    A total that breaks a rule is not public knowledge. Then the other one-way totals of its dimension cannot all be
    known either, because with the grand total they would give it.
    """
    cells, known = margins.closed.cells, margins.basic - set(unsafe)
    axes = {axis for i in margins.basic - known for axis, category in enumerate(cells[i]) if category is not None}
    return frozenset(
        i for i in known if not any(category is not None and axis in axes for axis, category in enumerate(cells[i]))
    )


HALF = Decimal("0.5")


def judge_microdata(
    tabulation: Tabulation, profile: DisclosureRules, progress: Progress = no_progress
) -> dict[str, Any]:
    """Apply the disclosure rules to a file of person rows (`broker assess`) and return the record for staff. Raises
    Invalid("no-record-keys") for cell-key rounding.

    Suppressed cells of the count are also suppressed in every other figure of the table, and sum and mean of a column
    share their suppressed cells: either would give the missing one together with the other figures. Quantiles,
    deviations, extremes and modes do not add up, so their suppressed cells cannot be worked out from the others.
    """
    if profile.rounding is Rounding.CELL_KEY:  # its noise needs record keys
        raise Invalid("no-record-keys", "Cell-key rounding needs the record keys of a vault; a file has none.")
    if not all(tabulation.categories):  # an empty file
        return _document([], {"exact": 0, "narrow": 0}, tabulation, profile)
    table = close_categories(tabulation.categories, [tabulation.totals] * len(tabulation.by))
    number_of = table.number_of()
    found = {number_of[c.place]: c for c in tabulation.cells}
    sheets = judged_sheets(tabulation, table, found, profile)
    if profile.zeros is ZeroPolicy.PUBLISH and any(s.unsafe for s in sheets):
        # Next to a hidden cell, a shown zero would reveal that the hidden one is not empty.
        profile = replace(profile, zeros=ZeroPolicy.SUPPRESS)
        sheets = judged_sheets(tabulation, table, found, profile)
    cover, audited = _suppress_sums(sheets, tabulation, table, profile, progress)
    for sheet in sheets:
        if sheet.wanted.measure in NON_ADDITIVE:
            sheet.hidden = cover | sheet.unsafe
    _hide_whole_boxes(sheets)
    named = [(_statistic_name(sheet.wanted), sheet) for sheet in sheets]
    cells = [
        _cell_document(dict(zip(tabulation.by, place, strict=True)), name, sheet, i, found.get(i))
        for i, place in enumerate(table.cells)
        for name, sheet in named
    ]
    return _document(cells, audited, tabulation, profile)


def _document(
    cells: list[dict[str, Any]], audited: dict[str, int], tabulation: Tabulation, profile: DisclosureRules
) -> dict[str, Any]:
    figures = [
        CountedFigure(
            keys=tuple(cell["by"].values()),
            column=cell["statistic"],
            persons=cell["persons"],
            exact=cell["value"],
            released=cell["released"],
            hidden=cell["verdict"] in {Verdict.SUPPRESS, Verdict.REFUSE},
            in_review=cell["verdict"] == Verdict.REVIEW,
            rules=cell["rules"],
        )
        for cell in cells
    ]
    cost = protection_cost(tabulation.by, figures, profile.t, has_totals=tabulation.totals)
    return {"cells": cells, "audit": audited, "cost": cost.as_json()}


def zero_cell_patterns(tabulation: Tabulation, profile: DisclosureRules) -> list[tuple[CellCoordinates, Finding]]:
    """Patterns of zero cells, each of which a person reviews once."""
    table = close_categories(tabulation.categories, [tabulation.totals] * len(tabulation.by))
    return zero_patterns(persons_by_cell(tabulation, table), profile)


def _hide_whole_boxes(sheets: Sequence[StatisticSheet]) -> None:
    """Hide a whole box plot if any of its quantiles is hidden, because it is drawn from all of them."""
    for column in {s.wanted.column for s in sheets if s.wanted.box}:
        parts = [s for s in sheets if s.wanted.box and s.wanted.column == column]
        hidden = frozenset().union(*(s.hidden for s in parts))
        for part in parts:
            part.broken = hidden - part.hidden
            part.hidden = hidden


def _suppress_sums(
    sheets: Sequence[StatisticSheet], tabulation: Tabulation, table: ClosedTable, profile: DisclosureRules,
    progress: Progress,
) -> tuple[frozenset[int], dict[str, int]]:  # fmt: skip
    """Suppress all additive statistics: one pattern for the counts, and one for each column. Return the suppressed
    cells of the counts, which apply to every other figure too, and the totals of the audit."""
    audited = {"exact": 0, "narrow": 0}
    cover: frozenset[int] = frozenset()
    counts = [s for s in sheets if s.wanted.column is None]
    sums = [s for s in sheets if s.wanted.measure in MAGNITUDES]
    columns = dict.fromkeys(s.wanted.column for s in sums)
    # Counts first: their cover applies to every figure.
    groups = [group for group in (counts, *([s for s in sums if s.wanted.column == c] for c in columns)) if group]
    if not groups:
        return cover, audited
    margins, persons = margins_of(tabulation, table), list(persons_by_cell(tabulation, table).values())
    for group in groups:
        task, hidden = _suppression_task(group, margins, persons, cover, profile), cover
        if task.targets:
            done = suppress(task, progress=progress).hidden
            derived = audit(task, done, progress=progress)
            audited["exact"] += sum(at.exact for at in derived.values())
            audited["narrow"] += sum(at.is_narrower(task.targets[i]) for i, at in derived.items() if not at.exact)
            hidden = frozenset(i for i, own in enumerate(margins.own) if own in done)
        for sheet in group:
            sheet.hidden = hidden
        if group is counts:  # only the counts' cells apply to all
            cover = hidden
    return cover, audited


def _amount(evidence: StatisticEvidence, measure: Measure) -> float:
    """The value that adds up over the table: rows, or the column's sum (also for its mean)."""
    value = evidence.total if measure in MAGNITUDES else evidence.value
    return 0.0 if value is None else float(as_number(value))


def _width(evidence: StatisticEvidence, measure: Measure, profile: DisclosureRules) -> float:
    """The least width of a derived interval: for counts that of the rules, for sums the width that protects the largest
    person."""
    if measure not in MAGNITUDES:
        return float(profile.min_interval)
    largest = 0.0 if evidence.largest is None else abs(float(as_number(evidence.largest)))
    return least_width(largest, profile)


def _cell_document(
    by: dict[str, str | None], name: str, sheet: StatisticSheet, i: int, cell: TabulatedCell | None
) -> dict[str, Any]:
    column = sheet.wanted.column
    verdict, rules = sheet.verdicts[i], sheet.rules[i]
    primary = verdict is Verdict.SUPPRESS or verdict is Verdict.REFUSE
    if verdict is Verdict.PUBLISH and i in sheet.hidden:
        verdict, rules = Verdict.SUPPRESS, ("Q4" if i in sheet.broken else "X1",)
    released = sheet.shown[i] if verdict is Verdict.PUBLISH else None
    counted = sheet.evidence[i].persons if column is not None else (cell.persons if cell else 0)
    return {
        "by": by,
        "statistic": name,
        "value": json_number(sheet.evidence[i].value),
        "released": json_number(released),
        "persons": counted,
        "verdict": verdict.value,
        "rules": list(rules),
        "primary": primary,
    }


def _statistic_name(wanted: StatisticRequest) -> str:
    measure, column = wanted.measure, wanted.column
    if column is None:
        return "count"
    if wanted.box:
        return f"box({column}:{wanted.fraction})"
    if wanted.fraction is not None:
        return f"median({column})" if wanted.fraction == HALF else f"quantile({column}:{wanted.fraction})"
    return f"{'sd' if measure is Measure.DEVIATION else measure.value}({column})"


def json_number(value: Value) -> Any:
    """A figure as a JSON number, as an integer if it is whole."""
    if isinstance(value, (Decimal, float)):
        whole = int(value)
        return whole if value == whole else float(value)
    return value
