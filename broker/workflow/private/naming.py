"""What a private job's statistics are called in its outputs: the columns that show them. Reads plans, nothing else."""

from collections.abc import Sequence

from broker.domain.lineage import lineage_of
from broker.domain.plans import OutputColumn, Plan, PlannedOutput
from broker.privacy.asking.places import Measurable
from broker.privacy.asking.ratios import Named, shown_times
from broker.privacy.results.sides import Sides, ends_of, with_sides

Shown = Sequence[tuple[str, float]]
"""Columns that show a statistic, each with the number that it is shown times."""


def names_of(plan: Plan, measured: Sequence[Measurable]) -> dict[str, tuple[str, dict[str, Shown]]]:
    """By private table its output, and by private statistic what it is called there."""
    found: dict[str, tuple[str, dict[str, Shown]]] = {}
    for planned, one in zip(plan.outputs, measured, strict=True):
        columns = _columns(planned, one)
        for n, table in enumerate(one.tables):
            found[table.name] = (planned.name, {name: c for (t, name), c in columns.items() if t == n})
    return found


def _columns(planned: PlannedOutput, measured: Measurable) -> dict[tuple[int, str], Shown]:
    """Columns that a statistic stands behind, or that are a ratio of two. What none shows chooses or orders rows."""
    behind = lineage_of(planned).behind
    found: dict[tuple[int, str], Shown] = {}
    for place in measured.places.values():
        same = frozenset(i for i, p in measured.places.items() if (p.table, p.name) == (place.table, place.name))
        own = [c.name for c in _with_ends(planned, same, {})]
        parts = [c.name for c, idents in zip(planned.columns, behind, strict=True) if same & idents]
        found[place.table, place.name] = [(", ".join(own) or _part(place.statistic.measure.value, parts), 1.0)]
    for ratio in measured.ratios.values():
        alike = {r.pair: i for i, r in measured.ratios.items() if (r.table, r.name) == (ratio.table, ratio.name)}
        shown = _with_ends(planned, frozenset(), alike)
        named = [(c.name, abs(float(shown_times(c.expression, planned)))) for c in shown]
        found[ratio.table, ratio.name] = named or [(_part("ratio", ()), 1.0)]
    return found


def _with_ends(planned: PlannedOutput, known: Sides, ratios: Named) -> list[OutputColumn]:
    _, sides = with_sides(planned.program, known, ratios)
    return [c for c in planned.columns if ends_of(c.expression, sides) is not None]


def _part(what: str, names: Sequence[str]) -> str:
    return f"({what} behind {', '.join(names)})" if names else f"({what} that chooses or orders rows)"
