"""Expressions over groups of rows: which nodes are aggregates, what the keys are, and how an expression reads both. The
caller decides what an aggregate becomes."""

from collections.abc import Callable, Iterator

from sqlglot import exp

from broker.domain.plans.scalars import ColumnRef, Literal, Scalar
from broker.query.binder.bind_state import ClauseBinder
from broker.query.binder.row_choices import CHOICES
from broker.query.diagnostics import CONSEQUENTIAL, BindError, unsupported_node
from broker.query.expressions.expression_binder import ExpressionBinder
from broker.query.name_resolution import Scope
from broker.query.tree_walks import find_nodes

MOMENTS = (
    exp.Corr, exp.CovarPop, exp.CovarSamp, exp.RegrAvgx, exp.RegrAvgy, exp.RegrCount, exp.RegrIntercept, exp.RegrR2,
    exp.RegrSlope, exp.RegrSxx, exp.RegrSxy, exp.RegrSyy, exp.Skewness, exp.Kurtosis,
)  # fmt: skip
"""Statistics of two variables, and of the shape of one."""
AGGREGATES = (
    exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Median, exp.Quantile, exp.PercentileCont,
    exp.PercentileDisc, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance, exp.VariancePop, *CHOICES, *MOMENTS,
)  # fmt: skip
NAMED_AGGREGATES = frozenset({"VAR", "VARP", "STDEV", "STDEVP", "KURTOSIS_POP"})
"""Aggregates that the parser reads as unknown functions."""


def is_aggregate(node: exp.Expr) -> bool:
    if isinstance(node, exp.Filter | exp.WithinGroup):
        return True
    return isinstance(node, AGGREGATES) or (isinstance(node, exp.Anonymous) and node.name.upper() in NAMED_AGGREGATES)


