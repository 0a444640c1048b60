"""Bounded contributions of a planned table: by ranks and joins if these leave few rows, otherwise summed by person."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from broker.domain.plans.bounded_table import PersonBound
from broker.domain.plans.operators import Filter, Join, JoinHow, Relation, Scan, Union, is_of_persons, walk
from broker.domain.plans.plan import PlannedTable
from broker.domain.plans.scalars import ColumnRef, ScalarType, truth_call
from broker.policy.data_catalogue import Catalogue
from broker.query.contribution_bounding.error_free import error_free_relation
from broker.query.contribution_bounding.row_bounds import RowBounder


@dataclass(frozen=True, slots=True)
class ContributionLimits:
    """Limits of a private query. `rows`: most rows of one person that ranks and joins may leave. Beyond it, or if that
    is better, `each` is enforced. `ranks`: by table, rows of one person and year that count, if fewer than in the
    catalogue."""

    rows: int
    each: PersonBound
    ranks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BoundedContributions:
    """Contributions of which one person has at most `rows`, in at most `cells` cells, with at most `in_cell` in one
    cell. `counted_rows`: rows of a person and year that count, by table; further rows are dropped as a rule.
    `drops_personless`: rows without a person are dropped too."""

    contributions: Relation
    cells: int
    in_cell: int
    rows: int
    each: PersonBound | None
    counted_rows: Mapping[str, int]
    drops_personless: bool = False


def bound_contributions(table: PlannedTable, catalogue: Catalogue, limits: ContributionLimits) -> BoundedContributions:
    """Bound the contributions to a table. Cells are those of all its keys. A year among the keys divides a person's
    rows between cells."""
    relation = _with_persons_only(table)
    drops_personless = relation is not table.contributions
    bounder = RowBounder(relation, catalogue, limits.ranks)
    found, cells, each = bounder.bound(relation), _listed_cell_count(table), limits.each
    own = each.cells if cells is None else min(each.cells, cells)
    prefers_sums = _loses_no_cell(cells, limits, relation)
    # If sums lose no cell, ranks and joins must leave less than twice the weight of the sums to be used.
    most = min(limits.rows, 2 * own * each.rows - 1) if prefers_sums else limits.rows
    if found.rows is not None and 0 < found.rows <= most:
        columns = (k.expression.ident for k in table.keys if isinstance(k.expression, ColumnRef))
        by_year = [found.each[ident] for ident in columns if ident in found.each]
        in_cell = min([found.rows, *by_year])  # a year among the keys divides a person's rows between cells
        held = found.rows if cells is None else min(found.rows, cells)
        return BoundedContributions(
            error_free_relation(found.relation), held, in_cell, found.rows, None, bounder.counted_rows, drops_personless
        )
    return BoundedContributions(
        error_free_relation(relation), own, each.rows, own * each.rows, each, {}, drops_personless
    )


def _listed_cell_count(table: PlannedTable) -> int | None:
    """Number of cells by the value lists of the plan; None if a key has no list. Rows in other cells are dropped. (A
    plan does not know registers.)"""
    sizes = [None if k.domain is None else len(k.domain) for k in table.keys]
    return None if None in sizes else max(1, prod(n for n in sizes if n is not None))


def _loses_no_cell(cells: int | None, limits: ContributionLimits, relation: Relation) -> bool:
    """Whether summing keeps all cells of a person. A text that limits rows of a table has chosen ranks instead."""
    named = any(isinstance(r, Scan) and r.table in limits.ranks for r in walk(relation))
    return cells is not None and cells <= limits.each.cells and not named


def _with_persons_only(table: PlannedTable) -> Relation:
    """Return the contributions without rows that belong to no person."""
    if not any(map(_has_personless_rows, walk(table.contributions))):
        return table.contributions
    missing = truth_call("is_null", ColumnRef(table.person, ScalarType.INT))
    return Filter(table.contributions, truth_call("not", missing))


def _has_personless_rows(relation: Relation) -> bool:
    """Whether a relation has rows without a person: the public side of an outer join that no person matches, or the
    public branch of a union."""
    match relation:
        case Join(how=JoinHow.LEFT, left=left, right=right):
            return is_of_persons(right) and not is_of_persons(left)
        case Join(how=JoinHow.FULL, left=left, right=right):
            return is_of_persons(left) is not is_of_persons(right)
        case Union(parts=parts, person=person):
            return person is not None and not all(map(is_of_persons, parts))
    return False
