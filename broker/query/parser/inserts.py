"""INSERT into temporary tables, rewritten as queries over their earlier rows."""

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from broker.query.bound_relations import CteDefinition, Ctes
from broker.query.diagnostics import BindError, present_arguments
from broker.query.parser import temporary_tables
from broker.query.parser.column_types import converted, inserted_value
from broker.query.parser.declarations import check_constant
from broker.query.parser.temporary_tables import ColumnNames, TempTable, TempTables

INSERT_ARGUMENTS = frozenset({"this", "expression", "with_"})
PLAIN_CLAUSES = frozenset({"expressions", "from_", "joins", "where", "group", "having", "distinct"})
INSERT_MARK = "insert"
"""Marks, in `meta`, a UNION ALL that stands for an INSERT. T-SQL converts the second side to the types of the first."""


def without_order(query: exp.Query) -> exp.Query:
    """Remove ORDER BY from a query that fills a table: without TOP, it has no effect there. DISTINCT ON keeps it,
    because it takes the first rows."""
    distinct = query.args.get("distinct")
    picks = isinstance(distinct, exp.Distinct) and distinct.args.get("on")
    if not (query.args.get("limit") or query.args.get("offset") or picks):
        query.set("order", None)
    return query


def insert_rows(tree: exp.Insert, temps: TempTables) -> None:
    """Rewrite INSERT INTO #t as UNION ALL of the old and the new rows. Columns match by position."""
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    temp = temporary_tables.change_target(target, temps, tree)
    listed = tuple(i.name for i in tree.this.expressions) if isinstance(tree.this, exp.Schema) else None
    source = tree.expression
    if present_arguments(tree) - INSERT_ARGUMENTS or present_arguments(target) - {"this"} or source is None:
        raise BindError("statement", "This INSERT is not understood.", "Write INSERT INTO #t (columns) SELECT ….", tree)
    query = (
        _constant_rows(source, temp, listed, tree) if isinstance(source, exp.Values) else _insert_query(source, tree)
    )
    if not isinstance(source, exp.Values) and (listed or temp.types or not _is_plain(query)):
        query = _fitted_to_table(query, temp, listed, tree)
    _append(temp, query, temps, tree)


def _insert_query(source: exp.Expr, tree: exp.Insert) -> exp.Query:
    query = source.unnest()
    if not isinstance(query, exp.Select | exp.SetOperation):
        raise BindError("statement", "This INSERT is not understood.", "Write INSERT INTO #t SELECT ….", tree)
    clause = tree.args.get("with_")
    if clause is not None:
        if query.args.get("with_"):
            raise BindError("statement", "The statement has WITH twice.", "Put all parts into one WITH.", tree)
        query.set("with_", clause)
    return without_order(query)


def _is_plain(query: exp.Expr) -> bool:
    return isinstance(query, exp.Select) and present_arguments(query) <= PLAIN_CLAUSES


def _positions(temp: TempTable, listed: ColumnNames | None, node: exp.Expr) -> list[int | None]:
    """For each column of the table, the position of the inserted column that fills it; None for NULL."""
    names = temporary_tables.column_names(temp, node)
    if listed is None:
        return list(range(len(names)))
    requested = [n.casefold() for n in listed]
    if len(set(requested)) != len(requested) or not set(requested) <= {n.casefold() for n in names}:
        message = "The list names a column twice, or a column that the table does not have."
        raise BindError("column-list", message, "Name columns of the table, each once.", node)
    missing = [n for n in names if n.casefold() not in requested]
    if any(n.casefold() in temp.not_null for n in missing):
        raise BindError(
            "column-list", "The list does not have a column that must not be NULL.", "Add the column to the list.", node
        )
    return [requested.index(n.casefold()) if n.casefold() in requested else None for n in names]


def _fitted_to_table(query: exp.Expr, temp: TempTable, listed: ColumnNames | None, node: exp.Expr) -> exp.Query:
    """The query with its columns in the order and types of the table."""
    names, positions = temporary_tables.column_names(temp, node), _positions(temp, listed, node)
    inner = [f"c{i}" for i in range(len(listed) if listed is not None else len(names))]
    alias = exp.TableAlias(this=exp.to_identifier("s"), columns=[exp.to_identifier(n) for n in inner])
    items = []
    for name, position in zip(names, positions, strict=True):
        # a column outside the list is NULL
        value: exp.Expr = exp.Null() if position is None else exp.column(inner[position], table="s")
        items.append(
            temporary_tables.aliased(inserted_value(value, temp.types[name]) if name in temp.types else value, name)
        )
    return exp.Select(expressions=items, from_=exp.From(this=exp.Subquery(this=query, alias=alias)))


def _constant_rows(values: exp.Values, temp: TempTable, listed: ColumnNames | None, node: exp.Expr) -> exp.Expr:
    """Rewrite VALUES of constants: each row becomes a SELECT."""
    names, positions = temporary_tables.column_names(temp, node), _positions(temp, listed, node)
    width = len(listed) if listed is not None else len(names)
    rows: list[exp.Query] = []
    for row in values.expressions:
        cells = row.expressions if isinstance(row, exp.Tuple) else [row.this if isinstance(row, exp.Paren) else row]
        if len(cells) != width:
            raise BindError(
                "column-list",
                "A row does not have the same number of values as there are columns.",
                "Give each column a value.",
                row,
            )
        for cell in cells:
            check_constant(cell)
        items = [exp.Null() if p is None else cells[p] for p in positions]
        typed = [converted(v, temp.types[n]) if n in temp.types else v for n, v in zip(names, items, strict=True)]
        rows.append(exp.Select(expressions=[temporary_tables.aliased(v, n) for n, v in zip(names, typed, strict=True)]))
    return union_all(rows, None)


def union_all(parts: Sequence[exp.Expr], mark: str | None) -> exp.Expr:
    """UNION ALL of many queries as a shallow tree."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2  # halving keeps the depth logarithmic
    whole = exp.Union(this=union_all(parts[:half], mark), expression=union_all(parts[half:], mark), distinct=False)
    if mark:
        whole.meta[mark] = True
    return whole


def _append(temp: TempTable, query: exp.Expr, temps: TempTables, node: exp.Expr) -> None:
    old = temp.definition
    if old is None:  # the first rows of the table
        temps.define(temp, query, node)
        return
    visible = temps.definitions_in(query)
    if _agree_on_names(temp, old, query, visible):
        parts = [*_insert_parts(old.query), query]
        size, depth = temps.weight(query)
        made = replace(
            temp,
            definition=CteDefinition(union_all(parts, INSERT_MARK), (), {**old.visible, **visible}),
            reads=temp.reads | temporary_tables.tables_read(query),
            size=temp.size + size,
            depth=max(temp.depth, depth),
        )
        temps.store(made, node)
        return
    # A name has changed its meaning, so the earlier rows stay behind the name of the table.
    temps.define(temp, union_all([temporary_tables.select_all(temp, node), query], INSERT_MARK), node)


def _agree_on_names(temp: TempTable, old: CteDefinition, query: exp.Expr, visible: Ctes) -> bool:
    """Whether one set of definitions serves the old and the new rows: no table name has changed its meaning in
    between."""
    plain = _is_plain(old.query) or bool(old.query.meta.get(INSERT_MARK))
    both = temp.reads & temporary_tables.tables_read(query)  # only names that both read can conflict
    return plain and all(old.visible.get(name) is visible.get(name) for name in both)


def _insert_parts(query: exp.Expr) -> list[exp.Expr]:
    if not query.meta.get(INSERT_MARK):
        return [query]
    return [*_insert_parts(query.this), *_insert_parts(query.expression)]
