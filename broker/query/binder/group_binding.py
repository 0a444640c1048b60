"""SELECTs that give groups: GROUP BY over persons' rows, and SELECTs whose sources are groups."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

from sqlglot import exp

from broker.domain.plans import operators as ops
from broker.domain.plans.measure import Measure
from broker.domain.plans.plan import KEY_STATISTIC, MomentForm
from broker.domain.plans.scalars import NULL, Call, ColumnRef, Literal, Scalar, ScalarType, column_ids, integer
from broker.domain.plans.substitution import substitute
from broker.domain.plans.variable_uses import Usage
from broker.query.analysis.group_key_domains import (
    misused_quasi_identifier,
    record_fine_keys,
    record_subquery_keys,
    subquery_conditions,
)
from broker.query.analysis.known_amounts import fixed_columns
from broker.query.binder import from_clause, grouped_expressions
from broker.query.binder.aggregate_statistics import bind_statistic
from broker.query.binder.band_orders import BandOrders
from broker.query.binder.bind_state import Binder, ClauseBinder, SelectBinding
from broker.query.binder.cell_values import CellValues, without_unread_windows
from broker.query.binder.draft_tables import DraftStatistics, DraftTable
from broker.query.binder.post_aggregation import PostAggregationBinder, PostAggregationBuilder, check_releasable
from broker.query.binder.row_aggregation import bind_aggregate, grouping_keys, without_filter
from broker.query.binder.select_clauses import bind_clauses, bind_group_conjuncts, check_small_groups
from broker.query.bound_relations import BoundGroups, BoundRows, conjunction_of, has_context
from broker.query.diagnostics import BindError
from broker.query.name_resolution import Scope
from broker.query.symbols import SourceRows

CHOSEN_PUBLIC_ROWS = (
    "Rows of a public table are selected by rows of people, and would be shown exactly alongside groups."
)
GROUP_FIRST = "Group the people in a derived table, and join the groups with the public rows."


def bind_select_over_groups(
    binder: Binder, select: exp.Select, scope: Scope, from_items: "list[from_clause.FromItem]"
) -> BoundGroups | None:
    """Bind a SELECT whose sources are all groups, or without FROM, whose subqueries give one group each. None if it was
    refused."""
    group_binder = PostAggregationBinder(binder, scope, {})
    builder = PostAggregationBuilder(group_binder, without_from=not from_items)
    if not from_items:
        return _without_from(select, builder)
    where = bind_group_conjuncts(group_binder, select.args.get("where"))
    check_small_groups(binder, select.args.get("where"), where)
    builder.filter(where)
    keys: dict[Scalar, ColumnRef] = {}
    if grouped_expressions.is_grouped(select):
        keys = {e: binder.symbols.new_key(e) for e in grouping_keys(select, group_binder, SourceRows())}
        aggregation = _GroupAggregation(group_binder)
        builder.bind_with(
            grouped_expressions.GroupedExpressionBinder(group_binder, keys, aggregation.aggregate, is_rows=False)
        )
        made = tuple((c.ident, e) for e, c in keys.items())
        builder.steps.append(lambda g: ops.Aggregate(g, made, aggregation.columns()))
    output_columns = bind_clauses(select, builder)
    if output_columns is None:
        return None
    lone = (grouped_expressions.is_grouped(select) and not keys) or all(
        j.bound.is_single for j in from_items if isinstance(j.bound, BoundGroups)
    )
    chosen = not lone and not keys and _chooses_one(from_items, where)
    return BoundGroups(
        builder.build(_joined_groups(from_items)), output_columns, tuple(keys.values()), lone or chosen, chosen
    )


def _chooses_one(from_items: "list[from_clause.FromItem]", where: Sequence[Scalar]) -> bool:
    """Whether a WHERE fixes every key of the only source, so that one group is left at most."""
    fixed = set[int]()
    for condition in where:
        match condition:
            case Call(op="equal" | "equal_text" | "same", args=(ColumnRef(ident=ident), Literal())):
                fixed.add(ident)
            case Call(op="equal" | "equal_text" | "same", args=(Literal(), ColumnRef(ident=ident))):
                fixed.add(ident)
    bounds = [item.bound for item in from_items]
    return len(bounds) == 1 and all(
        isinstance(b, BoundGroups) and bool(b.keys) and {k.ident for k in b.keys} <= fixed for b in bounds
    )


def as_public_groups(binder: Binder, from_item: "from_clause.FromItem") -> "from_clause.FromItem":
    """Turn a public relation into groups that the broker can join. Its rows are shown unchanged, so no rows of persons
    may choose or make them. Raises BindError if they do."""
    if not isinstance(from_item.bound, BoundRows):
        return from_item
    if has_context(from_item.bound.relation):
        raise BindError("subquery-persons", CHOSEN_PUBLIC_ROWS, GROUP_FIRST, from_item.node)
    binder.public_relations.append(from_item.bound)
    for column in from_item.bound.columns.values():
        binder.symbols.labels.setdefault(column.ident, "public")
    binder.partial_relations.append(from_item.bound.relation)
    return replace(
        from_item, bound=BoundGroups(ops.PublicRef(len(binder.public_relations) - 1), from_item.bound.columns)
    )


def _joined_groups(from_items: "list[from_clause.FromItem]") -> ops.PostAggregation:
    """Join the groups. A RIGHT join becomes a LEFT join with its sides swapped."""
    found = _group_of(from_items[0])
    for one in from_items[1:]:
        # an inner join without a condition is a cross join
        how = ops.JoinHow.CROSS if one.how is ops.JoinHow.INNER and not one.on else one.how
        sides = (_group_of(one), found) if one.swapped else (found, _group_of(one))
        found = ops.Join(*sides, how, conjunction_of(one.on))
    return found


def _group_of(one: "from_clause.FromItem") -> ops.PostAggregation:
    assert isinstance(one.bound, BoundGroups)
    return one.bound.program


def _without_from(select: exp.Select, builder: PostAggregationBuilder) -> BoundGroups | None:
    output_columns = bind_clauses(select, builder)
    if output_columns is None:
        return None
    if builder.first_subquery is None:
        raise BindError("no-table", "The query reads no table.", "Name a table in FROM.", select)
    return BoundGroups(builder.build(builder.first_subquery), output_columns, (), is_single=True)


class _GroupAggregation:
    """The aggregates of an aggregation over groups, each once."""

    def __init__(self, group_binder: ClauseBinder) -> None:
        self._group_binder = group_binder
        self._found: dict[ops.AggregateCall, ColumnRef] = {}

    def aggregate(self, node: exp.Expr) -> Scalar:
        found, symbols = bind_aggregate(node, self._group_binder, own=True).aggregate, self._group_binder.symbols
        check_releasable(found, symbols, node)
        if found not in self._found:
            self._found[found] = ColumnRef(symbols.new_id(), found.type)
            symbols.labels[self._found[found].ident] = "derived"
        return self._found[found]

    def columns(self) -> tuple[tuple[int, ops.AggregateCall], ...]:
        return tuple((column.ident, call) for call, column in self._found.items())


MAX_GROUPING_SETS = 64


class TopGroupBinder(grouped_expressions.GroupedExpressionBinder):
    """Binds expressions over the keys and statistics of the top aggregation."""

    def __init__(self, binding: SelectBinding, keys: dict[Scalar, ColumnRef], statistics: DraftStatistics) -> None:
        row_binder = binding.expression_binder
        super().__init__(row_binder, keys, self._statistic, is_rows=False)
        self._binding, self._statistics = binding, statistics
        self.cell_values: CellValues | None = None
        """With a plain GROUP BY: values that are the same in all rows of a cell."""
        self.grouping_columns: dict[Scalar, ColumnRef] = {}
        """GROUPING(k) columns, by key."""

    def scalar(self, node: exp.Expr) -> Scalar:
        if isinstance(node, exp.Grouping):
            return self._bind_grouping(node)
        return super().scalar(node)

    def _statistic(self, node: exp.Expr) -> Scalar:
        found = without_filter(node)
        if self.cell_values is not None and isinstance(found, exp.Min | exp.Max | exp.AnyValue):
            relation = self._binding.apply_pending().relation
            same = self.cell_values.bind(self._row_binder.value(found.this), relation, node)
            if same is not None:
                return same
        return bind_statistic(node, self._row_binder, self._statistics)

    def order_value(self, node: exp.Expr, before: Sequence[Scalar]) -> Scalar:
        """MIN and MAX of a value of which a key is the band order by the band."""
        if isinstance(node, exp.Min | exp.Max):
            value, relation = self._row_binder.value(node.this), self._binding.apply_pending().relation
            place = BandOrders(self._keys, relation, self._row_binder.facts, self.symbols).place(value, before)
            if place is not None:
                return place
        return super().order_value(node, before)

    def _bind_grouping(self, node: exp.Grouping) -> ColumnRef:
        if len(node.expressions) != 1:
            raise BindError("grouping", "GROUPING takes only one key.", "Write GROUPING(a) for each.", node)
        key = self._row_binder.value(node.expressions[0])
        if key not in self._keys:
            raise BindError("not-grouped", "GROUPING needs a key of GROUP BY.", "Add it to GROUP BY.", node)
        if key not in self.grouping_columns:
            self.grouping_columns[key] = ColumnRef(self.symbols.new_id(), ScalarType.INT)
            self.symbols.labels[self.grouping_columns[key].ident] = KEY_STATISTIC
        return self.grouping_columns[key]


def bind_group_by(binding: SelectBinding) -> BoundGroups | None:
    """Bind a SELECT that groups persons' rows. None if it was refused."""
    binder, select = binding.binder, binding.select
    symbols = binder.symbols
    sets = _grouping_sets(binding)
    keys = {e: symbols.new_key(e) for e in dict.fromkeys(e for s in sets for e in s)}
    fixed = fixed_columns(binding.apply_pending().relation, symbols)
    statistics = DraftStatistics(symbols, fixed=fixed, in_parts=binder.in_parts)
    group_binder = TopGroupBinder(binding, keys, statistics)
    if len(sets) == 1:
        group_binder.cell_values = CellValues(keys, binding.expression_binder, statistics)
    group_binder.has_aggregates = any(grouped_expressions.has_aggregate(i) for i in select.expressions)
    builder = PostAggregationBuilder(group_binder)
    output_columns = bind_clauses(select, builder)
    rows = binding.apply_pending()  # again, because binding the clauses may have requested more columns of the rows
    if group_binder.cell_values is not None:
        rows = _without_unread_windows(rows, keys, statistics)
    if not statistics.entries:  # a table needs at least one statistic to have cells
        statistics.add(Measure.COUNT_ROWS, None, ScalarType.INT)
    statistics.add_implied()
    for statistic in statistics.entries:
        symbols.labels.setdefault(statistic.ident, statistic.measure.value)
    if output_columns is None:
        return None
    base = _grouped_tables(binder, DraftTable(rows, keys, statistics), sets, group_binder.grouping_columns)
    return BoundGroups(builder.build(base), output_columns, tuple(keys.values()), is_single=sets == [()])


