"""FROM: tables, derived tables, CTEs, joins and APPLY, in the order of the text. No WHERE, no SELECT list."""

from dataclasses import dataclass, replace

from sqlglot import exp

from broker.domain.plans.operators import Filter, Join, JoinHow, Scan
from broker.domain.plans.scalars import Scalar
from broker.domain.plans.variable_uses import Usage
from broker.query.binder import saved_sources
from broker.query.binder.bind_state import Binder, ClauseBinder
from broker.query.bound_relations import (
    BindTarget,
    BoundQuery,
    BoundRows,
    ColumnsByName,
    Ctes,
    LinkKeyEqualities,
    column_list,
    conjunction_of,
    join_rows,
)
from broker.query.diagnostics import CONSEQUENTIAL, BindError, check_arguments, unsupported_node
from broker.query.expressions import predicates
from broker.query.name_resolution import Scope, TableBinding, resolve_table
from broker.query.parser import tree_rewrites
from broker.query.parser.temporary_tables import quoted_column

JOIN_ARGS = frozenset({"this", "on", "side", "kind", "using"})
SIDES = frozenset({"", "LEFT", "RIGHT", "FULL"})
KINDS = frozenset({"", "INNER", "OUTER", "CROSS"})


@dataclass(frozen=True, slots=True)
class FromItem:
    """A source, how it is joined with the sources before it, and the conjuncts of its ON."""

    bound: BoundQuery
    how: JoinHow
    swapped: bool
    on: list[Scalar]
    node: exp.Expr
    lateral: bool = False


def bind_from(select: exp.Select, expression_binder: ClauseBinder, target: BindTarget) -> tuple[list[FromItem], bool]:
    """Return every accepted source, and whether no source was refused. Empty if there is no FROM."""
    found: list[FromItem] = []
    whole = True
    nodes = [select.args.get("from_"), *select.args.get("joins", []), *select.args.get("laterals", [])]
    for node in filter(None, nodes):
        try:
            found.append(_bind_source(node, expression_binder, target, found))
        except BindError as error:
            expression_binder.binder.diagnostics.add_error(error)  # go on, so that all refusals are reported
            whole = False
            expression_binder.scope.note_refused(node.this if isinstance(node, exp.From | exp.Join) else node)
    return found, whole


def _bind_source(
    node: exp.Expr, expression_binder: ClauseBinder, target: BindTarget, before: list[FromItem]
) -> FromItem:
    binder, scope = expression_binder.binder, expression_binder.scope
    if isinstance(node, exp.From):
        return FromItem(_bind_item(binder, node.this, scope, target), JoinHow.CROSS, False, [], node.this)
    if isinstance(node, exp.Lateral):
        return _bind_apply(binder, node, scope)
    if not isinstance(node, exp.Join):
        raise unsupported_node(node)
    check_arguments(node, *JOIN_ARGS)
    if isinstance(node.this, exp.Lateral):
        return _bind_apply(binder, node.this, scope, node)
    side, kind = (node.text(k).upper() for k in ("side", "kind"))
    if side not in SIDES or kind not in KINDS or (kind == "OUTER" and not side):
        raise BindError(
            "join", "This kind of join is not understood.", "Use JOIN, LEFT JOIN or FULL JOIN … ON.", node.this
        )
    try:
        bound = _bind_item(binder, node.this, scope, target)
    except BindError:
        # later names may belong to the refused source, so they must not be refused as unknown
        scope.note_refused(node.this)
        expression_binder.record_clause_uses(node.args.get("on"), Usage.JOINED)
        raise
    on = _join_conditions(node, expression_binder, side)
    _mark_nullable(binder, side, bound, before)
    # a RIGHT join is a LEFT join with swapped sides
    how = {"": JoinHow.INNER, "FULL": JoinHow.FULL}.get(side, JoinHow.LEFT)
    return FromItem(bound, how, side == "RIGHT", on, node.this)


def _join_conditions(node: exp.Join, expression_binder: ClauseBinder, side: str) -> list[Scalar]:
    on = node.args.get("on")
    if node.args.get("using"):
        return [_using_condition(expression_binder, c, side) for c in node.args["using"]]
    if side and on is None:
        raise BindError("join", "An outer join needs ON.", "Write LEFT JOIN … ON a.key = b.key.", node.this)
    return expression_binder.conjuncts(on, Usage.JOINED)


