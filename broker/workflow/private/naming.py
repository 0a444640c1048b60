"""What a private job's statistics are called in its outputs: the columns that show them. Reads plans, nothing else."""

from collections.abc import Sequence

from broker.domain.lineage import lineage_of
from broker.domain.plans import Plan, PlannedOutput
from broker.privacy.asking.measurable import Measurable
from broker.privacy.results.sides import ends_of, with_sides


def names_of(plan: Plan, measured: Sequence[Measurable]) -> dict[str, tuple[str, dict[str, str]]]:
    """By private table its output, and by private statistic what it is called there."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for planned, one in zip(plan.outputs, measured, strict=True):
        columns = _columns(planned, one)
        for n, table in enumerate(one.tables):
            found[table.name] = (planned.name, {name: c for (t, name), c in columns.items() if t == n})
    return found


def _columns(planned: PlannedOutput, measured: Measurable) -> dict[tuple[int, str], str]:
    """Columns that a statistic stands behind; one that none shows chooses or orders rows."""
    behind = lineage_of(planned).behind
    found: dict[tuple[int, str], str] = {}
    for ident, place in measured.places.items():
        _, sides = with_sides(planned.program, frozenset({ident}))
        own = [c.name for c in planned.columns if ends_of(c.expression, sides) is not None]
        parts = [c.name for c, idents in zip(planned.columns, behind, strict=True) if ident in idents]
        found[place.table, place.name] = ", ".join(own) or _part(place.statistic.measure.value, parts)
    return found


def _part(what: str, names: Sequence[str]) -> str:
    return f"({what} behind {', '.join(names)})" if names else f"({what} that chooses or orders rows)"
