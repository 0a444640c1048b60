"""DISTINCT and TOP over rows: rows of one person, groups over persons, or DISTINCT written as GROUP BY."""

from dataclasses import replace

from sqlglot import exp

from broker.domain.plans.operators import Aggregate, Limit
from broker.domain.plans.variable_uses import Usage
from broker.query.binder import window_functions
from broker.query.binder.bind_state import Binder, SelectBinding
from broker.query.binder.grouped_expressions import select_items
from broker.query.binder.row_aggregation import is_link_key, output_column
from broker.query.binder.select_clauses import has_ties, row_limit
from broker.query.bound_relations import BoundRows
from broker.query.diagnostics import BindError


def distinct_rows(binder: Binder, rows: BoundRows) -> BoundRows:
    """DISTINCT over rows as an aggregation by all columns. With a link key among them, the groups belong to one person.
    Otherwise they are values of other people, which are context."""
    symbols = binder.symbols
    has_key = any(symbols.key_domain(c.ident) is not None for c in rows.columns.values())
    linked = has_key and rows.person is not None and not rows.is_correlated
    keys = {c: output_column(c, symbols, rows.source_rows) for c in rows.columns.values()}
    for column in rows.columns.values():  # DISTINCT groups by every column
        if symbols.key_domain(column.ident) is None:
            symbols.record_use(column, Usage.GROUPED)
    person = symbols.new_id() if linked else None
    counted = rows.person if linked or not rows.is_correlated else None
    relation = Aggregate(rows.relation, tuple((k.ident, c) for c, k in keys.items()), (), counted, person)
    output_columns = {name: keys[c] for name, c in rows.columns.items()}
    return BoundRows(relation, person, rows.scans, output_columns, rows.is_correlated)


def selects_link_key(binding: SelectBinding) -> bool:
    return any(is_link_key_node(node.unnest(), binding) for node in select_items(binding.select))


def as_group_by(select: exp.Select) -> exp.Select:
    """SELECT DISTINCT over persons' rows as GROUP BY on every column."""
    found = select.copy()
    found.set("distinct", None)
    found.set("group", exp.Group(expressions=[i.copy() for i in select_items(found)]))
    return found


def is_link_key_node(node: exp.Expr, binding: SelectBinding) -> bool:
    try:
        return is_link_key(node, binding.expression_binder)
    except BindError:
        return False


def bind_top(binding: SelectBinding, rows: BoundRows) -> BoundRows | None:
    """Bind ORDER BY, TOP and LIMIT below the top query. ORDER BY alone has no effect there. TOP may choose rows of the
    correlated person only, never of other people."""
    binder, select = binding.binder, binding.select
    limit, order = select.args.get("limit"), select.args.get("order")
    if limit is None and select.args.get("offset") is None:
        binder.record_clause_uses(binding.expression_binder, order, Usage.ORDERED)
        return rows
    if not rows.is_correlated or limit is None or select.args.get("offset"):
        binder.record_clause_uses(binding.expression_binder, order, Usage.ORDERED)
        message = "TOP and LIMIT select the rows of some people only."
        advice = "Use them in the outermost SELECT, over groups, or in a subquery with the link key in its WHERE."
        raise BindError("limit", message, advice, limit or select)
    if has_ties(limit):
        raise BindError("limit", "WITH TIES can select several rows of one person.", "Remove WITH TIES.", limit)
    items = order.expressions if order is not None else []
    found = [
        (i, binder.try_bind(binding.expression_binder, i.this, Usage.ORDERED, binding.expression_binder.value))
        for i in items
    ]
    whole = tuple(
        part for i, s in found if s is not None for part in window_functions.order_terms(i, s, binder.symbols)
    )
    if not whole:
        raise BindError("limit", "TOP without ORDER BY can select any row.", "Add ORDER BY.", limit)
    # the row's own columns break ties, so that the choice does not depend on the order of rows
    ends = tuple((c, False) for c in rows.columns.values())
    return replace(rows, relation=Limit(rows.relation, whole + ends, row_limit(binding.expression_binder, limit)))