def _without_unread_windows(rows: BoundRows, keys: Iterable[Scalar], statistics: DraftStatistics) -> BoundRows:
    scalars = [*keys, *(s.argument for s in statistics.entries if s.argument is not None)]
    scalars += [s.form.other for s in statistics.entries if isinstance(s.form, MomentForm) and s.form.other is not None]
    read = frozenset().union(*(column_ids(one) | column_ids(statistics.symbols.expanded(one)) for one in scalars))
    return replace(rows, relation=without_unread_windows(rows.relation, read))


def _grouped_tables(
    binder: Binder, whole: DraftTable, sets: list[tuple[Scalar, ...]], grouping_columns: dict[Scalar, ColumnRef]
) -> ops.PostAggregation:
    """Add one table for each set of keys, and stack them under the ids that the program reads."""
    keys, statistics = whole.keys, whole.statistics
    if len(sets) == 1:
        binder.draft_tables.append(whole)
        absent = [(c.ident, integer(0)) for c in grouping_columns.values()]
        return _with_columns(ops.TableRef(len(binder.draft_tables) - 1), [*absent, *statistics.totals.items()])
    symbols = binder.symbols
    parts: list[ops.PostAggregation] = []
    idents: list[dict[int, int]] = []
    for one in sets:
        copied = {e: symbols.new_key(e) for e in one}  # new ids, because two tables may not share a column
        renamed = {keys[e].ident: c.ident for e, c in copied.items()}
        again = _copied_statistics(statistics, renamed)
        binder.draft_tables.append(DraftTable(whole.rows, copied, again))
        blank: list[tuple[int, Scalar]] = []
        for e, column in keys.items():
            if e not in copied:
                renamed[column.ident] = symbols.new_id()
                blank.append((renamed[column.ident], NULL))  # a key outside the grouping set is NULL
        for e, column in grouping_columns.items():
            renamed[column.ident] = symbols.new_id()
            # GROUPING(k) is 1 where the table aggregates over k
            blank.append((renamed[column.ident], integer(0 if e in copied else 1)))
        parts.append(_with_columns(ops.TableRef(len(binder.draft_tables) - 1), [*blank, *again.totals.items()]))
        idents.append(renamed)
    named = [c.ident for c in (*keys.values(), *grouping_columns.values())]
    stacked = [*named, *(s.ident for s in statistics.entries), *statistics.totals]
    return ops.Union(tuple(parts), tuple((i, tuple(n[i] for n in idents)) for i in stacked))


