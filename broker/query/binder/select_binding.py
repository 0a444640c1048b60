"""A SELECT over rows: joins, WHERE, subqueries and windows as columns, DISTINCT, and its output columns."""

from dataclasses import replace
from functools import partial

from sqlglot import exp

from broker.domain.plans.scalars import Call, ColumnRef, Scalar, column_ids, same_person, truth_call
from broker.domain.plans.variable_uses import Usage
from broker.query.binder import (
    correlated_groups,
    from_clause,
    group_binding,
    grouped_expressions,
    select_clauses,
    window_functions,
)
from broker.query.binder.bind_state import Binder, ClauseBinder, SelectBinding
from broker.query.binder.column_patterns import with_columns_written_out
from broker.query.binder.row_aggregation import RowAggregation, coalesced_link_key, grouping_keys, output_column
from broker.query.binder.subqueries import bind_subquery
from broker.query.bound_relations import BindTarget, BoundGroups, BoundQuery, BoundRows, Ctes, written_row
from broker.query.diagnostics import BindError, unsupported_node, window_place_error
from broker.query.name_resolution import Scope


def _bind_subquery_or_window(binding: SelectBinding, node: exp.Expr) -> Scalar:
    if not isinstance(node, exp.Window):
        return bind_subquery(binding, node)
    if not binding.allows_windows:
        raise window_place_error(node)
    return window_functions.bind_row_window(binding, node)


def bind_joins_and_where(binding: SelectBinding, found: list[from_clause.FromItem], where: list[Scalar]) -> bool:
    """Bind joins, then WHERE over them. False if they are refused."""
    binder = binding.binder
    try:
        rows = from_clause.join_from_items(binder, found, where) if found else written_row(binder.symbols)
    except BindError as error:
        binder.diagnostics.add_error(error)
        return False
    binding.rows = _correlated_by_person(rows, binding.expression_binder.scope, where, binder)
    binding.unfiltered, binding.where = binding.apply_pending(), where  # without WHERE, for correlated groups
    binding.rows = binding.unfiltered.filtered(where)
    binding.expression_binder.facts += where  # what follows is computed on the remaining rows
    binder.partial_relations.append(binding.rows.relation)
    return True


def _correlated_by_person(rows: BoundRows, scope: Scope, where: list[Scalar], binder: Binder) -> BoundRows:
    """In a subquery that is correlated on the link key, add the condition that the person numbers are equal too."""
    if rows.person is None:
        return rows
    for conjunct in where:
        match conjunct:
            case Call(op="equal", args=(ColumnRef() as left, ColumnRef() as right)):
                for inner, outer in ((left, right), (right, left)):
                    person = _outer_person(inner, outer, rows, scope, binder)
                    if person is not None:
                        return replace(rows.filtered([same_person(rows.person, person)]), is_correlated=True)
    return rows


def _outer_person(inner: ColumnRef, outer: ColumnRef, rows: BoundRows, scope: Scope, binder: Binder) -> int | None:
    """Person number of the outer row whose key equals a key of the subquery; None if the keys are not linked."""
    symbols = binder.symbols
    domain = symbols.key_domain(inner.ident)
    if domain is None or domain != symbols.key_domain(outer.ident):
        return None
    # one key must be of the subquery, the other of the outer query
    if not symbols.scans_of(inner.ident) <= rows.scans or symbols.scans_of(outer.ident) & rows.scans:
        return None
    source = scope.source_of(outer)
    return source.person if source is not None else None


USAGES = {
    "group": Usage.GROUPED, "having": Usage.FILTERED, "qualify": Usage.FILTERED, "order": Usage.ORDERED,
}  # fmt: skip
"""How the columns of a clause are used, in the order in which the uses are recorded."""


def record_remaining_uses(binding: SelectBinding) -> None:
    """Record the uses of a SELECT that cannot continue."""
    binding.expression_binder.scope.is_incomplete = True  # unknown names may be of a source that was refused
    for item in binding.select.expressions:
        binding.expression_binder.record_clause_uses(item, Usage.READ)
    for key, how in USAGES.items():
        binding.expression_binder.record_clause_uses(binding.select.args.get(key), how)


SELECT_CLAUSES = frozenset(
    {"with_", "expressions", "from_", "joins", "laterals", "where", "group", "having", "qualify", "distinct", "order",
     "limit", "offset"}
)  # fmt: skip


