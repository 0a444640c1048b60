"""The SELECT list, the clauses from HAVING to TOP of a SELECT that gives groups, and DISTINCT and TOP over rows: of one
person, over persons, or DISTINCT written as GROUP BY."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from broker.domain.plans.measure import BINARY, COUNTS, RATIOS
from broker.domain.plans.operators import Aggregate, Limit, Project, sort_or_limit
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, column_ids, parts_of
from broker.domain.plans.variable_uses import Usage
from broker.query.binder.bind_state import Binder, ClauseBinder, SelectBinding
from broker.query.binder.grouped_expressions import GroupedExpressionBinder, expand_aliases, select_items
from broker.query.binder.post_aggregation import PostAggregationBuilder, checked_computable
from broker.query.binder.row_aggregation import coalesced_link_key, output_column
from broker.query.binder.row_choices import order_of_keys, order_terms
from broker.query.bound_relations import BoundRows, ColumnsByName
from broker.query.diagnostics import BindError, check_arguments
from broker.query.expressions.expression_binder import ExpressionBinder, without_empty_text
from broker.query.name_resolution import TableBinding
from broker.query.operations.possible_values import can_be_true


def star_columns(item: exp.Expr, expression_binder: ClauseBinder) -> Mapping[str, Scalar] | None:
    """Columns of a star; None if the item is no star. Of a catalogue table these are the columns that the project was
    granted, as a view of it would have. They are read only where something else names them."""
    inner = item.this if isinstance(item, exp.Column) else item
    if not isinstance(inner, exp.Star):
        return None
    check_arguments(inner, "except_", "replace", "rename")
    table = item.table.casefold() if isinstance(item, exp.Column) else ""
    wanted = [s for s in expression_binder.scope.sources if not table or s.name == table]
    if not wanted:
        raise BindError("unknown-table", "No table in FROM has this name.", "Use the table's alias.", item)
    found: dict[str, Scalar] = {}
    for source in wanted:
        for name, column in _columns_of(source, expression_binder.binder).items():
            if name in found and name not in expression_binder.scope.using_columns:
                message = f"Several tables in FROM have the variable {name}."
                raise BindError("duplicate-column", message, "Write EXCLUDE, or name the columns.", item)
            found.setdefault(name, column)
    return _changed_columns(found, inner, expression_binder)


def _columns_of(source: TableBinding, binder: Binder) -> Mapping[str, ColumnRef]:
    if source.scan is None:
        return source.columns or {}
    symbols, table = binder.symbols, binder.symbols.tables[source.scan]
    granted = [v for v in table.variables if binder.project.granted_years(table.full_name, v.name) is not False]
    found = {}
    # without a grant on the table, all columns stand for a use that is refused
    for variable in granted or table.variables:
        name = f"{variable.name}{source.suffix}".casefold()
        found[name] = symbols.column(source.scan, variable)
        binder.original_spelling.setdefault(name, f"{variable.name}{source.suffix}")
        if not granted:
            symbols.record_use(found[name], Usage.READ, symbols.table_positions[source.scan])
    return found


def _changed_columns(
    columns: dict[str, Scalar], star: exp.Star, expression_binder: ClauseBinder
) -> Mapping[str, Scalar]:
    """The columns of DuckDB's * EXCLUDE (…) REPLACE (…) RENAME (…)."""
    for gone in star.args.get("except_") or ():
        if columns.pop(gone.name.casefold(), None) is None:
            raise _no_such_column(gone)
    for item in star.args.get("replace") or ():
        if item.alias.casefold() not in columns:
            raise _no_such_column(item)
        columns[item.alias.casefold()] = expression_binder.value(item.this)
    renamed = {item.this.name.casefold(): item.alias for item in star.args.get("rename") or ()}
    for name in renamed:
        if name not in columns:
            raise _no_such_column(star)
    for name in renamed.values():
        expression_binder.binder.original_spelling[name.casefold()] = name
    return {renamed.get(name, name).casefold(): column for name, column in columns.items()}


def _no_such_column(node: exp.Expr) -> BindError:
    return BindError("unknown-variable", "The star has no column of this name.", "Check the name.", node)


