"""UNION, EXCEPT, INTERSECT and written VALUES. Rows combine with rows of the same unit, groups with groups."""

from dataclasses import replace
from decimal import Decimal

from sqlglot import exp

from broker.domain.plans.operators import Aggregate, Apply, Filter, Project, Union
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, same_person, truth_call
from broker.domain.plans.variable_uses import Usage
from broker.query.analysis.aggregate_arguments import is_plain_amount, is_row_count, row_counts_in
from broker.query.binder import select_binding
from broker.query.binder.bind_state import Binder, ClauseBinder
from broker.query.binder.select_clauses import distinct_rows
from broker.query.bound_relations import (
    BindTarget,
    BoundGroups,
    BoundQuery,
    BoundRows,
    ColumnsByName,
    Ctes,
    conjunction_of,
    written_row,
)
from broker.query.diagnostics import BindError, check_arguments
from broker.query.expressions.arithmetic import common_type
from broker.query.name_resolution import Scope
from broker.query.operations.value_bounds import magnitude, max_decimals
from broker.query.parser.temporary_tables import named_subquery
from broker.query.symbols import OpaqueColumn, SourceRows, SymbolTable

TRAILING_CLAUSES = ("order", "limit", "offset")
SET_OPERATION_ARGUMENTS = frozenset({"this", "expression", "distinct", "with_", *TRAILING_CLAUSES})


def bind_set_operation(
    binder: Binder, node: exp.SetOperation, outer_ctes: Ctes, outer_scope: Scope | None, target: BindTarget
) -> BoundQuery | None:
    check_arguments(node, *SET_OPERATION_ARGUMENTS)
    if any(node.args.get(k) for k in TRAILING_CLAUSES):
        return select_binding.bind_select(binder, _wrapped_in_select(node), outer_ctes, outer_scope, target)
    ctes = binder.visible_ctes(node, outer_ctes)
    restore = binder.checkpoint()
    parts = [binder.bind_query(p, ctes, outer_scope, target) for p in _branches(node)]
    if any(p is None for p in parts):
        return None
    if len({type(p) for p in parts}) > 1:
        restore()  # Groups next to rows: bind again, with the groups as rows that the engine joins.
        parts = [binder.bind_query(p, ctes, outer_scope, BindTarget.ROWS) for p in _branches(node)]
    _check_widths(parts, node)
    rows = [p for p in parts if isinstance(p, BoundRows)]
    if len(rows) == len(parts):
        return _combined_rows(binder, node, rows)
    groups = [p for p in parts if isinstance(p, BoundGroups)]
    if len(groups) < len(parts):
        raise BindError(
            "set-operation", "A set operation cannot combine rows and groups.", "Aggregate both sides.", node
        )
    if not isinstance(node, exp.Union):
        message = "EXCEPT and INTERSECT of groups would reveal which groups are equal."
        raise BindError("set-operation", message, "Join the groups instead.", node)
    return _union_groups(binder, node, groups)


def _wrapped_in_select(node: exp.SetOperation) -> exp.Select:
    """Move ORDER BY, LIMIT and OFFSET after a set operation to a SELECT around it."""
    inner = node.copy()
    found = exp.Select(expressions=[exp.Star()])
    for key in TRAILING_CLAUSES:
        found.set(key, inner.args.get(key))
        inner.set(key, None)
    found.set("from_", exp.From(this=named_subquery(inner, "stacked")))
    found.parent = node.parent
    return found


def _branches(node: exp.SetOperation) -> list[exp.Expr]:
    """Branches of a chain of UNION ALL, left to right. For any other operation, its two sides."""
    found: list[exp.Expr] = []
    kind, distinct = type(node), bool(node.args.get("distinct"))
    stack: list[exp.Expr] = [node]
    while stack:
        part = stack.pop()
        # Mixed chains must stay nested: UNION drops duplicates of everything before it.
        same = isinstance(part, exp.Union) and kind is exp.Union and bool(part.args.get("distinct")) == distinct
        if part is node or (same and not part.args.get("with_")):
            stack += [part.args["expression"], part.args["this"]]  # the left side is popped first
        else:
            found.append(part)
    return found


def _check_widths(parts: list[BoundQuery | None], node: exp.Expr) -> None:
    if len({len(p.columns) for p in parts if p is not None}) != 1:
        raise BindError(
            "set-columns", "The branches have different numbers of columns.", "Give each branch the same columns.", node
        )


