"""What stands above the top aggregation of an output, step by step on protected values. Judges nothing itself."""

from collections.abc import Sequence

from broker.domain.groups import Across, Base, Extend, First, Given, Group, Keep, Meet, Regroup, Stack
from broker.domain.plans import PublicRows
from broker.domain.scalars import Value
from broker.postprocessing.cells import Cell, Line, Lines, Origin, Work, cell_of
from broker.postprocessing.formulas import compute, is_true
from broker.postprocessing.meeting import meet
from broker.postprocessing.ordering import first
from broker.postprocessing.regrouping import blank_of, regroup
from broker.postprocessing.windows import across


def run(group: Group, tables: Sequence[Lines], work: Work, public: Sequence[Lines] = ()) -> Lines:
    """The rows of a program over the judged tables and the public rows, by their numbers."""
    match group:
        case Base(table=number):
            return tables[number]
        case Given(public=number):
            return public[number]
        case Meet(left=left, right=right):
            return meet(group, run(left, tables, work, public), run(right, tables, work, public), work)
        case Stack(parts=parts):
            return _stack(group, [run(p, tables, work, public) for p in parts], work)
        case Extend(child=child):
            return _extend(group, run(child, tables, work, public), work)
        case Keep(child=child):
            return _keep(group, run(child, tables, work, public), work)
        case Regroup(child=child):
            return regroup(group, run(child, tables, work, public), work)
        case Across(child=child):
            return across(group, run(child, tables, work, public), work)
        case First(child=child):
            return first(group, run(child, tables, work, public), work)


def given(planned: PublicRows, rows: Sequence[Sequence[Value]]) -> Lines:
    """Public rows as they are."""
    idents = [i for i, _ in planned.columns]
    lines = (
        Line({i: Cell(v, v, origin=Origin.KEY) for i, v in zip(idents, row, strict=True)}, True, True, None)
        for row in rows
    )
    return Lines(tuple(lines), {i: Cell(None, None) for i in idents})


def _extend(group: Extend, child: Lines, work: Work) -> Lines:
    """Each column sees the child's columns only."""
    work.spend(len(child.rows))
    rows = tuple(line.with_cells({i: compute(s, line.cells) for i, s in group.columns}) for line in child.rows)
    return Lines(rows, {**child.blank, **blank_of({i: (s,) for i, s in group.columns}, child)})


def _keep(group: Keep, child: Lines, work: Work) -> Lines:
    work.spend(len(child.rows))
    return Lines(tuple(line for line in child.rows if is_true(group.predicate, line.cells)), child.blank)


def _stack(group: Stack, parts: Sequence[Lines], work: Work) -> Lines:
    """Parts one after the other. Where a row is missing, it looks as in the part that hides most."""
    work.spend(sum(len(p.rows) for p in parts))
    rows: list[Line] = []
    for number, part in enumerate(parts):
        ids = [(ident, inner[number]) for ident, inner in group.columns]
        rows += [
            Line({i: cell_of(line.cells, n) for i, n in ids}, line.exists, line.listed, line.persons)
            for line in part.rows
        ]
    blank = {
        i: max((cell_of(p.blank, n) for p, n in zip(parts, inner, strict=True)), key=lambda c: c.hidden)
        for i, inner in group.columns
    }
    return Lines(tuple(rows), blank)