def _with_columns(base: ops.PostAggregation, columns: Sequence[tuple[int, Scalar]]) -> ops.PostAggregation:
    return ops.Project(base, tuple(columns)) if columns else base


def _copied_statistics(statistics: DraftStatistics, renamed: dict[int, int]) -> DraftStatistics:
    """Copy the statistics for another table, under new ids."""
    symbols = statistics.symbols
    renamed |= {s.ident: symbols.new_id() for s in statistics.entries}
    for statistic in statistics.entries:
        symbols.labels[renamed[statistic.ident]] = statistic.measure.value
    found = [
        replace(
            s,
            ident=renamed[s.ident],
            implied_by=None if s.implied_by is None else renamed[s.implied_by],
            displayed_like=None if s.displayed_like is None else renamed[s.displayed_like],
            form=replace(s.form, other_ident=renamed[s.form.other_ident]) if isinstance(s.form, MomentForm) else s.form,
        )
        for s in statistics.entries
    ]
    renamed |= {ident: symbols.new_id() for ident in statistics.totals}
    for ident in statistics.totals:
        symbols.labels[renamed[ident]] = symbols.labels[ident]
    totals = {
        renamed[ident]: substitute(value, lambda c: replace(c, ident=renamed.get(c.ident, c.ident)))
        for ident, value in statistics.totals.items()
    }
    return DraftStatistics(symbols, found, totals=totals)