def _combined_rows(binder: Binder, node: exp.SetOperation, parts: list[BoundRows]) -> BoundRows:
    symbols = binder.symbols
    for column in (c for p in parts for c in p.columns.values()):  # a star has not read them
        symbols.record_use(column, Usage.JOINED if symbols.key_domain(column.ident) else Usage.READ)
    units = {_unit(p, symbols) for p in parts} - {None}
    if len(units) > 1:
        raise BindError(
            "set-units", "A set operation cannot combine pupils and staff.", "Count pupils and staff separately.", node
        )
    if not isinstance(node, exp.Union):
        if not node.args.get("distinct"):
            message = "EXCEPT ALL and INTERSECT ALL are not understood."
            raise BindError("set-operation", message, "Remove ALL.", node)
        return _matched_rows(binder, node, parts)
    stacked = _union_rows(binder, node, parts)
    if not node.args.get("distinct"):
        return stacked
    linked = any(symbols.key_domain(c.ident) is not None for c in stacked.columns.values())
    if stacked.person is not None and not linked:
        message = "UNION drops rows that are the same for several people."
        raise BindError("union-distinct", message, "Write UNION ALL, or add the link key to each branch.", node)
    return distinct_rows(binder, stacked)


def _unit(rows: BoundRows, symbols: SymbolTable) -> str | None:
    for scan in sorted(rows.scans):
        if rows.person is not None and symbols.is_person(scan):
            unit = symbols.tables[scan].unit
            return unit.value if unit is not None else None
    return None


def _union_rows(binder: Binder, node: exp.Expr, parts: list[BoundRows]) -> BoundRows:
    """UNION ALL of rows. Each new column stands for one column of each branch."""
    symbols = binder.symbols
    scans = frozenset().union(*(p.scans for p in parts))
    with_person = [p for p in parts if p.person is not None]
    person: tuple[int, tuple[int, ...]] | None = None
    if with_person:
        parts = [p if p.person is not None else _with_null_person(p, symbols) for p in parts]
        person = (symbols.new_id(), tuple(p.person for p in parts if p.person is not None))
    source_rows = SourceRows(scans, person[0] if person else None)
    output_columns: ColumnsByName = {}
    columns: list[tuple[int, tuple[int, ...]]] = []
    for index, name in enumerate(parts[0].columns):
        found = [list(p.columns.values())[index] for p in parts]
        parts, found = _with_common_type(parts, found, symbols, node)
        output_columns[name] = _union_column(found, symbols, source_rows)
        columns.append((output_columns[name].ident, tuple(f.ident for f in found)))
    relation = Union(tuple(p.relation for p in parts), tuple(columns), person)
    return BoundRows(
        relation, person[0] if person else None, scans, output_columns, all(p.is_correlated for p in parts)
    )


def _with_null_person(rows: BoundRows, symbols: SymbolTable) -> BoundRows:
    """Public rows next to persons' rows: give them NULL as person number."""
    ident = symbols.new_id()
    return replace(rows.computed([(ident, Literal(None, ScalarType.INT))]), person=ident)


def _with_common_type(
    parts: list[BoundRows], found: list[ColumnRef], symbols: SymbolTable, node: exp.Expr
) -> tuple[list[BoundRows], list[ColumnRef]]:
    """Cast branches to a common type if their types differ. NULL fits any type."""
    kind = common_type([f.type for f in found], node)
    if (
        node.meta.get("insert")
        and kind is not found[0].type
        and {kind, found[0].type} != {ScalarType.INT, ScalarType.FLAG}
    ):
        message = "INSERT would convert the values to the types of the columns."
        raise BindError("insert-type", message, "CAST the values to the type of the first SELECT.", node)
    changed, columns = list(parts), list(found)
    for index, column in enumerate(found):
        # 0/1 values are stored as whole numbers, so they need no cast
        if column.type is kind or {column.type, kind} <= {ScalarType.INT, ScalarType.FLAG}:
            continue
        ident = symbols.define(_converted(column, kind), parts[index].source_rows)
        changed[index] = changed[index].computed([(ident, symbols.definitions[ident])])
        columns[index] = ColumnRef(ident, kind)
    return changed, columns


def _converted(column: ColumnRef, kind: ScalarType) -> Scalar:
    if column.type is ScalarType.NULL:
        # a CASE that is always NULL, with the type of the other branches
        return Case(((Literal(False, ScalarType.TRUTH), column),), column, kind)
    return Call(
        "to_double" if kind is ScalarType.DOUBLE else "coalesce",
        (column,) if kind is ScalarType.DOUBLE else (column, column),
        kind,
    )


