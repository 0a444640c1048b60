"""A private output as a table that may leave: the program of the query over noisy figures, with the ends of intervals
in columns of their own. Everything here is post-processing."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.above.cells import Cell as Seen
from broker.above.cells import Line, Origin, Work
from broker.above.evaluate import limited
from broker.above.formulas import compute
from broker.above.program import given, run
from broker.domain.outputs import Assessment, Finding, JudgedCell, Verdict
from broker.domain.plans import OutputColumn, PlannedOutput
from broker.domain.scalars import Value
from broker.privacy.asking.measurable import Measurable
from broker.privacy.results.cells import Cell
from broker.privacy.results.lines import lines_of
from broker.privacy.results.sides import Sides, ends_of, with_sides
from broker.privacy.tables import Ask

KEY = "key"
MISSING = "(missing)"
NOT_SHOWN = ("c", "not shown: too few by the noisy count, or nothing that could be told")
BY_PERSON = Finding("P-max", Verdict.REVIEW, "It costs more than one release may cost without a person's look.")
COMPUTED = "Figures that are computed from others have no interval of their own; these have theirs beside them."


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is told of an output beside its figures. `steps`: most that the program may look at."""

    notes: tuple[str, ...]
    is_automatic: bool
    steps: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of the released table: of the output, or an end of one's interval."""

    name: str
    column: OutputColumn
    is_end: bool = False


def assessed(
    planned: PlannedOutput,
    measured: Measurable,
    cells: Sequence[Sequence[Cell]],
    public: Sequence[Sequence[Sequence[Value]]],
    sheet: Sheet,
) -> Assessment:
    """As the other way of being safe leaves an output, so that review and release are the same for both. There is
    nothing exact in it, and no number of persons."""
    program, sides = with_sides(planned.program, _with_interval(measured), measured.named)
    shown = columns_of(planned, sides)
    rows = [given(p, r) for p, r in zip(planned.public, public, strict=True)]
    lines = run(program, lines_of(planned, measured, cells), Work(sheet.steps), rows).rows
    told = tuple(row for line in lines if (row := _row(shown, line)) is not None)
    computed = any(ends_of(c.expression, sides) is None and c.statistic != KEY for c in planned.columns)
    findings = () if sheet.is_automatic else (BY_PERSON,)
    return Assessment(
        name=planned.name,
        columns=tuple(s.name for s in shown),
        key_count=sum(s.column.statistic == KEY for s in shown),
        rows=told,
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


def _row(shown: Sequence[Shown], line: Line) -> JudgedCell | None:
    """A row that no list names is shown only if one of its figures is."""
    cells = [compute(s.column.expression, line.cells) for s in shown]
    figures = [c for s, c in zip(shown, cells, strict=True) if s.column.statistic != KEY]
    passes = any(not c.hidden for c in figures) if figures else line.exists
    if not (line.listed or passes):
        return None
    return JudgedCell(
        keys=tuple(c.released for s, c in zip(shown, cells, strict=True) if s.column.statistic == KEY),
        exact=(None,) * len(cells),
        released=tuple(map(_released, cells)),
        suppressed=tuple(c.hidden for c in cells),
        verdicts=tuple(Verdict.SUPPRESS if c.hidden else Verdict.PUBLISH for c in cells),
        rules=((),) * len(cells),
        persons=0,
    )


def _released(cell: Seen) -> Value:
    if cell.hidden:
        return None
    if cell.origin is Origin.COMPUTED:
        return limited(cell.released)
    return MISSING if cell.origin is Origin.KEY and cell.released is None else cell.released
