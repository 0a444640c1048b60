"""EXISTS, IN (SELECT …) and scalar subqueries over rows, each as a column of the outer rows. They may read rows of the
outer row's person, public rows, or groups of enough people, but never rows of single other people."""

from dataclasses import replace

from sqlglot import exp

from broker.domain.plans.operators import Apply, Filter, Limit, Project, Scan, children, scalars_of, walk
from broker.domain.plans.scalars import ColumnRef, Literal, Scalar, ScalarType, conjuncts_of, same_person, truth_call
from broker.query.analysis.aggregate_arguments import is_plain_amount, is_row_count
from broker.query.analysis.implied_statistics import can_be_null
from broker.query.binder.bind_state import SelectBinding
from broker.query.binder.grouped_expressions import is_grouped
from broker.query.binder.select_clauses import distinct_rows, row_limit
from broker.query.bound_relations import BindTarget, BoundRows, has_context, is_context
from broker.query.diagnostics import CONSEQUENTIAL, BindError, unsupported_node
from broker.query.expressions import predicates
from broker.query.symbols import OpaqueColumn, SymbolTable

LINK_OR_GROUP = (
    "Link the subquery by the key in its WHERE (b.key = a.key), or aggregate the other people with GROUP BY."
)


def bind_subquery(binding: SelectBinding, node: exp.Expr) -> Scalar:
    """Bind a subquery as a column: its result for each row."""
    if isinstance(node, exp.Exists):
        return _applied_column(binding, _bind_inner_rows(binding, _without_star(node.this)), None, node)
    if isinstance(node, exp.In):
        return _bind_in_subquery(binding, node)
    if isinstance(node, exp.Subquery | exp.Select):
        return _bind_scalar_subquery(binding, node)
    raise unsupported_node(node)


def _bind_inner_rows(binding: SelectBinding, query: exp.Expr) -> BoundRows:
    scope = binding.expression_binder.scope
    found = binding.binder.bind_query(query, scope.ctes, scope, BindTarget.ROWS)
    if not isinstance(found, BoundRows):
        raise BindError(CONSEQUENTIAL, "This subquery cannot be analysed.", "", query)
    return found


def _without_star(query: exp.Expr) -> exp.Expr:
    """Remove the star: EXISTS (SELECT * …) reads no column."""
    inner = query.unnest()
    if (
        isinstance(inner, exp.Select)
        and not is_grouped(inner)
        and all(isinstance(i, exp.Star) for i in inner.expressions)
    ):
        inner.set("expressions", [exp.Literal.number(1)])
    return inner


def _applied_column(binding: SelectBinding, sub: BoundRows, value: ColumnRef | None, node: exp.Expr) -> ColumnRef:
    """Add the column that a subquery gives to the outer rows. Raises BindError if the subquery reads rows of other
    people."""
    if sub.person is not None and not sub.is_correlated:
        raise BindError("subquery-persons", "This subquery reads other people's rows.", LINK_OR_GROUP, node)
    symbols = binding.binder.symbols
    _check_context(sub, symbols, node)
    shared = has_context(sub.relation)
    if value is None:
        found = symbols.new_opaque(ScalarType.TRUTH, OpaqueColumn(frozenset(), nullable=False, shared=shared))
    else:
        known = symbols.opaque.get(value.ident)
        low, high, decimals = (known.low, known.high, known.decimals) if known else (None, None, 0)
        made = OpaqueColumn(
            symbols.base(value), low=low, high=high, decimals=decimals, shared=shared,
            closed=is_plain_amount(value, symbols), counts=is_row_count(value, symbols),
            like=known.like if known else value, may_be_empty=True,
        )  # fmt: skip
        found = symbols.new_opaque(value.type, made)
        if value.ident in symbols.sizes:
            symbols.sizes[found.ident] = symbols.sizes[value.ident]
    binding.pending.append(  # attached later, when the outer rows are complete
        lambda rows: replace(
            rows, relation=Apply(rows.relation, sub.relation, found.ident, None if value is None else value.ident)
        )
    )
    return found


def _check_context(sub: BoundRows, symbols: SymbolTable, node: exp.Expr) -> None:
    """Refuse groups and windows of other people that read the outer row: they must be the same for every outer row."""
    for part in walk(sub.relation):
        if not is_context(part):
            continue
        below = [p for child in children(part) for p in walk(child)]
        scans = {p.person for p in below if isinstance(p, Scan)}
        read = {symbols.origins[i].scan for p in [part, *below] for s in scalars_of(p) for i in symbols.base(s)}
        if not read <= scans:
            message = "A group of other people depends on the outer row by something other than equality."
            raise BindError(
                "correlated", message, "Write GROUP BY in the subquery, or group in a derived table and join it.", node
            )


