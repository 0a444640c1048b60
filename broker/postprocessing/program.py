"""Runs the operators of an output after its aggregation, step by step, on protected values."""

from collections.abc import Sequence

from broker.domain.plans import operators as ops
from broker.domain.plans.plan import PublicRelation
from broker.domain.plans.scalars import Value
from broker.postprocessing.aggregation import aggregate_rows, blank_cells, compute_windows
from broker.postprocessing.joins import join_rows
from broker.postprocessing.output_rows import (
    CellOrigin,
    OutputCell,
    OutputRow,
    OutputRows,
    StepBudget,
    cell_of,
    compute_cell,
    is_true,
    sort_and_limit,
)


def run_program(
    operator: ops.PostAggregation, tables: Sequence[OutputRows], budget: StepBudget, public: Sequence[OutputRows] = ()
) -> OutputRows:
    """Rows of a program. `tables` and `public` are the judged tables and the public rows, by number."""

    def run(child: ops.PostAggregation) -> OutputRows:
        return run_program(child, tables, budget, public)

    match operator:
        case ops.TableRef(table=number):
            return tables[number]
        case ops.PublicRef(public=number):
            return public[number]
        case ops.Join(left=left, right=right):
            return join_rows(operator, run(left), run(right), budget)
        case ops.Union(parts=parts):
            return _union(operator, [run(p) for p in parts], budget)
        case ops.Project(child=child):
            return _project(operator, run(child), budget)
        case ops.Filter(child=child):
            return _filter(operator, run(child), budget)
        case ops.Aggregate(child=child):
            return aggregate_rows(operator, run(child), budget)
        case ops.Window(child=child):
            return compute_windows(operator, run(child), budget)
        case ops.Sort(child=child) | ops.Limit(child=child):
            return sort_and_limit(operator, run(child), budget)


def public_rows(planned: PublicRelation, rows: Sequence[Sequence[Value]]) -> OutputRows:
    """Public rows, unchanged."""
    idents = [i for i, _ in planned.columns]
    lines = []
    for row in rows:
        cells = {i: OutputCell(v, v, origin=CellOrigin.KEY) for i, v in zip(idents, row, strict=True)}
        lines.append(OutputRow(cells, exists=True, listed=True, persons=None))
    return OutputRows(tuple(lines), {i: OutputCell(None, None) for i in idents})


def _project(operator: ops.Project[ops.PostAggregation], child: OutputRows, budget: StepBudget) -> OutputRows:
    """Add computed columns. Each sees only the columns of the child."""
    budget.spend(len(child.rows))
    rows = tuple(line.with_cells({i: compute_cell(s, line.cells) for i, s in operator.columns}) for line in child.rows)
    return OutputRows(rows, {**child.blank, **blank_cells({i: (s,) for i, s in operator.columns}, child)})


def _filter(operator: ops.Filter[ops.PostAggregation], child: OutputRows, budget: StepBudget) -> OutputRows:
    budget.spend(len(child.rows))
    return OutputRows(tuple(line for line in child.rows if is_true(operator.predicate, line.cells)), child.blank)


def _union(operator: ops.Union[ops.PostAggregation], parts: Sequence[OutputRows], budget: StepBudget) -> OutputRows:
    """Rows of all parts, in order. A missing row looks as in the part that hides most."""
    budget.spend(sum(len(p.rows) for p in parts))
    rows: list[OutputRow] = []
    for number, part in enumerate(parts):
        ids = [(ident, inner[number]) for ident, inner in operator.columns]
        rows += [
            OutputRow({i: cell_of(line.cells, n) for i, n in ids}, line.exists, line.listed, line.persons)
            for line in part.rows
        ]
    blank = {
        i: max((cell_of(p.blank, n) for p, n in zip(parts, inner, strict=True)), key=lambda c: c.hidden)
        for i, inner in operator.columns
    }
    return OutputRows(tuple(rows), blank)
