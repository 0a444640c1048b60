"""A private output as a table that may be released: the query's program over noisy figures, with interval bounds."""

from collections.abc import Iterable, Iterator, Sequence

from broker.domain.findings import AssessedRow, Assessment, Finding, Verdict
from broker.domain.plans.operators import TableRef
from broker.domain.plans.plan import OutputColumn, PlannedOutput, PlannedTable
from broker.domain.plans.scalars import MISSING_LABEL, ColumnRef, Value
from broker.postprocessing import output_rows
from broker.postprocessing.output_rows import OutputCell as Seen
from broker.postprocessing.program import public_rows, run_program
from broker.privacy.private_tables import PrivateMeasure
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.results import display_columns
from broker.privacy.results.cell_results import GroupingSetResult
from broker.privacy.results.interval_bounds import BoundedColumns, bounds_of, with_interval_bounds

HIDDEN_CELL = Seen(None, None, hidden=True, origin=output_rows.CellOrigin.STATISTIC)
EMPTY_CELL = Seen(None, None, origin=output_rows.CellOrigin.COMPUTED)


def program_inputs(
    planned: PlannedOutput, measured: PrivateOutputPlan, results: Sequence[Sequence[GroupingSetResult]]
) -> list[output_rows.OutputRows]:
    """The input rows of each planned table. `results`: for each private table, set by set."""
    return [
        _program_input(table, measured, display_columns.display_table(table, n, measured, results))
        for n, table in enumerate(planned.tables)
    ]


def _program_input(
    table: PlannedTable, measured: PrivateOutputPlan, display: display_columns.DisplayTable
) -> output_rows.OutputRows:
    blank = {k.ident: EMPTY_CELL for k in table.keys}
    for ident in display_columns.figure_idents(table, measured):
        blank |= dict.fromkeys(
            display_columns.interval_idents(ident), HIDDEN_CELL
        )  # a missing row is below the floor, not 0
    return output_rows.OutputRows(input_rows(display), blank)


def input_rows(display: display_columns.DisplayTable) -> tuple[output_rows.OutputRow, ...]:
    """One input row for each cell."""
    columns = {ident: _input_cells(column) for ident, column in display.columns.items()}
    cells = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if not columns:
        cells = [{} for _ in display.shown]
    return tuple(
        output_rows.OutputRow(c, shown, display.listed, None) for c, shown in zip(cells, display.shown, strict=True)
    )


def _input_cells(column: display_columns.DisplayColumn) -> list[Seen]:
    """A noisy figure has no exact figure that staff could see with it. Each key value has one shared cell object."""
    if column.is_key:
        known = {value: Seen(value, value, origin=output_rows.CellOrigin.KEY) for value in column.values}
        return [known[value] for value in column.values]
    return [
        HIDDEN_CELL if hidden else Seen(value, value, origin=output_rows.CellOrigin.STATISTIC)
        for value, hidden in zip(column.values, column.hidden, strict=True)
    ]


VERDICTS = {False: Verdict.PUBLISH, True: Verdict.SUPPRESS}


def judged_rows(shown: Sequence[OutputColumn], lines: Iterable[output_rows.OutputRow]) -> Iterator[AssessedRow]:
    """The rows of the table. A row that is on no list is shown only if one of its figures is."""
    for line in lines:
        cells = [output_rows.compute_cell(s.expression, line.cells) for s in shown]
        hidden = tuple([c.hidden for c in cells])
        if line.listed or _is_row_released(shown, hidden, line.exists):
            keys = tuple([c.released for s, c in zip(shown, cells, strict=True) if s.is_key])
            yield judged_row(keys, tuple([output_rows.released_figure(c)[0] for c in cells]), hidden)


def is_direct(shown: Sequence[OutputColumn]) -> bool:
    """Whether every column is a column of the rows below, unchanged."""
    return all(isinstance(s.expression, ColumnRef) for s in shown)


def direct_rows(shown: Sequence[OutputColumn], display: display_columns.DisplayTable) -> Iterator[AssessedRow]:
    """The same, directly from a table's columns."""
    columns = [display.columns[s.expression.ident] for s in shown if isinstance(s.expression, ColumnRef)]
    by_key = [c.values for s, c in zip(shown, columns, strict=True) if s.is_key]
    keys = list(zip(*by_key, strict=True)) if by_key else [()] * len(display.shown)
    released, hidden = zip(*map(_released_values, columns), strict=True), zip(*(c.hidden for c in columns), strict=True)
    for row_keys, row_values, row_hidden, exists in zip(keys, released, hidden, display.shown, strict=True):
        if display.listed or _is_row_released(shown, row_hidden, exists):
            yield judged_row(row_keys, row_values, row_hidden)