def _bind_scalar_subquery(binding: SelectBinding, node: exp.Expr) -> Scalar:
    """Bind a subquery that gives one value: an aggregate, or the first row, in an order, of the person of the outer
    row."""
    query = node.unnest()
    while isinstance(query, exp.Subquery):
        query = query.this
    limit = query.args.get("limit")
    one = isinstance(query, exp.Select) and (  # an aggregate without GROUP BY, or a limit of 1, gives at most one row
        (is_grouped(query) and query.args.get("group") is None)
        or (limit is not None and row_limit(binding.expression_binder, limit) <= 1)
    )
    sub = _bind_inner_rows(binding, query)
    if not one:  # more than one row would make the engine fail, which would reveal the data
        message = "A subquery is used where one value is needed."
        raise BindError(
            "scalar-subquery", message, "Aggregate the subquery, or select TOP 1 … ORDER BY of the person's rows.", node
        )
    if len(sub.columns) != 1:
        raise BindError("scalar-subquery", "A scalar subquery must give one column.", "Name one column.", node)
    if isinstance(sub.relation, Limit) and sub.relation.count != 1:
        raise BindError("scalar-subquery", "A scalar subquery must give one row.", "Write TOP 1.", node)
    (value,) = sub.columns.values()
    _check_value(binding, value, node)
    return _applied_column(binding, sub, value, node)


def _check_value(binding: SelectBinding, value: ColumnRef, node: exp.Expr) -> None:
    """Refuse a link key or identifier as a value."""
    hidden = binding.expression_binder.hidden_behind(value)
    if binding.binder.symbols.key_domain(value.ident) is not None:
        raise BindError(
            "link-key", "A link key cannot be used as a value.", "Join on the link key instead.", node, hidden
        )
    if hidden is not None:
        advice = "You can join link keys with link keys, and count them with COUNT(DISTINCT …)."
        raise BindError("identifier", f"{hidden} identifies a person.", advice, node, hidden)


def _bind_in_subquery(binding: SelectBinding, node: exp.In) -> Scalar:
    """Bind x IN (SELECT y …). Link keys are compared with link keys only. Values of other people are compared as
    groups, which need enough people."""
    expression_binder, symbols = binding.expression_binder, binding.binder.symbols
    sub = _bind_inner_rows(binding, node.args["query"])
    if len(sub.columns) != 1:
        raise BindError("in-subquery", "IN (SELECT …) needs one column.", "Name one column.", node)
    (value,) = sub.columns.values()
    left = expression_binder.link_key(node.this.unnest())
    if left is not None:
        same: tuple[Scalar, ...] = (predicates.equal_columns(expression_binder, left, value, node),)
        source = expression_binder.scope.source_of(left)
        # equal link keys of one domain mean the same person
        if sub.person is not None and source is not None and source.person is not None:
            same += (same_person(sub.person, source.person),)
            sub = replace(sub, is_correlated=True)
        tested: Scalar = left
    else:
        _check_value(binding, value, node)
        if sub.person is not None and not sub.is_correlated:
            sub = distinct_rows(binding.binder, sub)  # groups of other people, which need enough persons
            (value,) = sub.columns.values()
        tested = expression_binder.value(node.this)
        same = (predicates.equal_scalars(expression_binder, tested, value, node),)
    negated = _is_negated(node)
    if negated and can_be_null(value, symbols) and not _excludes_missing(sub, value):
        message = "NOT IN (SELECT …) is never true if the list has a missing value."
        raise BindError("not-in", message, "Write NOT EXISTS (SELECT 1 … WHERE b.key = a.key).", node)
    found = _applied_column(binding, sub.filtered(same), None, node)
    if not negated or not can_be_null(tested, symbols):
        return found
    # NULL NOT IN (…) is unknown, but it is true if the list is empty. A list of link keys is never empty.
    some: tuple[Scalar, ...] = () if tested is left else (_applied_column(binding, sub, None, node),)
    unknown = (truth_call("is_null", tested), *some, Literal(None, ScalarType.TRUTH))
    return truth_call("or", found, truth_call("and", *unknown))


def _excludes_missing(sub: BoundRows, value: ColumnRef) -> bool:
    """Whether the WHERE of the subquery excludes missing values."""
    present = truth_call("not", truth_call("is_null", value))
    part = sub.relation
    while isinstance(part, Filter | Project | Apply):
        if isinstance(part, Filter) and present in conjuncts_of(part.predicate):
            return True
        part = part.child
    return False


def _is_negated(node: exp.Expr) -> bool:
    parent = node.parent
    while parent is not None and not isinstance(parent, exp.Query | exp.If):
        if isinstance(parent, exp.Not):
            return True
        parent = parent.parent
    return False