def bind_item(item: exp.Expr, expression_binder: ClauseBinder) -> Scalar | None:
    """Bind one item of a SELECT list. A plain column may be a link key, and stays one."""
    inner = item.this if isinstance(item, exp.Alias) else item
    if inner.meta.get("uncut") and _names_text_key(inner.this, expression_binder):
        inner = inner.this
    if isinstance(inner, exp.Nullif) and not isinstance(expression_binder, GroupedExpressionBinder):
        column = without_empty_text(inner)
        inner = column if expression_binder.is_link_key(column) else inner
    if inner.meta.get("update"):
        return expression_binder.try_bind(inner, Usage.READ, lambda n: _bind_updated(n, expression_binder))
    if isinstance(inner.unnest(), exp.Column):
        return expression_binder.try_bind(inner.unnest(), Usage.READ, lambda n: _bind_column(n, expression_binder))
    if isinstance(inner, exp.Coalesce):
        return expression_binder.try_bind(
            inner, Usage.READ, lambda n: _bind_coalesced_key(n, expression_binder) or expression_binder.value(n)
        )
    return expression_binder.try_bind(inner, Usage.READ, expression_binder.value)


def _names_text_key(node: exp.Expr, expression_binder: ExpressionBinder) -> bool:
    """Whether a node is the name of a text link key. Cut to another length, it is still the same key."""
    if not isinstance(node, exp.Column) or isinstance(expression_binder, GroupedExpressionBinder):
        return False
    try:
        found = expression_binder.scope.resolve(node)
    except BindError:
        return False
    return found.type is ScalarType.TEXT and expression_binder.symbols.key_domain(found.ident) is not None


def _bind_updated(node: exp.Expr, expression_binder: ExpressionBinder) -> Scalar:
    """Bind UPDATE #t SET c = e. The column keeps its type."""
    found = expression_binder.value(node)
    if isinstance(found, Case):
        new, old = found.whens[0][1].type, found.otherwise.type
        if new is not old and ScalarType.NULL not in {new, old} and {new, old} != {ScalarType.INT, ScalarType.FLAG}:
            message = "UPDATE would convert the value to the type of the column."
            raise BindError("insert-type", message, "CAST the value to the type of the column.", node)
    return found


def _bind_column(node: exp.Expr, expression_binder: ExpressionBinder) -> Scalar:
    assert isinstance(node, exp.Column)
    return (
        expression_binder.scalar(node)
        if isinstance(expression_binder, GroupedExpressionBinder)
        else expression_binder.raw_column(node)
    )


def _bind_coalesced_key(node: exp.Coalesce, expression_binder: ExpressionBinder) -> Scalar | None:
    """Bind COALESCE over link keys of one domain; None if it is anything else."""
    parts = [node.this, *node.expressions]
    if isinstance(expression_binder, GroupedExpressionBinder) or not all(isinstance(p, exp.Column) for p in parts):
        return None
    try:
        found = tuple(expression_binder.scope.resolve(p) for p in parts if isinstance(p, exp.Column))
    except BindError:
        return None
    call = Call("coalesce", found, found[0].type)
    if coalesced_link_key(call, expression_binder.symbols) is None:
        return None
    expression_binder.columns_seen += list(zip(found, parts, strict=True))
    return call


COUNT_MEASURES = COUNTS | BINARY - RATIOS

GROUP_FILTERS = ("having", "qualify")
"""Clauses that choose groups."""


def bind_clauses(select: exp.Select, builder: PostAggregationBuilder) -> ColumnsByName | None:
    """Bind everything from HAVING to TOP as steps of the program. Returns the columns of the SELECT; None if one is
    refused."""
    expression_binder = builder.expression_binder
    clauses = {k: expand_aliases(select.args.get(k), select, expression_binder) for k in GROUP_FILTERS}
    having = bind_group_conjuncts(expression_binder, clauses["having"])
    check_small_groups(builder.binder, select.args.get("having"), having)
    builder.filter(having)
    builder.allows_windows = True  # windows are computed after HAVING
    output_columns = _bind_items(select, builder)
    if output_columns is None:
        expression_binder.record_clause_uses(select.args.get("order"), Usage.ORDERED)
        return None
    qualify = bind_group_conjuncts(expression_binder, clauses["qualify"])
    builder.filter(qualify)
    if select.args.get("distinct"):
        builder.binder.check_clauses(select.args["distinct"])
        columns = tuple((c.ident, c) for c in output_columns.values())
        builder.steps.append(lambda g: Aggregate(g, columns, ()))  # DISTINCT over groups is grouping by every column
    _bind_order_and_limit(select, builder, output_columns)
    return output_columns


