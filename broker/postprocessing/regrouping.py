"""Aggregates over groups: of released values that are neither hidden nor missing. No rules, no order here."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from broker.domain.errors import Breach
from broker.domain.groups import Regroup
from broker.domain.relations import Aggregate
from broker.domain.scalars import Scalar, Value
from broker.postprocessing.cells import Cell, Line, Lines, Work, made_of
from broker.postprocessing.evaluate import number
from broker.postprocessing.formulas import compute
from broker.query.operations.aggregates import AGGREGATIONS


def regroup(group: Regroup, child: Lines, work: Work) -> Lines:
    """A row for each value of the keys, in the order in which they come; without keys one row, whatever there is.

    A row that does not exist, or whose key is hidden, makes no group. Those that do not exist still stand in the group
    of their key, so that a figure over nothing but hidden ones is hidden too.
    """
    work.spend(len(child.rows) * (1 + len(group.aggregates)))
    found: dict[Hashable, list[tuple[Line, dict[int, Cell]]]] = {}
    if not group.keys:
        found[()] = [(line, {}) for line in child.rows]
    for line in child.rows if group.keys else ():
        keys = {i: compute(s, line.cells) for i, s in group.keys}
        if not any(c.hidden for c in keys.values()):
            found.setdefault(tuple(alike(c.released) for c in keys.values()), []).append((line, keys))
    rows = tuple(
        _row(group, members, child) for members in found.values() if not group.keys or any(m.exists for m, _ in members)
    )
    return Lines(rows, blank_of({i: g.args for i, g in group.aggregates} | {i: (s,) for i, s in group.keys}, child))


def _row(group: Regroup, members: Sequence[tuple[Line, dict[int, Cell]]], child: Lines) -> Line:
    lines = [line for line, _ in members]
    keys = next((k for line, k in members if line.exists), {})
    cells = {i: aggregate(g, lines, child) for i, g in group.aggregates}
    exists = not group.keys or any(line.exists for line in lines)
    persons = max((line.persons for line in lines if line.persons is not None), default=0)
    return Line(keys | cells, exists, not group.keys or any(line.listed for line in lines), persons)


def aggregate(function: Aggregate, lines: Sequence[Line], child: Lines) -> Cell:
    """One aggregate over rows. It is hidden where there is something and all of it is hidden, and where there is
    nothing and nothing looks like hidden."""
    values = [[compute(a, line.cells) for a in function.args] for line in lines]
    told = [v for v, line in zip(values, lines, strict=True) if line.exists and not any(c.hidden for c in v)]
    exact = [[c.exact for c in v] for v, line in zip(values, lines, strict=True) if line.persons != 0]
    of_staff = _exact(function.op, exact)
    if not told and (lines or any(c.hidden for c in child.blank.values())):
        left_out = [c for v in values for c in v] or [c for line in lines for c in line.cells.values()]
        return made_of(left_out or child.blank.values(), None, of_staff, hidden=True)
    found = folded(function.op, [[c.released for c in v] for v in told])
    return made_of((c for v in told for c in v), found, of_staff)


def folded(op: str, rows: Sequence[Sequence[Any]]) -> Value:
    """The fold of an aggregate over its arguments' values, row by row. Never guesses."""
    if op not in AGGREGATIONS:
        raise Breach(f"The aggregate {op!r} is not in the closed list.")
    counted = [r[0] if r else 1 for r in rows if not r or r[0] is not None]
    rest = list(rows[0][1:]) if rows else []
    try:
        return AGGREGATIONS[op].fold(counted, rest)
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError) as fault:
        raise Breach(f"The aggregate {op!r} has no exact value over released figures.") from fault


def _exact(op: str, rows: Sequence[Sequence[Value]]) -> Value:
    """For staff; a fault over exact values gives nothing, so that it cannot tell of them."""
    try:
        return folded(op, rows)
    except Breach:
        return None


def blank_of(columns: Mapping[int, Sequence[Scalar]], child: Lines) -> dict[int, Cell]:
    """What computed columns hold where the row is missing: nothing; hidden where they are made of hidden figures."""
    found: dict[int, Cell] = {}
    for ident, scalars in columns.items():
        parts = [compute(s, child.blank) for s in scalars] or list(child.blank.values())
        found[ident] = made_of(parts, None, hidden=any(p.hidden for p in parts))
    return found


def alike(value: Value) -> Hashable:
    """Equal for values that are one group: numbers by amount, whatever their type."""
    return number(value) if isinstance(value, float) else value