def bind_select(
    binder: Binder, select: exp.Select, outer_ctes: Ctes, outer_scope: Scope | None, target: BindTarget,
    source_target: BindTarget | None = None,
) -> BoundQuery | None:  # fmt: skip
    restore = binder.checkpoint()  # binding may have to start again
    binder.check_clauses(select, *SELECT_CLAUSES)
    scope = Scope(binder.symbols, outer_scope, binder.visible_ctes(select, outer_ctes))
    expression_binder = ClauseBinder(binder, scope)
    found, whole = from_clause.bind_from(select, expression_binder, source_target or target)
    select = with_columns_written_out(select, expression_binder)
    select = grouped_expressions.with_expanded_items(select, expression_binder)
    binding = SelectBinding(expression_binder, select, target, restore)
    _check_distinct(binding)
    if whole and any(isinstance(j.bound, BoundGroups) for j in found):
        if not any(isinstance(j.bound, BoundRows) and j.bound.person is not None for j in found):
            joined = correlated_groups.with_joined_groups(select, {s.name for s in scope.sources})
            if joined is not None:
                restore()
                return bind_select(binder, joined, outer_ctes, outer_scope, target, source_target)
            groups = [group_binding.as_public_groups(binder, j) for j in found]
            return group_binding.bind_select_over_groups(binder, select, scope, groups)
        restore()  # Groups next to rows of persons: bind again, with the groups as rows that the engine joins.
        return bind_select(binder, select, outer_ctes, outer_scope, target, BindTarget.ROWS)
    if whole and not found and outer_scope is None:
        if grouped_expressions.is_grouped(select):
            raise BindError("no-table", "The query reads no table.", "Name a table in FROM.", select)
        if target is BindTarget.GROUPS and any(i.find(exp.Query) for i in select.expressions):
            return group_binding.bind_select_over_groups(binder, select, scope, found)
    expression_binder.bind_subquery_or_window = partial(_bind_subquery_or_window, binding)
    try:
        return _bind_rows(binding, found, whole)
    except BindError as error:
        binder.diagnostics.add_error(error)
        expression_binder.record_clause_uses(select.args.get("where"), Usage.FILTERED)
        record_remaining_uses(binding)
        return None


def _check_distinct(binding: SelectBinding) -> None:
    """DISTINCT takes no clauses. ON would choose rows by an order, at any level. The columns in it are recorded as
    used."""
    found = binding.select.args.get("distinct")
    if found:
        binding.binder.check_clauses(found)
        binding.expression_binder.record_clause_uses(found.args.get("on"), Usage.READ)


def _bind_rows(binding: SelectBinding, found: list[from_clause.FromItem], whole: bool) -> BoundQuery | None:
    clause = grouped_expressions.expand_aliases(
        binding.select.args.get("where"), binding.select, binding.expression_binder
    )
    where = binding.expression_binder.conjuncts(clause, Usage.FILTERED)
    if not whole or not bind_joins_and_where(binding, found, where):
        from_clause.record_partial_relation(binding.binder, found, where)
        record_remaining_uses(binding)
        return None
    return _bind_grouped(binding) if grouped_expressions.is_grouped(binding.select) else _bind_ungrouped(binding)


def _bind_grouped(binding: SelectBinding) -> BoundQuery | None:
    """Bind a SELECT that aggregates: rows of one person, public rows, groups that are joined with rows, or the top
    aggregation."""
    select, expression_binder = binding.select, binding.expression_binder
    if _is_of_persons(binding) and not binding.apply_pending().is_correlated and not _groups_by_link_key(binding):
        return group_binding.bind_group_by(binding)
    # first, because the conditions add keys
    keys = grouping_keys(select, expression_binder, binding.apply_pending().source_rows)
    outer = _correlation_conditions(binding, keys)
    aggregation = RowAggregation(binding.apply_pending(), expression_binder, keys)
    grouped_binder = grouped_expressions.GroupedExpressionBinder(
        expression_binder, keys, aggregation.aggregate, is_rows=True
    )
    grouped = SelectBinding(grouped_binder, select, binding.target, binding.restore, aggregation.aggregated())
    grouped_binder.bind_subquery_or_window = partial(_bind_window_of_groups, grouped)
    outer += _group_filter("having", grouped_binder, select)
    grouped.allows_windows = True  # windows are computed after HAVING
    columns = _bind_items(select, grouped_binder)
    chosen = _group_filter("qualify", grouped_binder, select)
    # again, because HAVING and the SELECT list may have requested more columns
    aggregation.rows = binding.apply_pending()
    grouped.rows = aggregation.aggregated().filtered(outer)
    binding.rows = grouped.apply_pending().filtered(chosen)
    return _bind_output(binding, columns)


def _group_filter(name: str, grouped_binder: ClauseBinder, select: exp.Select) -> list[Scalar]:
    clause = grouped_expressions.expand_aliases(select.args.get(name), select, grouped_binder)
    return grouped_binder.conjuncts(clause, Usage.FILTERED)


def _bind_window_of_groups(grouped: SelectBinding, node: exp.Expr) -> Scalar:
    """Bind a window over the rows of an aggregation."""
    if isinstance(node, exp.Window):
        return _bind_subquery_or_window(grouped, node)
    raise unsupported_node(node.args["query"] if isinstance(node, exp.In) else node)