def bind_group_conjuncts(expression_binder: ClauseBinder, clause: exp.Expr | None) -> list[Scalar]:
    if clause is None:
        return []
    found = expression_binder.conjuncts(clause, Usage.FILTERED)
    return [c for c in found if _is_computable(expression_binder, clause, c)]


def _is_computable(expression_binder: ClauseBinder, node: exp.Expr, scalar: Scalar) -> bool:
    return expression_binder.try_bind(node, Usage.FILTERED, lambda n: checked_computable(scalar, n)) is not None


def check_small_groups(binder: Binder, clause: exp.Expr | None, having: Sequence[Scalar]) -> None:
    """Refuse a HAVING, or a WHERE over groups, that only counts below the threshold can satisfy: it asks for small
    groups."""
    labels = binder.symbols.labels
    for conjunct in having:
        counts = [i for i in sorted(column_ids(conjunct)) if labels.get(i) in COUNT_MEASURES]
        numbers = {v for v in _written_numbers(conjunct) if v >= binder.threshold}
        # The written numbers and their neighbours are the only places where a comparison of a count can change.
        tried = {
            binder.threshold,
            *numbers,
            *(n + 1 for n in numbers),
            *(n - 1 for n in numbers if n > binder.threshold),
            10**9,  # stands for any very large count
        }
        for ident in counts:
            if not any(can_be_true(conjunct, {ident: frozenset({int(v)})}, binder.symbols.definitions) for v in tried):
                message = "This condition selects only groups with fewer people than may be shown."
                binder.diagnostics.add(
                    "small-groups", message, "Remove the condition: small cells are hidden anyway.", clause
                )


def _written_numbers(scalar: Scalar) -> set[int]:
    if isinstance(scalar, Literal):
        return {int(scalar.value)} if isinstance(scalar.value, int) and not isinstance(scalar.value, bool) else set()
    return set().union(*map(_written_numbers, parts_of(scalar)))


def _bind_items(select: exp.Select, builder: PostAggregationBuilder) -> ColumnsByName | None:
    """Bind the SELECT list. Plain columns stay as they are; every other item is computed under a new id."""
    binder, expression_binder = builder.binder, builder.expression_binder
    output_columns: ColumnsByName = {}
    computed: list[tuple[int, Scalar]] = []
    whole = True
    for index, item in enumerate(select.expressions):
        star = star_columns(item, expression_binder)
        found: Mapping[str, Scalar | None] = (
            star if star is not None else {item_name(item, index): _item_value(item, expression_binder)}
        )
        for name, value in found.items():
            if value is None:
                whole = False  # go on, so that all refusals are reported
            elif name in output_columns:
                binder.diagnostics.add(
                    "duplicate-column", "Two columns have the same name.", "Give each its own name.", item
                )
                whole = False
            else:
                output_columns[name] = _item_column(binder, value, computed)
                if star is None or name not in binder.original_spelling:
                    binder.original_spelling[name] = item.alias_or_name if star is None else name
    builder.apply_pending()
    if computed:
        made = tuple(computed)
        builder.steps.append(lambda g: Project(g, made))
    return output_columns if whole else None


def _item_value(item: exp.Expr, expression_binder: ClauseBinder) -> Scalar | None:
    found = bind_item(item, expression_binder)
    if found is None:
        return None
    return expression_binder.try_bind(item, Usage.READ, lambda n: checked_computable(found, n))


def item_name(item: exp.Expr, index: int) -> str:
    """Case-folded name of an item of a SELECT list; its place if it has none."""
    return item.alias_or_name.casefold() if isinstance(item, exp.Alias | exp.Column) else f"#{index + 1}"


def _item_column(binder: Binder, value: Scalar, computed: list[tuple[int, Scalar]]) -> ColumnRef:
    if isinstance(value, ColumnRef):
        return value
    ident = binder.symbols.define(value)
    computed.append((ident, value))
    return ColumnRef(ident, value.type)