def _using_condition(expression_binder: ClauseBinder, name: exp.Expr, side: str) -> Scalar:
    """Condition of USING (k): the column of the last source equals the one of the sources before it, which may be
    merged already. The merged column is that of the side whose rows all stay."""
    scope, symbols, folded = expression_binder.scope, expression_binder.symbols, name.name.casefold()
    if side == "FULL":
        message = "USING of a FULL JOIN makes one column of both sides."
        raise BindError("using", message, "Write ON a.key = b.key, and COALESCE(a.key, b.key).", name)
    *before, last = [s.find(name.name, symbols) for s in scope.sources]
    lefts = [c for c in before if c is not None]
    left = scope.using_columns.get(folded, lefts[0] if len(lefts) == 1 else None)
    if left is None or last is None:
        raise BindError("using", "USING needs a column with that name on both sides.", "Write ON a.key = b.key.", name)
    node = exp.EQ(this=exp.column("l"), expression=exp.column("r"))
    for column in (left, last):
        symbols.record_use(column, Usage.JOINED, expression_binder.binder.diagnostics.position_of(name))
    scope.using_columns[folded] = last if side == "RIGHT" else left
    return predicates.equal_columns(expression_binder, left, last, node)


def _mark_nullable(binder: Binder, side: str, bound: BoundQuery, before: list[FromItem]) -> None:
    inner: frozenset[int] = frozenset()
    if side in {"LEFT", "FULL"} and isinstance(bound, BoundRows):
        inner |= bound.scans  # padded rows have NULL in these columns
    if side in {"RIGHT", "FULL"}:
        inner = inner.union(*(j.bound.scans for j in before if isinstance(j.bound, BoundRows)))
    binder.symbols.nullable |= inner


def record_partial_relation(binder: Binder, found: list[FromItem], where: list[Scalar]) -> None:
    """Record a relation for a SELECT whose joins are refused. Its conditions still limit the years that are read of its
    tables."""
    rows = [(j, j.bound) for j in found if isinstance(j.bound, BoundRows)]
    if not rows:
        return
    built = rows[0][1].relation
    for one, bound in rows[1:]:
        sides = (bound.relation, built) if one.swapped else (built, bound.relation)
        built = Join(*sides, one.how, conjunction_of(one.on), None, None, one.lateral)
    condition = conjunction_of(where)
    binder.partial_relations.append(built if condition is None else Filter(built, condition))


def join_from_items(binder: Binder, sources: list[FromItem], where: list[Scalar]) -> BoundRows:
    """Build the join tree of rows. An equality of link keys counts wherever it holds on every remaining row."""
    symbols = binder.symbols
    everywhere = [*where, *(c for j in sources if j.how is JoinHow.INNER for c in j.on)]
    inner, built = LinkKeyEqualities(symbols, everywhere), _as_rows(sources[0].bound)
    for one in sources[1:]:
        outer = one.how in {JoinHow.LEFT, JoinHow.FULL}
        # the ON of an outer join does not hold on padded rows, so it counts for this join alone
        links = LinkKeyEqualities(symbols, [*everywhere, *one.on]) if outer else inner
        other = _as_rows(one.bound)
        sides = (other, built) if one.swapped else (built, other)
        try:
            built = join_rows(*sides, one.how, one.on, links, one.lateral)
        except BindError as error:
            raise BindError(error.code, error.message, error.advice, one.node) from None
    return built


def _as_rows(bound: BoundQuery) -> BoundRows:
    assert isinstance(bound, BoundRows)
    return bound


def _bind_item(binder: Binder, node: exp.Expr, scope: Scope, target: BindTarget) -> BoundQuery:
    if node.args.get("pivots"):
        node = _without_pivot(binder, node, scope)
    if isinstance(node, exp.Subquery):
        check_arguments(node, "this", "alias")
        if not node.alias:
            raise BindError("unnamed-table", "A derived table needs a name.", "Write (SELECT …) AS t.", node)
        return _bind_derived_table(binder, node.this, node, scope, target, scope.ctes)
    if isinstance(node, exp.Values):
        return _bind_derived_table(binder, node, node, scope, target, scope.ctes)
    if not isinstance(node, exp.Table):
        raise BindError(
            "table-function", "You can read only tables of the catalogue.", "Name a table as schema.table.", node
        )
    check_arguments(node, "this", "db", "catalog", "alias")
    # a qualified name never means a CTE
    known = scope.ctes.get(node.name.casefold()) if not node.db and not node.catalog else None
    if known is not None:
        return _bind_derived_table(binder, known.query, node, scope, target, known.visible, known.columns)
    if saved_sources.is_saved_name(node):
        return saved_sources.bind_saved(
            binder, node, scope, lambda query, ctes: _bind_derived_table(binder, query, node, scope, target, ctes)
        )
    return _bind_scan(binder, node, scope)


def _without_pivot(binder: Binder, node: exp.Expr, scope: Scope) -> exp.Expr:
    node = _named_as_derived_table(node, scope)
    try:
        return tree_rewrites.rewrite_pivot(node)
    except BindError:
        if isinstance(node, exp.Subquery):
            binder.bind_query(node.this, scope.ctes, None, BindTarget.ROWS)  # for its uses
        raise


