"""The steps after an aggregation while a SELECT is bound, and conditions on keys pushed down to the rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from broker.domain.plans import operators as ops, scalars
from broker.domain.plans.substitution import substitute
from broker.query.analysis.released_expressions import carries_two
from broker.query.binder import window_functions
from broker.query.binder.bind_state import Binder, ClauseBinder
from broker.query.binder.draft_tables import DraftTable
from broker.query.bound_relations import BindTarget, BoundGroups, conjunction_of
from broker.query.diagnostics import CONSEQUENTIAL, BindError, unsupported_node, window_place_error
from broker.query.operations.registry import WITHOUT_FOLD
from broker.query.symbols import SymbolTable

Substitution = Mapping[int, scalars.Scalar]
"""Expression over the child's columns, by id of the column above."""


def push_down(conjunct: scalars.Scalar, group: ops.PostAggregation, tables: list[DraftTable]) -> None:
    """Filter the rows of each table by a conjunct that reads only the table's keys. The conjunct also stays above: the
    filter drops only rows of groups that the conjunct drops anyway."""
    match group:
        case ops.TableRef(table=number):
            table = tables[number]
            keys = {column.ident: expression for expression, column in table.keys.items()}
            # a conjunct on statistics can be tested only after the aggregation
            if scalars.column_ids(conjunct) and scalars.column_ids(conjunct) <= keys.keys():
                tables[number] = replace(table, rows=table.rows.filtered([_substitute(conjunct, keys)]))
        case ops.Project(child=child, columns=columns):
            push_down(_substitute(conjunct, dict(columns)), child, tables)
        case ops.Filter(child=child):
            push_down(conjunct, child, tables)
        case ops.Sort(child=child):
            push_down(conjunct, child, tables)
        case ops.Union(parts=parts, columns=columns):
            for index, part in enumerate(parts):
                of_part = {i: scalars.ColumnRef(idents[index], _type_in(conjunct, i)) for i, idents in columns}
                push_down(_substitute(conjunct, of_part), part, tables)
        case ops.Join(left=left, right=right, how=how):
            for side, is_preserved in ((left, True), (right, how is not ops.JoinHow.LEFT)):
                # padded rows of an outer side exist only above the join, so a condition must not reach that side
                if is_preserved and how is not ops.JoinHow.FULL:
                    push_down(conjunct, side, tables)


def _substitute(scalar: scalars.Scalar, substitution: Substitution) -> scalars.Scalar:
    """Replace the columns of a scalar by their expressions below."""
    return substitute(scalar, lambda column: substitution.get(column.ident, column))


def _type_in(scalar: scalars.Scalar, ident: int) -> scalars.ScalarType:
    """Type of a column inside a scalar; NULL if the scalar does not read it."""
    return next((c.type for c in scalars.columns_in(scalar) if c.ident == ident), scalars.ScalarType.NULL)


Step = Callable[[ops.PostAggregation], ops.PostAggregation]


def checked_computable(scalar: scalars.Scalar, node: exp.Expr) -> scalars.Scalar:
    """Return a scalar that the broker can evaluate itself on values that it holds. Raises BindError if it cannot."""
    match scalar:
        case scalars.Call(op=op, args=args):
            text = op == "to_text" and not args[0].type.is_whole and args[0].type is not scalars.ScalarType.TEXT
            if op in WITHOUT_FOLD or text:
                message = "This expression cannot be computed from aggregates and keys."
                raise BindError("above", message, "Compute it in a derived table, before GROUP BY.", node)
        # on other letters, the broker and the engine could compute different results
        case scalars.Literal(value=str() as value) if not value.isascii():
            raise BindError(
                "above", "Text alongside aggregates must be plain ASCII.", "Write the text without accents.", node
            )
    for part in scalars.parts_of(scalar):
        checked_computable(part, node)
    return scalar


def check_releasable(function: ops.AggregateCall, symbols: SymbolTable, node: exp.Expr) -> None:
    """Refuse an aggregate over groups whose argument could carry two figures in one number. Raises BindError."""
    for argument in function.args:
        if carries_two(argument, symbols.labels, symbols.definitions):
            message = "An aggregate over groups could carry two figures in one number."
            raise BindError("packed-arithmetic", message, "Aggregate each of them separately.", node)


class PostAggregationBinder(ClauseBinder):
    """Binds expressions over groups. The broker computes them, and division by zero gives NULL."""

    is_rows = False