def _correlation_conditions(binding: SelectBinding, keys: dict[Scalar, ColumnRef]) -> list[Scalar]:
    """Return the conditions that tie a group of other people to the outer row. They must be equalities; the inner side
    becomes a key, so that the group is the same for every outer row."""
    outer_columns = binding.expression_binder.scope.outer_columns
    rows = binding.apply_pending()
    outer = [c for c in binding.where if column_ids(c) & outer_columns]
    if rows.person is None or rows.is_correlated or not outer:
        return []
    assert binding.unfiltered is not None
    binding.rows = binding.unfiltered.filtered(c for c in binding.where if c not in outer)
    found: list[Scalar] = []
    for condition in outer:
        match condition:
            case Call(op="equal_text"):
                # Groups are compared exactly, but this equality is not: two groups could match one row, and the engine
                # would fail.
                message = "Free text can be equal in several spellings, so several groups could match one row."
                raise BindError(
                    "correlated", message, "Correlate the subquery on a variable with a code list.", binding.select
                )
            case Call(op="equal", args=(left, right)):
                inner, other = (left, right) if column_ids(right) <= outer_columns else (right, left)
                if (
                    isinstance(inner, ColumnRef)
                    and not column_ids(inner) & outer_columns
                    and column_ids(other) <= outer_columns
                ):
                    binding.binder.symbols.record_use(inner, Usage.GROUPED)
                    column = keys.setdefault(inner, output_column(inner, binding.binder.symbols, rows.source_rows))
                    found.append(truth_call("equal", column, other))
                    continue
        message = "A group of other people depends on the outer row by something other than equality."
        raise BindError("correlated", message, "Group the people in a derived table and join it.", binding.select)
    return found


def _groups_by_link_key(binding: SelectBinding) -> bool:
    """Whether a link key is among the keys of GROUP BY."""
    group = binding.select.args.get("group")
    nodes = grouped_expressions.key_nodes(group, binding.select) if group is not None else []
    return any(
        select_clauses.is_link_key_node(
            grouped_expressions.resolve_key_alias(n, binding.select, binding.expression_binder).unnest(), binding
        )
        for n in nodes
    )


def _bind_ungrouped(binding: SelectBinding) -> BoundQuery | None:
    select, expression_binder = binding.select, binding.expression_binder
    other = window_functions.distinct_windows_as_group_by(select)
    if (
        other is None
        and window_functions.is_distinct(select)
        and _is_of_persons(binding)
        and not select_clauses.selects_link_key(binding)
    ):
        other = select_clauses.as_group_by(select)
    if other is not None:
        binding.restore()  # bound again from the start, as another text
        scope = expression_binder.scope
        return bind_select(binding.binder, other, scope.ctes, scope.outer_scope, binding.target)
    binding.allows_windows = True  # in the SELECT list and QUALIFY only
    columns = _bind_items(select, expression_binder)
    clause = grouped_expressions.expand_aliases(select.args.get("qualify"), select, expression_binder)
    qualify = expression_binder.conjuncts(clause, Usage.FILTERED)
    binding.rows = binding.apply_pending().filtered(qualify)
    return _bind_output(binding, columns)


def _is_of_persons(binding: SelectBinding) -> bool:
    """Whether a SELECT of the top query reads rows of persons, and so may aggregate them."""
    return binding.target is BindTarget.GROUPS and binding.apply_pending().person is not None


def _bind_output(binding: SelectBinding, columns: "list[tuple[str, Scalar]] | None") -> BoundQuery | None:
    """Bind the columns of the SELECT list, DISTINCT and TOP."""
    binder, select = binding.binder, binding.select
    if columns is None:
        binding.expression_binder.record_clause_uses(select.args.get("order"), Usage.ORDERED)
        return None
    rows = binding.apply_pending()
    output_columns: dict[str, ColumnRef] = {}
    computed: list[tuple[int, Scalar]] = []
    for name, found in columns:
        if isinstance(found, ColumnRef):
            output_columns[name] = found
            continue
        ident = binder.symbols.define(found, rows.source_rows)
        domain = coalesced_link_key(found, binder.symbols)
        if domain is not None:
            binder.symbols.link_keys[ident] = domain
        computed.append((ident, found))
        output_columns[name] = ColumnRef(ident, found.type)
    rows = replace(rows.computed(computed), columns=output_columns)
    if select.args.get("distinct"):
        rows = select_clauses.distinct_rows(binder, rows)
    return select_clauses.bind_top(binding, rows)


def _bind_items(select: exp.Select, expression_binder: ClauseBinder) -> "list[tuple[str, Scalar]] | None":
    """Bind the SELECT list as (case-folded name, value) pairs. None if an item is refused."""
    whole = True
    found: list[tuple[str, Scalar]] = []
    for index, item in enumerate(select.expressions):
        star = select_clauses.star_columns(item, expression_binder)
        if star is not None:
            found += star.items()
            continue
        value = select_clauses.bind_item(item, expression_binder)
        whole = whole and value is not None
        if value is not None:
            found.append((select_clauses.item_name(item, index), value))
    names = [n for n, _ in found]
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"Two columns have the name {name}."
            diagnostics = expression_binder.binder.diagnostics
            diagnostics.add("duplicate-column", message, "Give each its own name.", select)
            whole = False
    return found if whole else None