def _named_as_derived_table(node: exp.Expr, scope: Scope) -> exp.Expr:
    """A CTE or temporary table with PIVOT as a derived table of its columns, if these have names."""
    known = scope.ctes.get(node.name.casefold()) if isinstance(node, exp.Table) and not node.db else None
    if known is None or not isinstance(known.query, exp.Query):
        return node
    names = known.columns or tuple(known.query.named_selects)
    if not all(names) or "*" in names:
        return node
    source = exp.Table(this=node.this.copy())
    select = exp.Select(expressions=[quoted_column(n) for n in names], from_=exp.From(this=source))
    found = exp.Subquery(this=select, alias=node.args.get("alias"), pivots=node.args["pivots"])
    found.parent = node.parent
    return found


def _bind_scan(binder: Binder, node: exp.Table, scope: Scope) -> BoundRows:
    resolved = resolve_table(node, binder.catalogue, binder.project, binder.dialect)
    symbols, scan = binder.symbols, binder.new_scan(resolved.table, node)
    person = scan if symbols.is_person(scan) else None
    scope.add(replace(resolved.table_binding(node, scan), person=person), node)
    rows = BoundRows(Scan(resolved.table.full_name, (), scan, None), person, frozenset({scan}))
    year_filter = resolved.year_filter(scan, symbols)
    if year_filter is None:
        return rows
    symbols.record_use(year_filter, Usage.FILTERED, binder.diagnostics.position_of(node))
    return rows.filtered([year_filter])


def _bind_derived_table(
    binder: Binder, query: exp.Expr, node: exp.Expr, scope: Scope, target: BindTarget, ctes: Ctes,
    listed: tuple[str, ...] = (), outer_scope: Scope | None = None,
) -> BoundQuery:  # fmt: skip
    """Bind a derived table, CTE or temporary table at this use. Outside APPLY it does not see the scope around it."""
    bound = binder.bind_query(query, ctes, outer_scope, target)
    name = (node.alias or node.name).casefold()
    if bound is None:
        # The name stays known, so that its columns are not refused as well.
        scope.add(TableBinding(name, None, None, {}), node)
        raise BindError(CONSEQUENTIAL, "This derived table cannot be analysed.", "", node)
    columns = renamed_columns(bound.columns, column_list(node) or listed, node)
    person = bound.person if isinstance(bound, BoundRows) else None
    scope.add(TableBinding(name, None, None, columns, person), node)
    return replace(bound, columns=columns)


def renamed_columns(columns: ColumnsByName, listed: tuple[str, ...], node: exp.Expr) -> ColumnsByName:
    if not listed:
        return columns
    folded = [n.casefold() for n in listed]
    if len(folded) != len(columns) or len(set(folded)) != len(folded):
        raise BindError(
            "column-list", "The list of column names does not match the SELECT list.", "Name each once.", node
        )
    return dict(zip(folded, columns.values(), strict=True))


def _bind_apply(binder: Binder, node: exp.Lateral, scope: Scope, around: exp.Join | None = None) -> FromItem:
    """Bind CROSS APPLY, OUTER APPLY or LATERAL: a derived table that reads the rows before it."""
    check_arguments(node, "this", "alias", "cross_apply", "view", "outer")
    outer = node.args.get("cross_apply") is False or (around is not None and around.text("side").upper() == "LEFT")
    if around is not None and (around.text("side").upper() not in {"", "LEFT"} or not _is_true(around.args.get("on"))):
        raise BindError(
            "join",
            "LATERAL can only be joined ON TRUE.",
            "Put the condition into the WHERE of the derived table.",
            node,
        )
    if not isinstance(node.this, exp.Subquery) or not node.alias:
        raise BindError(
            "table-function", "APPLY needs a SELECT with a name.", "Write CROSS APPLY (SELECT …) AS t.", node
        )
    bound = _as_rows(
        _bind_derived_table(binder, node.this, node, scope, BindTarget.ROWS, scope.ctes, outer_scope=scope)
    )
    if bound.person is not None and not bound.is_correlated:
        raise BindError(
            "apply-persons",
            "APPLY reads other people's rows.",
            "Correlate the subquery on the link key (WHERE b.key = a.key), or aggregate other people with GROUP BY.",
            node,
        )
    if outer:
        if any(not binder.symbols.scans_of(c.ident) <= bound.scans for c in bound.columns.values()):
            message = (
                "OUTER APPLY returns a column of the row that it is applied to, which is NULL if nothing is found."
            )
            raise BindError("join", message, "Read this column from its own table.", node)
        binder.symbols.nullable |= bound.scans
    return FromItem(bound, JoinHow.LEFT if outer else JoinHow.INNER, False, [], node, lateral=True)


def _is_true(on: exp.Expr | None) -> bool:
    return on is None or (isinstance(on, exp.Boolean) and bool(on.this))