def _bind_order_and_limit(select: exp.Select, builder: PostAggregationBuilder, output_columns: ColumnsByName) -> None:
    """Bind ORDER BY, TOP, LIMIT and OFFSET."""
    expression_binder = builder.expression_binder
    order, limit, offset = (select.args.get(k) for k in ("order", "limit", "offset"))
    if order is None and limit is None and offset is None:
        return
    items = order.expressions if order is not None else []
    if order is not None:
        builder.binder.check_clauses(order, "expressions")
    found: list[tuple[Scalar, bool]] = []
    for item in items:
        value = _bind_order_item(item, expression_binder, output_columns, [before for before, _ in found])
        if value is not None:
            found += order_terms(item, value, expression_binder.symbols)
    builder.apply_pending()
    count = row_limit(expression_binder, limit) if limit is not None else None
    if limit is not None and count is not None and order is None:
        found = order_of_keys(expression_binder, limit, list(output_columns.values()))
    skip = expression_binder.written_integer(offset.expression, "OFFSET") if offset is not None else 0
    ties = has_ties(limit)
    whole = tuple(found)
    builder.steps.append(lambda g: sort_or_limit(g, whole, count, ties, skip))


def has_ties(limit: exp.Expr | None) -> bool:
    options = limit.args.get("limit_options") if limit is not None else None
    return bool(options is not None and options.args.get("with_ties"))


def row_limit(expression_binder: ExpressionBinder, limit: exp.Expr) -> int:
    """Number of rows of TOP, LIMIT or FETCH."""
    check_arguments(limit, "expression", "count", "direction", "limit_options")
    options = limit.args.get("limit_options")
    if options is not None and options.args.get("percent"):
        raise BindError("limit", "TOP … PERCENT is not understood.", "Write the number of rows.", limit)
    node = limit.args.get("expression") or limit.args.get("count")
    return expression_binder.written_integer(node, "The number of rows") if node is not None else 1


def _bind_order_item(
    item: exp.Expr, expression_binder: ClauseBinder, output_columns: ColumnsByName, before: Sequence[Scalar]
) -> Scalar | None:
    expression_binder.binder.check_clauses(item, "this", "desc", "nulls_first")
    column = _listed_column(item.this, output_columns)
    if column is not None:
        # ordering by a key orders by the variables that the key is computed from
        expression_binder.symbols.record_use(column, Usage.ORDERED)
        return column
    return expression_binder.try_bind(
        item.this, Usage.ORDERED, lambda n: checked_computable(expression_binder.order_value(n, before), n)
    )


def _listed_column(node: exp.Expr, columns: ColumnsByName) -> ColumnRef | None:
    """Column of a SELECT list that ORDER BY names by its name or position; None if it names none."""
    if isinstance(node, exp.Literal) and node.name.isdigit() and 1 <= int(node.name) <= len(columns):
        return list(columns.values())[int(node.name) - 1]
    return columns.get(node.name.casefold()) if isinstance(node, exp.Column) and not node.table else None


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
        return binding.expression_binder.is_link_key(node)
    except BindError:
        return False


def bind_top(binding: SelectBinding, rows: BoundRows) -> BoundRows | None:
    """Bind ORDER BY, TOP and LIMIT below the top query. ORDER BY alone has no effect there. TOP may choose rows of the
    correlated person only, never of other people."""
    expression_binder, select = binding.expression_binder, binding.select
    limit, order, offset = (select.args.get(k) for k in ("limit", "order", "offset"))
    if limit is None and offset is None:
        expression_binder.record_clause_uses(order, Usage.ORDERED)
        return rows
    if not rows.is_correlated or limit is None or offset:
        expression_binder.record_clause_uses(order, Usage.ORDERED)
        message = "TOP and LIMIT select the rows of some people only."
        advice = "Use them in the outermost SELECT, over groups, or in a subquery with the link key in its WHERE."
        raise BindError("limit", message, advice, limit or select)
    if has_ties(limit):
        raise BindError("limit", "WITH TIES can select several rows of one person.", "Remove WITH TIES.", limit)
    items, symbols = order.expressions if order is not None else [], expression_binder.symbols
    found = [(i, expression_binder.try_bind(i.this, Usage.ORDERED, expression_binder.value)) for i in items]
    whole = tuple(t for i, s in found if s is not None for t in order_terms(i, s, symbols))
    if not whole:
        raise BindError("limit", "TOP without ORDER BY can select any row.", "Add ORDER BY.", limit)
    # the row's own columns break ties, so that the choice does not depend on the order of rows
    ends = tuple((c, False) for c in rows.columns.values())
    return replace(rows, relation=Limit(rows.relation, whole + ends, row_limit(expression_binder, limit)))