def aggregates_in(node: exp.Expr) -> Iterator[exp.Expr]:
    """Outermost aggregates of an expression. The function of a window is not one of them, but its arguments may be."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, exp.Query):  # a subquery has its own aggregates
            continue
        if isinstance(part, exp.Window):
            function, rest = part.this, [c for c in part.iter_expressions() if c is not part.this]
            if isinstance(function, exp.Filter):
                function, rest = function.this, [*rest, function.expression]
            function = function.expression if isinstance(function, exp.WithinGroup) else function
            stack += [*function.iter_expressions(), *rest]
            continue
        if is_aggregate(part) or isinstance(part, exp.AggFunc):
            yield part
            continue
        stack += part.iter_expressions()


def has_aggregate(node: exp.Expr) -> bool:
    return next(aggregates_in(node), None) is not None


def is_grouped(select: exp.Select) -> bool:
    """Whether a SELECT aggregates."""
    clauses = [
        *select.expressions,
        *(c for k in ("having", "order", "qualify") if (c := select.args.get(k)) is not None),
    ]
    return select.args.get("group") is not None or any(map(has_aggregate, clauses))


def select_items(select: exp.Select) -> list[exp.Expr]:
    """Expressions of a SELECT list without their aliases."""
    return [i.this if isinstance(i, exp.Alias) else i for i in select.expressions]


def key_nodes(group: exp.Group, select: exp.Select) -> list[exp.Expr]:
    """Keys as GROUP BY has them. GROUP BY ALL: every item without an aggregate."""
    return [i for i in select_items(select) if not has_aggregate(i)] if group.args.get("all") else group.expressions


def resolve_key_alias(node: exp.Expr, select: exp.Select, expression_binder: ExpressionBinder) -> exp.Expr:
    """Resolve a GROUP BY key that is a position or alias of the SELECT list, if the dialect allows this. A variable
    with the same name comes first."""
    if not expression_binder.dialect.clauses_see_aliases:
        return node
    items = select_items(select)
    if isinstance(node, exp.Literal) and node.name.isdigit() and 1 <= int(node.name) <= len(items):
        return items[int(node.name) - 1]
    if isinstance(node, exp.Column) and not node.table and not _is_input_column(node, expression_binder.scope):
        for item, whole in zip(items, select.expressions, strict=True):
            if whole.alias.casefold() == node.name.casefold():
                return item
    return node


def expand_aliases(clause: exp.Expr | None, select: exp.Select, expression_binder: ExpressionBinder) -> exp.Expr | None:
    """Replace each alias of the SELECT list in WHERE, HAVING or QUALIFY by its expression."""
    if clause is None or not expression_binder.dialect.clauses_see_aliases:
        return clause
    if not {c.name.casefold() for c in find_nodes(clause, exp.Column)} & {
        i.alias.casefold() for i in select.expressions
    }:
        return clause

    def expanded(node: exp.Expr) -> exp.Expr:
        found = resolve_key_alias(node, select, expression_binder) if isinstance(node, exp.Column) else node
        if found is node:
            return node
        made = exp.Paren(this=found.copy())
        for part in made.walk():  # Messages must point at the alias that the researcher wrote.
            part.meta.update(node.this.meta)
        return made

    parent = clause.parent
    found = clause.transform(expanded)
    found.parent = parent  # refusals find their position through the parent
    return found


def with_expanded_items(select: exp.Select, expression_binder: ExpressionBinder) -> exp.Select:
    """A SELECT whose items name no alias of earlier items, if the dialect allows that."""
    aliases = {i.alias.casefold() for i in select.expressions if isinstance(i, exp.Alias)}
    if not expression_binder.dialect.clauses_see_aliases or not any(
        c.name.casefold() in aliases for i in select.expressions for c in find_nodes(i, exp.Column)
    ):
        return select
    found = select.copy()
    found.parent = select.parent
    items = list(found.expressions)
    for number in range(1, len(items)):
        found.set("expressions", items[:number])
        expanded = expand_aliases(items[number], found, expression_binder)
        items[number] = items[number] if expanded is None else expanded
    found.set("expressions", items)
    return found


def _is_input_column(node: exp.Column, scope: Scope) -> bool:
    try:
        scope.resolve(node)
    except BindError as error:
        return error.code == "ambiguous"  # An ambiguous name is still the name of an input column.
    return True


class GroupedExpressionBinder(ClauseBinder):
    """Binds expressions over the keys and aggregates of an aggregation. `keys` maps the expression of each key on the
    rows to its column."""

    def __init__(
        self, row_binder: ClauseBinder, keys: dict[Scalar, ColumnRef], aggregate: Callable[[exp.Expr], Scalar],
        is_rows: bool,
    ) -> None:  # fmt: skip
        super().__init__(row_binder.binder, row_binder.scope, row_binder.syntax_of)
        self._row_binder, self._keys, self._aggregate = row_binder, keys, aggregate
        self.is_rows = is_rows
        self.columns_seen = row_binder.columns_seen  # shared, so that the uses of both binders are recorded together
        self.has_aggregates = True

    def scalar(self, node: exp.Expr) -> Scalar:
        if is_aggregate(node):
            return self._aggregate(node)
        if isinstance(node, exp.AggFunc) and not isinstance(node, exp.Grouping):
            raise unsupported_node(node)
        if has_aggregate(node) or node.find(exp.Window, exp.Query, exp.Grouping) is not None:
            return super().scalar(node)
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            raise unsupported_node(node.this)
        return self._bind_over_keys(node)

    def _bind_over_keys(self, node: exp.Expr) -> Scalar:
        """Bind a key, or an expression over keys. Raises BindError if it reads anything else."""
        plain = isinstance(node, exp.Column)
        found = self._row_binder.raw_column(node) if isinstance(node, exp.Column) else self._bind_on_rows(node)
        if found is not None and (isinstance(found, Literal) or found in self._keys):
            return found if isinstance(found, Literal) else self._keys[found]
        if not plain and list(node.iter_expressions()):
            return super().scalar(node)
        if not self.has_aggregates or self._row_binder.lacks_keys:  # the expression may be the key that was refused
            raise BindError(CONSEQUENTIAL, "The whole SELECT is refused.", "", node)
        message = "This column is neither an aggregate nor a key of GROUP BY."
        raise BindError("not-grouped", message, "Add it to GROUP BY, or aggregate it.", node)

    def _bind_on_rows(self, node: exp.Expr) -> Scalar | None:
        """Bind the expression on the rows, as GROUP BY may have it. None if only its parts can be keys."""
        before = len(self.columns_seen)
        try:
            return self._row_binder.value(node)
        except BindError:
            del self.columns_seen[before:]  # the attempt must not leave uses behind
            return None

    def column(self, node: exp.Expr) -> Scalar:
        """Below an expression over keys, every column is a key."""
        return self._bind_over_keys(node)
