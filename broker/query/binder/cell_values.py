"""MIN and MAX of a value that is the same in all rows of a cell: of a window over other people whose partition is the
cell, or the rows of the cell that a condition names. It is the statistic of those rows, whatever MIN or MAX choose."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.plans import operators as ops
from broker.domain.plans.scalars import (
    NULL,
    Call,
    Case,
    ColumnRef,
    Literal,
    Scalar,
    ScalarType,
    column_ids,
    columns_in,
    conjuncts_of,
    parts_of,
    truth_call,
    with_parts,
)
from broker.query.analysis.aggregate_arguments import ONE, ZERO
from broker.query.binder.aggregate_statistics import statistic_of_call
from broker.query.binder.draft_tables import DraftStatistics
from broker.query.expressions.expression_binder import ExpressionBinder


@dataclass(frozen=True, slots=True)
class CellValues:
    """Binds such values over one aggregation. `keys`: those of a plain GROUP BY."""

    keys: dict[Scalar, ColumnRef]
    row_binder: ExpressionBinder
    statistics: DraftStatistics

    def bind(self, value: Scalar, relation: ops.Relation, node: exp.Expr) -> Scalar | None:
        """The value over statistics; None if it is not the same in all rows of a cell."""
        found = self.row_binder.symbols.expanded(value)
        condition, inner = self._split(found)
        cells = self._expanded_keys() | _fixed_columns(condition)
        windows = {w.ident: w for w in _windows_of_cells(relation, cells, self.row_binder)}
        if not any(c.ident in windows for c in columns_in(inner)) or not self._is_constant(inner, windows):
            return None
        return self._over_statistics(inner, windows, condition, node)

    def _split(self, value: Scalar) -> tuple[Scalar | None, Scalar]:
        """The condition that names rows of a cell by columns that are no keys, and the value there."""
        match value:
            case Case(whens=((condition, inner),), otherwise=Literal(value=None)):
                if _fixed_columns(condition) - self._expanded_keys():
                    return condition, inner
        return None, value

    def _expanded_keys(self) -> frozenset[Scalar]:
        return frozenset(map(self.row_binder.symbols.expanded, self.keys))

    def _is_constant(self, scalar: Scalar, windows: dict[int, ops.WindowColumn]) -> bool:
        if isinstance(scalar, ColumnRef):
            return scalar.ident in windows or self._key_of(scalar) is not None
        return all(self._is_constant(part, windows) for part in parts_of(scalar))

    def _key_of(self, scalar: Scalar) -> ColumnRef | None:
        expanded = self.row_binder.symbols.expanded
        return next((column for key, column in self.keys.items() if expanded(key) == scalar), None)

    def _over_statistics(
        self, scalar: Scalar, windows: dict[int, ops.WindowColumn], condition: Scalar | None, node: exp.Expr
    ) -> Scalar:
        if not isinstance(scalar, ColumnRef):
            return with_parts(scalar, lambda part: self._over_statistics(part, windows, condition, node))
        key = self._key_of(scalar)
        if key is not None:
            return key
        return self._statistic(windows[scalar.ident].function, condition, node)

    def _statistic(self, call: ops.AggregateCall, condition: Scalar | None, node: exp.Expr) -> Scalar:
        found = self._of_rows(call, condition, node)
        if not call.op.startswith("count") or (condition is None and self.keys):
            return found
        # where there is no row, there is no value, and not a count of 0
        rows = self._of_rows(ops.AggregateCall("count_rows", (), ScalarType.INT), condition, node)
        return Case(((truth_call("equal", rows, ZERO), NULL),), found, found.type)

    def _of_rows(self, call: ops.AggregateCall, condition: Scalar | None, node: exp.Expr) -> Scalar:
        argument = call.args[0] if call.args else ONE
        if condition is not None:
            argument = Case(((condition, argument),), NULL, argument.type)
        return statistic_of_call(call, argument, self.row_binder, self.statistics, node)


def _fixed_columns(condition: Scalar | None) -> frozenset[Scalar]:
    """Columns of which a condition names one value each; none if it says anything else."""
    found: set[Scalar] = set()
    for one in conjuncts_of(condition):
        match one:
            case Call(op="equal", args=(ColumnRef() as column, Literal())):
                found.add(column)
            case _:
                return frozenset()
    return frozenset(found)


def _windows_of_cells(
    relation: ops.Relation, cells: frozenset[Scalar], row_binder: ExpressionBinder
) -> Iterator[ops.WindowColumn]:
    """Windows whose partitions are these cells. Between them and the aggregation, nothing leaves out a part of one."""
    filters: list[Scalar] = []
    while isinstance(relation, ops.Project | ops.Filter | ops.Window):
        if isinstance(relation, ops.Filter):
            filters += conjuncts_of(relation.predicate)
        elif isinstance(relation, ops.Window):
            found = [w for w in relation.columns if _is_of_cells(w, cells, row_binder)]
            kept = cells | {ColumnRef(w.ident, w.function.type) for w in found}
            if all(_reads_only(row_binder.symbols.expanded(f), kept) for f in filters):
                yield from found
        relation = relation.child


def _is_of_cells(window: ops.WindowColumn, cells: frozenset[Scalar], row_binder: ExpressionBinder) -> bool:
    partition = frozenset(map(row_binder.symbols.expanded, window.partition))
    return window.shared and not window.order and partition == cells


def _reads_only(scalar: Scalar, kept: frozenset[Scalar]) -> bool:
    """Whether a value depends on these alone."""
    if scalar in kept:
        return True
    return not isinstance(scalar, ColumnRef) and all(_reads_only(part, kept) for part in parts_of(scalar))


def without_unread_windows(relation: ops.Relation, read: frozenset[int]) -> ops.Relation:
    """The relation without the windows over other people, and what is computed from them, that nothing reads. Nothing
    reads a window whose values were bound as statistics. `read`: columns that are read above it."""
    match relation:
        case ops.Filter():
            below = without_unread_windows(relation.child, read | _columns_read(relation))
        case ops.Project(columns=computed):
            kept = tuple((ident, scalar) for ident, scalar in computed if ident in read)
            below = without_unread_windows(relation.child, read | _columns_read(replace(relation, columns=kept)))
            if below == relation.child:  # no window was left out, so everything computed stays
                return relation
            return replace(relation, child=below, columns=kept) if kept else below
        case ops.Window(columns=windows):
            found = tuple(w for w in windows if w.ident in read or not w.shared)
            below = without_unread_windows(relation.child, read | _columns_read(replace(relation, columns=found)))
            return replace(relation, child=below, columns=found) if found else below
        case _:
            return relation
    return replace(relation, child=below)


def _columns_read(relation: ops.Relation) -> frozenset[int]:
    return frozenset().union(*map(column_ids, ops.scalars_of(relation)))