def _grouping_sets(binding: SelectBinding) -> list[tuple[Scalar, ...]]:
    """Sets of keys of GROUP BY: one for a plain GROUP BY, else the product of all ROLLUP, CUBE and GROUPING SETS in
    it."""
    select, binder = binding.select, binding.binder
    group = select.args.get("group")
    if group is None:
        return [()]
    binder.check_clauses(group, "expressions", "all", "rollup", "cube", "grouping_sets")
    nodes = grouped_expressions.key_nodes(group, select)
    plain = [n for n in nodes if not isinstance(n, exp.Rollup | exp.Cube | exp.GroupingSets)]
    sets: list[tuple[Scalar, ...]] = [_bind_keys(binding, plain)]
    special = [n for n in nodes if n not in plain]
    special += [n for k in ("rollup", "cube", "grouping_sets") for n in group.args.get(k) or []]
    for node in special:
        if not node.expressions and plain:
            # T-SQL's GROUP BY a, b WITH ROLLUP.
            sets, more = [()], _expanded_sets(binding, type(node)(expressions=plain))
        else:
            more = _expanded_sets(binding, node)
        sets = [_flat_keys([a, b]) for a in sets for b in more]
        if len(sets) > MAX_GROUPING_SETS:
            raise BindError(
                "grouping-sets", f"GROUP BY makes more than {MAX_GROUPING_SETS} tables.", "Request fewer.", node
            )
    return list(dict.fromkeys(sets))  # equal sets would give equal tables


