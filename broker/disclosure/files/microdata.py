"""A tabulated file of person rows judged and repaired, as `broker assess` tells it. Reads no file, counts nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from broker.disclosure.files.across_cells import zero_patterns
from broker.disclosure.files.margins import Margins, Summed, margins_of, repair_table
from broker.disclosure.files.sheets import Sheet, judged_sheets, persons_of
from broker.disclosure.files.tabulation import TabulatedCell, Tabulation, Wanted
from broker.disclosure.repair.attack import Progress, untold
from broker.disclosure.repair.tables import ClosedTable, Place, close_categories
from broker.disclosure.repair.tasks import least_width
from broker.disclosure.rules import MAGNITUDES, PLACES
from broker.domain.errors import Invalid
from broker.domain.evidence import StatisticEvidence
from broker.domain.findings import Finding, Verdict
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.policy.profiles import Profile, Rounding, ZeroPolicy
from broker.postprocessing.evaluate import number

HALF = Decimal("0.5")


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
    cover, audited = _repair_sums(sheets, table, found, profile, progress)
    for sheet in sheets:
        if sheet.wanted.measure in PLACES:
            sheet.hidden = cover | sheet.unsafe
    _keep_boxes_whole(sheets)
    named = [(_name(sheet.wanted), sheet) for sheet in sheets]
    cells = [
        _told(dict(zip(tabulation.by, place, strict=True)), name, sheet, i, found.get(i))
        for i, place in enumerate(table.cells)
        for name, sheet in named
    ]
    return {"cells": cells, "audit": audited}


def patterns(tabulation: Tabulation, profile: Profile) -> list[tuple[Place, Finding]]:
    """What a person looks at once for many cells: zeros, by pattern."""
    table = close_categories(tabulation.categories, [tabulation.totals] * len(tabulation.by))
    return zero_patterns(persons_of(tabulation, table), profile)


def _keep_boxes_whole(sheets: Sequence[Sheet]) -> None:
    """A box is drawn from all its quantiles, so it is hidden with any of them."""
    for column in {s.wanted.column for s in sheets if s.wanted.box}:
        parts = [s for s in sheets if s.wanted.box and s.wanted.column == column]
        hidden = frozenset().union(*(s.hidden for s in parts))
        for part in parts:
            part.broken = hidden - part.hidden
            part.hidden = hidden


def _repair_sums(
    sheets: Sequence[Sheet],
    table: ClosedTable,
    found: Mapping[int, TabulatedCell],
    profile: Profile,
    progress: Progress,
) -> tuple[frozenset[int], dict[str, int]]:
    """Holes of all that adds up: those of the counts, which every other figure has too, and what the audit finds."""
    audited = {"exact": 0, "narrow": 0}
    cover: frozenset[int] = frozenset()
    counts = [s for s in sheets if s.wanted.column is None]
    columns = dict.fromkeys(s.wanted.column for s in sheets if s.wanted.measure in MAGNITUDES)
    added = [counts, *([s for s in sheets if s.wanted.column == c and s.wanted.measure in MAGNITUDES] for c in columns)]
    margins = margins_of(table) if any(added) else None
    for group in added:
        if group and margins is not None:
            hidden = _repair_group(group, margins, found, cover, profile, audited, progress)
            cover = cover or (hidden if group is counts else frozenset())
    return cover, audited


def _repair_group(
    group: Sequence[Sheet],
    margins: Margins,
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
    persons = [found[i].persons if i in found else 0 for i in range(len(margins.own))]
    smallest = float(profile.min_interval) if first.wanted[1] is None else 1.0
    done = repair_table(margins, Summed(values, persons, widths, unsafe | cover, profile.t, smallest), progress)
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
    return least_width(largest, profile)


def _told(by: dict[str, str | None], name: str, sheet: Sheet, i: int, cell: TabulatedCell | None) -> dict[str, Any]:
    measure, column = sheet.wanted.measure, sheet.wanted.column
    verdict, rules = sheet.verdicts[i], sheet.rules[i]
    primary = verdict is Verdict.SUPPRESS or verdict is Verdict.REFUSE
    if verdict is Verdict.PUBLISH and i in sheet.hidden:
        verdict, rules = Verdict.SUPPRESS, ("Q4" if i in sheet.broken else "X1",)
    released = sheet.shown[i] if verdict is Verdict.PUBLISH else None
    value = sheet.evidence[i].total if measure is Measure.SUM and cell else sheet.evidence[i].value
    counted = sheet.evidence[i].persons if column is not None else (cell.persons if cell else 0)
    return {
        "by": by,
        "statistic": name,
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
    if isinstance(value, (Decimal, float)):
        whole = int(value)
        return whole if value == whole else float(value)
    return value