@dataclass(slots=True)
class PostAggregationBuilder:
    """The steps above an aggregation, in order. Windows and scalar subqueries become columns before they are read."""

    expression_binder: ClauseBinder
    steps: list[Step] = field(default_factory=list)
    windows: list[ops.WindowColumn] = field(default_factory=list)
    single_groups: list[BoundGroups] = field(default_factory=list)
    allows_windows: bool = False
    without_from: bool = False
    first_subquery: ops.PostAggregation | None = None
    """Without FROM, the first subquery is the base that the others are joined to."""

    def __post_init__(self) -> None:
        self.bind_with(self.expression_binder)

    def bind_with(self, expression_binder: ClauseBinder) -> None:
        """Bind what follows with this binder."""
        self.expression_binder = expression_binder
        expression_binder.bind_subquery_or_window = self.bind_subquery_or_window

    @property
    def binder(self) -> Binder:
        return self.expression_binder.binder

    def bind_subquery_or_window(self, node: exp.Expr) -> scalars.Scalar:
        """Bind a window over groups, or a subquery that gives one group."""
        if isinstance(node, exp.Window):
            return self._bind_window(node)
        if isinstance(node, exp.Subquery | exp.Select):
            return self._bind_single_group(node)
        if isinstance(node, exp.Exists | exp.In):
            message = "EXISTS and IN (SELECT …) select rows, not groups."
            advice = "Put them into the WHERE before GROUP BY, or into CASE WHEN of a derived table."
            raise BindError("group-subquery", message, advice, node)
        raise unsupported_node(node)

    def _bind_window(self, node: exp.Window) -> scalars.ColumnRef:
        if not self.allows_windows:
            raise window_place_error(node)
        partition = window_functions.partition_of(node, self.expression_binder)
        window = window_functions.bind_window(node, self.expression_binder, own=True, partition=partition)
        symbols = self.binder.symbols
        check_releasable(window.call.aggregate, symbols, node)
        column = scalars.ColumnRef(symbols.new_id(), window.call.aggregate.type)
        symbols.labels[column.ident] = "rank" if window.is_rank else "derived"
        self.windows.append(
            ops.WindowColumn(column.ident, window.call.aggregate, partition, window.order, frame=window.frame)
        )
        return column

    def _bind_single_group(self, node: exp.Expr) -> scalars.ColumnRef:
        scope = self.expression_binder.scope
        outer_names = {s.name for s in scope.sources}
        # names that the subquery defines itself are not outer names
        outer_names -= {t.alias_or_name.casefold() for t in node.find_all(exp.Table, exp.Subquery)}
        outer_column = next((c for c in node.find_all(exp.Column) if c.table.casefold() in outer_names), None)
        if outer_column is not None:
            message = (
                "A subquery alongside groups has the same value for every group, so it cannot read the outer table."
            )
            advice = "Group both in derived tables, and join them: … AS a LEFT JOIN … AS b ON b.key = a.key."
            raise BindError("correlated", message, advice, outer_column)
        found = self.binder.bind_query(node, scope.ctes, None, BindTarget.GROUPS)
        if found is None:
            raise BindError(CONSEQUENTIAL, "This subquery cannot be analysed.", "", node)
        if not isinstance(found, BoundGroups) or not found.is_single or len(found.columns) != 1:
            message = "A subquery alongside groups must give one aggregate of people."
            raise BindError("scalar-subquery", message, "Write (SELECT COUNT(*) FROM … WHERE …).", node)
        if found.may_be_empty and self.without_from:
            message = "Without FROM, a subquery must give a row in any case."
            raise BindError("scalar-subquery", message, "Write SELECT … FROM the groups WHERE ….", node)
        self.single_groups.append(found)
        (column,) = found.columns.values()
        return column

    def apply_pending(self) -> None:
        """Turn every column that was requested so far into a step."""
        for one in self.single_groups:  # Subqueries come before windows, which may read their columns.
            if self.without_from and self.first_subquery is None:
                self.first_subquery = one.program
            else:
                self.steps.append(_with_group(one))
        self.single_groups.clear()
        if self.windows:
            made = tuple(self.windows)  # a copy, because the list is cleared below
            self.steps.append(lambda g: ops.Window(g, made))
            self.windows.clear()

    def filter(self, conjuncts: Sequence[scalars.Scalar]) -> None:
        self.apply_pending()
        predicate = conjunction_of(conjuncts)
        if predicate is not None:
            self.steps.append(lambda g: ops.Filter(g, predicate))

    def build(self, base: ops.PostAggregation) -> ops.PostAggregation:
        """Build the whole program. Each condition is also pushed down to the rows if it reads only keys."""
        for step in self.steps:
            base = step(base)
            if isinstance(base, ops.Filter):
                for conjunct in scalars.conjuncts_of(base.predicate):
                    push_down(conjunct, base.child, self.binder.draft_tables)
        return base


def _with_group(one: BoundGroups) -> Step:
    """Join the columns of a single group. Where there is none, they are missing."""
    if one.may_be_empty:
        always = scalars.Literal(True, scalars.ScalarType.TRUTH)
        return lambda g: ops.Join(g, one.program, ops.JoinHow.LEFT, always)
    return lambda g: ops.Join(g, one.program, ops.JoinHow.CROSS, None)