def _expanded_sets(binding: SelectBinding, node: exp.Expr) -> list[tuple[Scalar, ...]]:
    members = [_set_members(binding, n) for n in node.expressions]
    if isinstance(node, exp.Rollup):
        return [_flat_keys(members[:n]) for n in range(len(members), -1, -1)]
    if isinstance(node, exp.Cube):
        chosen = [c for n in range(len(members), -1, -1) for c in combinations(members, n)]
        return [_flat_keys(c) for c in chosen]
    found: list[tuple[Scalar, ...]] = []
    for member, inner in zip(members, node.expressions, strict=True):
        found += (
            _expanded_sets(binding, inner) if isinstance(inner, exp.Rollup | exp.Cube | exp.GroupingSets) else [member]
        )
    return found


def _flat_keys(members: Sequence[tuple[Scalar, ...]]) -> tuple[Scalar, ...]:
    return tuple(dict.fromkeys(e for m in members for e in m))


def _set_members(binding: SelectBinding, node: exp.Expr) -> tuple[Scalar, ...]:
    if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets):
        return ()
    inner = node.expressions if isinstance(node, exp.Tuple) else [node]
    return _bind_keys(binding, [n.this if isinstance(n, exp.Paren) else n for n in inner])


def _bind_keys(binding: SelectBinding, nodes: list[exp.Expr]) -> tuple[Scalar, ...]:
    expression_binder = binding.expression_binder
    found: dict[Scalar, None] = {}
    for node in nodes:
        node = grouped_expressions.resolve_key_alias(node, binding.select, expression_binder)
        key = expression_binder.try_bind(node, Usage.GROUPED, lambda n: _bind_key(n, binding))
        if key is None:
            expression_binder.lacks_keys = True  # other items must not be refused as not grouped
        else:
            found[key] = None
    symbols, conditions = expression_binder.symbols, list[Scalar]()
    if binding.rows is not None and found:
        relation = binding.apply_pending().relation
        conditions = [c for key in found for c in subquery_conditions(key, relation, symbols)]
    record_subquery_keys(conditions, symbols)
    record_fine_keys(found, symbols, conditions)
    return tuple(found)


def _bind_key(node: exp.Expr, binding: SelectBinding) -> Scalar:
    found = binding.expression_binder.value(node)
    if isinstance(found, Literal):
        raise BindError("constant-key", "A constant does not group anything.", "Remove it from GROUP BY.", node)
    quasi = misused_quasi_identifier(found, binding.binder.symbols)
    if quasi is not None:
        message = f"{quasi.full_name} is a quasi-identifier, so you cannot compute with it."
        raise BindError(
            "quasi-arithmetic", message, "Compare the variable with written values or ranges.", node, quasi.full_name
        )
    return found
