"""What the threshold tells somebody who runs the method again and so knows which hidden counts no rule hides: each has
t persons or more. Hides nothing."""

from collections.abc import Collection
from math import inf

from broker.disclosure.linking.linked_system import FigurePlace, LinkedSystem, PatternInput, build_linked_system
from broker.disclosure.suppression.attack_intervals import attack_intervals
from broker.disclosure.suppression.cell_systems import CellSystem
from broker.domain.errors import Invalid
from broker.domain.plans.measure import Measure
from broker.domain.progress import Progress
from broker.policy.disclosure_rules import Rounding
from broker.postprocessing.exact_arithmetic import as_number

PERSONS = frozenset({Measure.COUNT_PERSONS, Measure.COUNT_DISTINCT})


def closed_figures(
    pattern_input: PatternInput, small: Collection[FigurePlace], hidden: Collection[FigurePlace], progress: Progress
) -> frozenset[FigurePlace]:
    """Counts of t persons or more that are hidden for another's sake, and not in `small`, and that leave some open cell
    fewer sizes than all from 0 to t-1. The attacker knows what is shown, rounded. Nothing else decides, so what is
    hidden because of it tells no more than the shown figures would. Empty if counts do not add up, as those of persons
    who are in several cells."""
    profile, joint_cells = pattern_input.profile, pattern_input.groups.joint_cells
    open_cells = [n for n, cell in enumerate(joint_cells) if cell.is_open]
    requested = [n for n in open_cells if joint_cells[n].is_requested]
    # Coarser rounding, and noise, leave as many sizes possible by themselves.
    if not requested or profile.round_base > profile.t or profile.rounding is not Rounding.CONVENTIONAL:
        return frozenset()
    found = build_linked_system(pattern_input, None, exact=True)
    covers = {
        place: cell
        for place, cell in found.figures.items()
        if place in hidden and place not in small and found.persons[cell] >= profile.t
    }
    bounds = _shown_bounds(pattern_input, found, hidden)
    bounds |= dict.fromkeys(open_cells, (0.0, profile.t - 1.0 if _has_one_row_each(pattern_input) else inf))
    bounds |= dict.fromkeys(covers.values(), (float(profile.t), inf))
    if not covers or not _narrow_cells(found, bounds, requested, profile.t - 1, progress):
        return frozenset()
    narrow = _narrow_cells(found, bounds, sorted({*covers.values()}), profile.t - 1, progress)
    return frozenset(place for place, cell in covers.items() if cell in narrow)


def _shown_bounds(
    pattern_input: PatternInput, found: LinkedSystem, hidden: Collection[FigurePlace]
) -> dict[int, tuple[float, float]]:
    """Between which numbers each cell lies, by the rounded figures that are shown of it."""
    lines = {w: {r.row.keys: r.line for r in table.rows} for w, table in pattern_input.judged.items()}
    base, t = pattern_input.profile.round_base, pattern_input.profile.t
    bounds = dict[int, tuple[float, float]]()
    for place, cell in found.figures.items():
        where, keys, ident = place
        shown = None if place in hidden else lines[where][keys].cells[ident]
        if shown is None or shown.released is None:
            continue
        released, exact = (float(as_number(v)) for v in (shown.released, shown.exact or 0))
        # No error is stated of what an earlier release showed.
        error = float(base // 2 if shown.max_error is None else shown.max_error)
        low, high = bounds.get(cell, (inf, -inf))
        # A half is rounded up. A figure that counts a few persons more or less can be farther away.
        up = max(0.0, error - 1) if base % 2 == 0 else error
        bounds[cell] = min(low, max(released - error, t), exact), max(high, released + up, exact)
    return bounds


def _has_one_row_each(pattern_input: PatternInput) -> bool:
    """Whether each count is one of persons, or of rows of which a person has one."""
    return all(
        s.measure in PERSONS or s.growth.most == 1
        for member in pattern_input.family.members
        for s in member.table.statistics
        if s.ident in {f.ident for f in member.figures if f.amount is None}
    )


def _narrow_cells(
    found: LinkedSystem, bounds: dict[int, tuple[float, float]], cells: list[int], width: float, progress: Progress
) -> frozenset[int]:
    system, enough = CellSystem(len(found.values), tuple(found.equations)), dict.fromkeys(cells, float(width))
    try:
        at = attack_intervals(system, {}, cells, enough=enough, bounds=bounds, progress=progress)
    except Invalid:
        return frozenset()
    return frozenset(cell for cell in cells if at[cell].is_narrower(width))