def _union_column(found: list[ColumnRef], symbols: SymbolTable, source_rows: SourceRows) -> ColumnRef:
    """Add the column above a set operation."""
    domains = {symbols.key_domain(f.ident) for f in found}
    domain = domains.pop() if len(domains) == 1 else None  # keys of different domains are no key
    base = frozenset().union(*(symbols.base(f) for f in found))
    kinds = {f.type for f in found}
    kind = (
        ScalarType.INT
        if kinds == {ScalarType.INT, ScalarType.FLAG}
        else next(iter(kinds - {ScalarType.NULL}), ScalarType.NULL)
    )
    decimals = max(max_decimals(f, symbols) for f in found)
    shared = any(symbols.is_shared(f) for f in found)
    counts = all(is_row_count(f, symbols) for f in found)
    mixed = (
        not counts and kind is not ScalarType.FLAG and any(row_counts_in(symbols.expanded(f), symbols) for f in found)
    )
    closed = not mixed and all(is_plain_amount(f, symbols) for f in found)
    made = OpaqueColumn(
        base, source_rows, tuple(found), domain, decimals=decimals, shared=shared, closed=closed, counts=counts
    )
    column = symbols.new_opaque(kind, made)
    if kind.is_number:
        symbols.sizes[column.ident] = max((magnitude(f, symbols) for f in found), default=Decimal(0))
    return column


def _matched_rows(binder: Binder, node: exp.SetOperation, parts: list[BoundRows]) -> BoundRows:
    """EXCEPT and INTERSECT of persons' rows with the link key in both lists: keep the rows without or with a match."""
    left, right = parts
    symbols = binder.symbols
    pairs = list(zip(left.columns.values(), right.columns.values(), strict=True))
    keyed = any(
        symbols.key_domain(a.ident) and symbols.key_domain(a.ident) == symbols.key_domain(b.ident) for a, b in pairs
    )
    if left.person is None or right.person is None or not keyed:
        message = "EXCEPT and INTERSECT need the link key in both lists."
        raise BindError("set-operation", message, "Add the key to both, or use EXISTS.", node)
    alone = distinct_rows(binder, left)  # both operations drop duplicates
    same = [  # set operations treat two missing values as equal, unlike `=`
        truth_call("same", a, b) for a, b in zip(alone.columns.values(), right.columns.values(), strict=True)
    ]
    assert alone.person is not None
    same.append(same_person(alone.person, right.person))
    has_match = symbols.new_opaque(ScalarType.TRUTH, OpaqueColumn(frozenset(), nullable=False))
    binder.syntax_of[has_match] = node
    matched = Apply(alone.relation, Filter(right.relation, conjunction_of(same) or has_match), has_match.ident, None)
    condition: Scalar = has_match if isinstance(node, exp.Intersect) else truth_call("not", has_match)
    return replace(alone, relation=Filter(matched, condition), scans=left.scans | right.scans)


def _union_groups(binder: Binder, node: exp.SetOperation, parts: list[BoundGroups]) -> BoundGroups:
    """UNION ALL of groups. UNION also drops duplicate rows."""
    symbols = binder.symbols
    columns: list[tuple[int, tuple[int, ...]]] = []
    output_columns: ColumnsByName = {}
    for index, name in enumerate(parts[0].columns):
        found = [list(p.columns.values())[index] for p in parts]
        kind = common_type([f.type for f in found], node)
        ident = symbols.new_id()
        labels = {symbols.labels.get(f.ident, "derived") for f in found}
        symbols.labels[ident] = labels.pop() if len(labels) == 1 else "derived"
        symbols.catalogue_sources[ident] = frozenset().union(*(symbols.base(f) for f in found))
        output_columns[name] = ColumnRef(ident, kind)
        columns.append((ident, tuple(f.ident for f in found)))
    stacked = BoundGroups(
        Union(tuple(p.program for p in parts), tuple(columns)), output_columns, tuple(output_columns.values())
    )
    if not node.args.get("distinct"):
        return stacked
    keys = tuple((c.ident, c) for c in output_columns.values())
    return replace(stacked, program=Aggregate(stacked.program, keys, ()))


def bind_values(binder: Binder, node: exp.Values, outer_scope: Scope | None) -> BoundRows:
    """Bind VALUES (…), (…) as public rows. In an APPLY, each row may read the outer row."""
    check_arguments(node, "expressions", "alias")
    expression_binder = ClauseBinder(binder, Scope(binder.symbols, outer_scope))
    branches: list[BoundRows] = []
    for row in node.expressions:
        items = row.expressions if isinstance(row, exp.Tuple) else [row]
        found = {f"column{i}": expression_binder.value(n) for i, n in enumerate(items, 1)}
        expression_binder.record_uses(Usage.READ)
        branches.append(_values_row(found, binder.symbols))
    if len({len(b.columns) for b in branches}) != 1:
        raise BindError(
            "set-columns",
            "The rows of VALUES have different numbers of columns.",
            "Give each row the same number of columns.",
            node,
        )
    return branches[0] if len(branches) == 1 else _union_rows(binder, node, branches)


def _values_row(found: dict[str, Scalar], symbols: SymbolTable) -> BoundRows:
    row = written_row(symbols)
    computed = [(symbols.define(s, row.source_rows), s) for s in found.values()]
    output_columns = {n: ColumnRef(i, s.type) for n, (i, s) in zip(found, computed, strict=True)}
    return replace(row, relation=Project(row.relation, tuple(computed)), columns=output_columns)
