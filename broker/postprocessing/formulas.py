"""Scalars over rows of cells: what is released is computed from released values alone. Never guesses an operation."""

from collections.abc import Mapping, Sequence

from broker.domain.errors import Breach
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Value, columns_of
from broker.postprocessing.cells import Cell, cell_of, made_of
from broker.postprocessing.evaluate import call, evaluate

Cells = Mapping[int, Cell]


def compute(scalar: Scalar, cells: Cells) -> Cell:
    """The value of a scalar in one row, hidden if it depends on what is hidden. A plain column is the cell itself."""
    if isinstance(scalar, Column):
        return cell_of(cells, scalar.ident)
    seen = _seen(scalar, cells)
    return Cell(seen.released, exact_of(scalar, cells), seen.hidden, seen.verdict, seen.rules)


def exact_of(scalar: Scalar, cells: Cells) -> Value:
    """The same over exact values, for staff. An operation that fails on them must not end the job, which would tell of
    them: it gives nothing."""
    try:
        return evaluate(scalar, {i: cell_of(cells, i).exact for i in columns_of(scalar)})
    except (Breach, ArithmeticError, ValueError, TypeError):
        return None


def is_true(predicate: Scalar, cells: Cells) -> bool:
    """Whether a predicate is true of released values; what is hidden is unknown."""
    found = _seen(predicate, cells)
    return not found.hidden and found.released is True


def _seen(scalar: Scalar, cells: Cells) -> Cell:
    match scalar:
        case Column(ident=ident):
            return cell_of(cells, ident)
        case Literal(value=value):
            return Cell(value, value)
        case Case():
            return _case(scalar, cells)
        case Call(op="and" | "or" as op, args=args):
            return _connected(op, [_seen(a, cells) for a in args])
        case Call(op="coalesce", args=args):
            return _first_given(args, cells)
        case Call(op=op, args=args):
            parts = [_seen(a, cells) for a in args]
            hidden = any(p.hidden for p in parts)
            return made_of(parts, None if hidden else call(op, [p.released for p in parts]), hidden=hidden)


def _case(case: Case, cells: Cells) -> Cell:
    """Hidden with the first hidden condition on the way to the branch, or with the branch."""
    tested: list[Cell] = []
    chosen = case.otherwise
    for condition, value in case.whens:
        tested.append(_seen(condition, cells))
        if tested[-1].hidden:
            return made_of(tested, None, hidden=True)
        if tested[-1].released is True:
            chosen = value
            break
    found = _seen(chosen, cells)
    return made_of([*tested, found], found.released, hidden=found.hidden)


def _connected(op: str, parts: Sequence[Cell]) -> Cell:
    """A false side settles AND, a true side OR, whatever is hidden beside it."""
    settling = op == "or"
    if any(not p.hidden and p.released is settling for p in parts):
        return made_of(parts, settling)
    hidden = any(p.hidden for p in parts)
    return made_of(parts, None if hidden else call(op, [p.released for p in parts]), hidden=hidden)


def _first_given(args: Sequence[Scalar], cells: Cells) -> Cell:
    tried: list[Cell] = []
    for arg in args:
        tried.append(_seen(arg, cells))
        if tried[-1].hidden:
            return made_of(tried, None, hidden=True)
        if tried[-1].released is not None:
            return made_of(tried, tried[-1].released)
    return made_of(tried, None)
