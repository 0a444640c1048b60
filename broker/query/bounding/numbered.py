"""Rows that a query itself numbers within each person, or person and year, and of which it keeps the first: as many as
there are numberings, and no row below needs to be left out."""

from collections.abc import Iterable
from dataclasses import replace
from math import prod

from broker.domain.relations import Filter, Over, Project, Relation, WindowColumn
from broker.domain.scalars import Call, Column, Literal, Scalar, Type
from broker.query.bounding.origins import Origins
from broker.query.bounding.products import Bound
from broker.query.kinds import conjuncts_of


def first_rows(filtered: Filter, origins: Origins) -> Bound | None:
    """Rows that are numbered within their person, or person and year, and of which the first is kept."""
    projects, part = [], filtered.child
    while isinstance(part, Project):
        projects.append(part)
        part = part.child
    if not isinstance(part, Over):
        return None
    kept = set(_first_of(filtered.predicate)) if part.counted is not None else set()
    window = next((w for w in part.columns if Column(w.ident, Type.INT) in kept and _is_own(w, part, origins)), None)
    if window is None:
        return None
    left = tuple(s for s in window.partition if not origins.is_link(s))
    years = [n for s in left if s != Column(part.counted or 0, Type.INT) and (n := origins.years(s))]
    changed = tuple(replace(w, partition=left) if w is window else w for w in part.columns)
    made: Relation = replace(part, columns=changed)
    for project in reversed(projects):
        made = replace(project, child=made)
    rows = prod(years)
    each = {s.ident: rows // n for s in left if isinstance(s, Column) and (n := origins.years(s))}
    return Bound(replace(filtered, child=made), rows, each)


def _is_own(window: WindowColumn, over: Over, origins: Origins) -> bool:
    person = Column(over.counted or 0, Type.INT)
    known = all(s == person or origins.is_link(s) or origins.years(s) for s in window.partition)
    return window.function.op == "row_number" and not window.shared and person in window.partition and known


def _first_of(predicate: Scalar) -> Iterable[Scalar]:
    """What a condition says is 1."""
    for condition in conjuncts_of(predicate):
        match condition:
            case Call(op="equal", args=(Column() as numbered, Literal(value=1))):
                yield numbered
