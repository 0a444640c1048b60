"""From contributions to bounded ones: by a product of ranks and joins where it is small enough, else by adding up each
person's rows first; so too where that loses no cell and halves the noise. What is chosen follows from plan, catalogue
and limits alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from broker.domain.bounded import PerPerson
from broker.domain.plans import PlannedTable
from broker.domain.relations import Filter, Join, JoinHow, Relation, Scan, Union, walk
from broker.domain.scalars import Call, Column, Type
from broker.policy.catalogue import Catalogue
from broker.query.bounding.rows import Bounding, is_of_persons
from broker.query.bounding.total import total_rows


@dataclass(frozen=True, slots=True)
class Limits:
    """`rows`: most rows of one person that ranks and joins may come to; beyond it, or where it is better, `each` is
    enforced.

    `ranks`: by table, rows of one person and year that count, where that is fewer than the catalogue's.
    """

    rows: int
    each: PerPerson
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounded:
    """Contributions of which one person has at most `rows`, at most `in_cell` of them in one cell, in at most `cells`.

    `kept`: how many rows of a person and year of each table count, others being left out as a rule. `nobody`: so are
    rows that nobody stands behind.
    """

    contributions: Relation
    cells: int
    in_cell: int
    rows: int
    each: PerPerson | None
    kept: Mapping[str, int]
    nobody: bool = False


def bounded(table: PlannedTable, catalogue: Catalogue, limits: Limits) -> Bounded:
    """Cells are those of all the table's keys: years among them part a person's rows."""
    relation = _of_somebody(table)
    nobody = relation is not table.contributions
    walked = Bounding(relation, catalogue, limits.ranks)
    found, cells, each = walked.bound(relation), _listed_cells(table), limits.each
    own = each.cells if cells is None else min(each.cells, cells)
    beaten = _loses_no_cell(cells, limits, relation)
    most = min(limits.rows, 2 * own * each.rows - 1) if beaten else limits.rows
    if found.rows is not None and 0 < found.rows <= most:
        by_year = [found.each[k.ident] for k in _columns(table) if k.ident in found.each]
        in_cell = min([found.rows, *by_year])
        held = found.rows if cells is None else min(found.rows, cells)
        return Bounded(total_rows(found.relation), held, in_cell, found.rows, None, walked.kept, nobody)
    return Bounded(total_rows(relation), own, each.rows, own * each.rows, each, {}, nobody)


def _columns(table: PlannedTable) -> list[Column]:
    return [k.expression for k in table.keys if isinstance(k.expression, Column)]


def _listed_cells(table: PlannedTable) -> int | None:
    """How many there are by the lists of the plan; rows in others are dropped. (Registers are not known to a plan.)"""
    sizes = [None if k.domain is None else len(k.domain) for k in table.keys]
    return None if None in sizes else max(1, prod(n for n in sizes if n is not None))


def _loses_no_cell(cells: int | None, limits: Limits, relation: Relation) -> bool:
    """Whether adding up leaves a person all of their cells. Who names a table's rows has chosen ranks."""
    named = any(isinstance(r, Scan) and r.table in limits.ranks for r in walk(relation))
    return cells is not None and cells <= limits.each.cells and not named


def _of_somebody(table: PlannedTable) -> Relation:
    """Without rows that nobody stands behind."""
    if not any(map(_has_nobody, walk(table.contributions))):
        return table.contributions
    missing = Call("is_null", (Column(table.person, Type.INT),), Type.TRUTH)
    return Filter(table.contributions, Call("not", (missing,), Type.TRUTH))


def _has_nobody(relation: Relation) -> bool:
    """An outer join's public side that no person meets, and a union's public branch."""
    match relation:
        case Join(how=JoinHow.LEFT, left=left, right=right):
            return is_of_persons(right) and not is_of_persons(left)
        case Join(how=JoinHow.FULL, left=left, right=right):
            return is_of_persons(left) is not is_of_persons(right)
        case Union(parts=parts, person=person):
            return person is not None and not all(map(is_of_persons, parts))
    return False