def _is_row_released(shown: Sequence[OutputColumn], hidden: Sequence[bool], exists: bool) -> bool:
    figures = [h for s, h in zip(shown, hidden, strict=True) if not s.is_key]
    return not all(figures) if figures else exists


def judged_row(keys: tuple[Value, ...], released: tuple[Value, ...], hidden: tuple[bool, ...]) -> AssessedRow:
    return AssessedRow(
        keys=keys,
        exact=(None,) * len(released),  # nobody sees exact figures, not even staff
        released=released,
        suppressed=hidden,
        verdicts=tuple([VERDICTS[h] for h in hidden]),
        rules=((),) * len(released),
        persons=0,  # never known
    )


def _released_values(column: display_columns.DisplayColumn) -> Sequence[Value]:
    return [MISSING_LABEL if v is None else v for v in column.values] if column.is_key else column.values


NOT_SHOWN = ("c", "not shown: the noisy count is too small, or there is no figure to show")
NEEDS_PERSON = Finding("P-max", Verdict.REVIEW, "The output costs more than one release may cost without a review.")
COMPUTED_NOTE = "Figures computed from other figures have no interval. The other figures have intervals alongside them."


def assess_private_output(
    planned: PlannedOutput, measured: PrivateOutputPlan, results: Sequence[Sequence[GroupingSetResult]],
    public: Sequence[Sequence[Sequence[Value]]], *, notes: tuple[str, ...], is_automatic: bool, max_steps: int,
) -> Assessment:  # fmt: skip
    """Assess a private output in the same form as disclosure control does, so that review and release are the same for
    both. It contains nothing exact, and no number of persons. `max_steps`: the most steps that the program may take."""
    found = with_interval_bounds(planned.program, _columns_with_interval(measured), measured.ratio_idents)
    program, bounded = found.group, found.bounded
    shown = released_columns(planned, bounded)
    # The common case, column by column: no program has to run.
    if isinstance(program, TableRef) and is_direct(shown):
        table = planned.tables[program.table]
        judged = direct_rows(shown, display_columns.display_table(table, program.table, measured, results))
    else:
        rows = [public_rows(p, r) for p, r in zip(planned.public, public, strict=True)]
        inputs = program_inputs(planned, measured, results)
        judged = judged_rows(shown, run_program(program, inputs, output_rows.StepBudget(max_steps), rows).rows)
    computed = any(bounds_of(c.expression, bounded) is None and not c.is_key for c in planned.columns)
    findings = () if is_automatic else (NEEDS_PERSON,)
    return Assessment(
        name=planned.name,
        columns=tuple(s.name for s in shown),
        key_count=sum(s.is_key for s in shown),
        rows=tuple(judged),
        findings=findings,
        verdict=Verdict.PUBLISH if is_automatic else Verdict.REVIEW,
        small=False,
        symbols=(NOT_SHOWN,),
        notes=(*notes, COMPUTED_NOTE) if computed else notes,
    )


def _columns_with_interval(measured: PrivateOutputPlan) -> BoundedColumns:
    """All columns except quantiles, for which only ranks are known."""
    measures = [{s.name: s.measure for s in t.statistics} for t in measured.tables]
    return frozenset(
        i for i, p in measured.locations.items() if measures[p.table][p.name] is not PrivateMeasure.QUANTILE
    )


def released_columns(planned: PlannedOutput, bounded: BoundedColumns) -> tuple[OutputColumn, ...]:
    """The columns of the released table: those of the output, each with the ends of its interval if it has one."""
    taken = {c.name for c in planned.columns}
    found: list[OutputColumn] = []
    for column in planned.columns:
        found.append(column)
        ends = bounds_of(column.expression, bounded)
        for word, end in zip(("low", "high"), ends or (), strict=False):
            # The query may have a column of this name.
            name = _unused_name(f"{column.name}_{word}", taken)
            found.append(OutputColumn(name, end, column.statistic))
    return tuple(found)


def _unused_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
