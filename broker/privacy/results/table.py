"""A private output as a table that may leave: the program of the query over noisy figures, with the ends of intervals
in columns of their own. Everything here is post-processing."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.findings import Assessment, Finding, Verdict
from broker.domain.groups import Base
from broker.domain.plans import OutputColumn, PlannedOutput
from broker.domain.scalars import Value
from broker.postprocessing.cells import Work
from broker.postprocessing.program import given, run
from broker.privacy.asking.places import Measurable
from broker.privacy.results.cells import Told
from broker.privacy.results.lines import lines_of
from broker.privacy.results.rows import Shown, is_straight, rows_of, straight_rows
from broker.privacy.results.sides import Sides, ends_of, with_sides
from broker.privacy.results.strips import strips_of
from broker.privacy.tables import Ask

NOT_SHOWN = ("c", "not shown: too few by the noisy count, or nothing that could be told")
BY_PERSON = Finding("P-max", Verdict.REVIEW, "It costs more than one release may cost without a person's look.")
COMPUTED = "Figures that are computed from others have no interval of their own; these have theirs beside them."


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is told of an output beside its figures. `steps`: most that the program may look at."""

    notes: tuple[str, ...]
    is_automatic: bool
    steps: int


def assessed(
    planned: PlannedOutput,
    measured: Measurable,
    told: Sequence[Sequence[Told]],
    public: Sequence[Sequence[Sequence[Value]]],
    sheet: Sheet,
) -> Assessment:
    """As the other way of being safe leaves an output, so that review and release are the same for both. There is
    nothing exact in it, and no number of persons."""
    program, sides = with_sides(planned.program, _with_interval(measured), measured.named)
    shown = columns_of(planned, sides)
    if isinstance(program, Base) and is_straight(shown):
        table = planned.tables[program.table]
        judged = straight_rows(shown, strips_of(table, program.table, measured, told))
    else:
        rows = [given(p, r) for p, r in zip(planned.public, public, strict=True)]
        judged = rows_of(shown, run(program, lines_of(planned, measured, told), Work(sheet.steps), rows).rows)
    computed = any(ends_of(c.expression, sides) is None and not c.is_key for c in planned.columns)
    findings = () if sheet.is_automatic else (BY_PERSON,)
    return Assessment(
        name=planned.name,
        columns=tuple(s.name for s in shown),
        key_count=sum(s.is_key for s in shown),
        rows=tuple(judged),
        findings=findings,
        verdict=Verdict.PUBLISH if sheet.is_automatic else Verdict.REVIEW,
        small=False,
        symbols=(NOT_SHOWN,),
        notes=(*sheet.notes, COMPUTED) if computed else sheet.notes,
    )


def _with_interval(measured: Measurable) -> Sides:
    """All but quantiles, of which only the ranks are known."""
    asks = [{s.name: s.ask for s in t.statistics} for t in measured.tables]
    return frozenset(i for i, p in measured.places.items() if asks[p.table][p.name] is not Ask.QUANTILE)


def columns_of(planned: PlannedOutput, sides: Sides) -> tuple[Shown, ...]:
    taken = {c.name for c in planned.columns}
    found: list[Shown] = []
    for column in planned.columns:
        found.append(Shown(column.name, column))
        ends = ends_of(column.expression, sides)
        for word, end in zip(("low", "high"), ends or (), strict=False):
            name = _unused(f"{column.name}_{word}", taken)
            found.append(Shown(name, OutputColumn(name, end, column.statistic), is_end=True))
    return tuple(found)


def _unused(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
