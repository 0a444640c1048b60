"""From contributions to bounded ones: by a product of ranks and joins where it is small enough, else by adding up each
person's rows first. What is chosen follows from plan, catalogue and limits alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.domain.bounded import PerPerson
from broker.domain.plans import PlannedTable
from broker.domain.relations import Filter, Join, JoinHow, Relation, Union, walk
from broker.domain.scalars import Call, Column, Type
from broker.policy.tables import Catalogue
from broker.query.bounding.rows import Bounding
from broker.query.bounding.total import total_rows


@dataclass(frozen=True, slots=True)
class Limits:
    """`rows`: most rows of one person that ranks and joins may come to; beyond it `each` is enforced.

    `ranks`: by table, rows of one person and year that count, where that is fewer than the catalogue's.
    """

    rows: int
    each: PerPerson
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounded:
    """Contributions of which one person has at most `rows`, at most `in_cell` of them in one cell, in at most `cells`.

    `kept`: how many rows of a person and year of each table count, others being left out as a rule.
    """

    contributions: Relation
    cells: int
    in_cell: int
    rows: int
    each: PerPerson | None
    kept: Mapping[str, int]


def bounded(table: PlannedTable, catalogue: Catalogue, limits: Limits) -> Bounded:
    """Cells are those of all the table's keys: years among them part a person's rows."""
    relation = _of_somebody(table)
    walked = Bounding(relation, catalogue, limits.ranks)
    found = walked.bound(relation)
    if found.rows is not None and 0 < found.rows <= limits.rows:
        keys = [k.expression for k in table.keys]
        by_year = [found.each[k.ident] for k in keys if isinstance(k, Column) and k.ident in found.each]
        in_cell = min([found.rows, *by_year])
        return Bounded(total_rows(found.relation), found.rows, in_cell, found.rows, None, walked.kept)
    each = limits.each
    return Bounded(total_rows(relation), each.cells, each.rows, each.cells * each.rows, each, {})


def _of_somebody(table: PlannedTable) -> Relation:
    """Without rows that nobody stands behind: of an outer join's public side, or of a union's public branch."""
    outer = any(
        isinstance(r, Union) or (isinstance(r, Join) and r.how in {JoinHow.LEFT, JoinHow.FULL})
        for r in walk(table.contributions)
    )
    if not outer:
        return table.contributions
    missing = Call("is_null", (Column(table.person, Type.INT),), Type.TRUTH)
    return Filter(table.contributions, Call("not", (missing,), Type.TRUTH))
