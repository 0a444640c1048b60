"""CREATE TABLE, INSERT, UPDATE and DELETE of temporary tables, rewritten as queries over their earlier rows."""

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from broker.query.bound_relations import CteDefinition, Ctes
from broker.query.diagnostics import BindError, present_arguments
from broker.query.parser import temporary_tables
from broker.query.parser.declarations import check_constant, converted, declared_type, inserted_value
from broker.query.parser.temporary_tables import ColumnNames, TempTable, TempTables

CHANGE_ARGUMENTS = frozenset({"this", "expressions", "from_", "where", "with_", "tables"})
UPDATE_MARK = "update"
"""Marks a CASE that stands for an UPDATE. T-SQL converts its values to the type of its ELSE."""


def rewrite_update(tree: exp.Update, temps: TempTables) -> None:
    """Rewrite UPDATE #t SET c = e WHERE p: each row keeps its columns, except that c is e where p is true."""
    clause = tree.args.get("from_")
    table, alias = _single_table(tree.this, clause.this if clause is not None else None, tree)
    temp = temporary_tables.change_target(table, temps, tree)
    values = _assignments(tree, temp, {temp.name.casefold(), (alias.name if alias else "").casefold()})
    where = tree.args.get("where")
    condition = (  # without WHERE, every row changes
        where.this if where is not None else exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(1))
    )
    items: list[exp.Expr] = []
    for name in temporary_tables.column_names(temp, tree):
        value = values.get(name.casefold())
        if value is None:
            items.append(temporary_tables.quoted_column(name))
            continue
        case = exp.Case(ifs=[exp.If(this=condition.copy(), true=value)], default=temporary_tables.quoted_column(name))
        case.meta[UPDATE_MARK] = True
        items.append(temporary_tables.aliased(case, name))
    query = exp.Select(expressions=items, from_=exp.From(this=temporary_tables.table_reference(temp.name, alias)))
    query.set("with_", tree.args.get("with_"))
    temps.define(temp, query, tree)


def _assignments(tree: exp.Update, temp: TempTable, own: set[str]) -> dict[str, exp.Expr]:
    names = {n.casefold() for n in temporary_tables.column_names(temp, tree)}
    found: dict[str, exp.Expr] = {}
    for item in tree.expressions:
        column = item.this if isinstance(item, exp.EQ) else None
        if not isinstance(column, exp.Column) or column.args.get("db"):
            raise BindError(
                "statement", "This UPDATE is not understood.", "Write UPDATE #t SET column = … WHERE ….", item
            )
        name = column.name.casefold()
        if name not in names or name in found or (column.table and column.table.casefold() not in own):
            message = "SET names a column twice, or a column that the table does not have."
            raise BindError("column-list", message, "Name columns of the table, each once.", item)
        found[name] = item.expression
    return found


def rewrite_delete(tree: exp.Delete, temps: TempTables) -> None:
    """Rewrite DELETE: rows stay where the condition is not true."""
    named = tree.args.get("tables") or []
    this = tree.this if isinstance(tree.this, exp.Table) else None
    if len(named) > 1 or not (named or this):
        raise BindError("statement", "This DELETE is not understood.", "Write DELETE FROM #t WHERE ….", tree)
    table, alias = _single_table(named[0] if named else this, this if named else None, tree)
    temp = temporary_tables.change_target(table, temps, tree)
    where = tree.args.get("where")
    if where is None:
        left, right = exp.Literal.number(1), exp.Literal.number(0)
        condition = exp.EQ(this=left, expression=right)  # no row meets 1 = 0, so all rows go
    else:
        # rows for which the condition is unknown stay too, so NOT would be wrong
        case = exp.Case(ifs=[exp.If(this=where.this, true=exp.Literal.number(0))], default=exp.Literal.number(1))
        condition = exp.EQ(this=case, expression=exp.Literal.number(1))
    query = temporary_tables.select_all(temp, tree, alias)
    query.set("where", exp.Where(this=condition))
    query.set("with_", tree.args.get("with_"))
    temps.define(temp, query, tree)


def _single_table(
    target: exp.Expr | None, source: exp.Expr | None, tree: exp.Expr
) -> tuple[exp.Table, exp.Expr | None]:
    """Return the only table of an UPDATE or DELETE, and its alias in FROM. Raises BindError for a change by a join."""
    advice = "Write UPDATE #t SET … WHERE …, with values from other tables joined in a SELECT … INTO."
    refused = BindError("statement", "UPDATE and DELETE with a join are not understood.", advice, tree)
    if present_arguments(tree) - CHANGE_ARGUMENTS or not isinstance(target, exp.Table):
        raise refused
    if source is None:
        if present_arguments(target) - {"this", "db", "catalog"}:
            raise refused
        return target, None
    if not isinstance(source, exp.Table) or present_arguments(source) - {"this", "alias"}:
        raise refused
    alias = source.args.get("alias")
    if alias is not None and present_arguments(alias) - {"this"}:
        raise refused
    same = temporary_tables.temp_name(target) == temporary_tables.temp_name(source) and alias is None
    if not same and (alias is None or target.db or alias.name.casefold() != target.name.casefold()):
        raise refused
    return source, alias


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


def created_table(tree: exp.Create, name: str, words: Sequence[str]) -> TempTable:
    """Read CREATE TABLE #t (columns). The table has no rows until something is inserted."""
    schema = tree.this
    if (
        not isinstance(schema, exp.Schema)
        or tree.args.get("exists")
        or tree.args.get("expression")
        or tree.args.get("replace")
    ):
        raise BindError(
            "statement", "This CREATE TABLE is not understood.", "Write CREATE TABLE #t (name type, …).", tree
        )
    types: dict[str, exp.DataType] = {}
    needed = set()
    for item in schema.expressions:
        if isinstance(item, exp.PrimaryKey | exp.Constraint):
            _check_constraint(item)
            continue
        kinds = [c.kind for c in item.args.get("constraints") or ()] if isinstance(item, exp.ColumnDef) else [item]
        for kind in kinds:
            if not isinstance(kind, exp.NotNullColumnConstraint | exp.PrimaryKeyColumnConstraint):
                message = "This property of a column is not understood."
                raise BindError("column-property", message, "Write name type [NOT NULL] only.", item)
        if item.name.casefold() in (n.casefold() for n in types):
            raise BindError("duplicate-column", "Two columns have the same name.", "Rename one.", item)
        types[item.name] = declared_type(item.kind, words, item)
        if any(not k.args.get("allow_null") for k in kinds):
            needed.add(item.name.casefold())
    return TempTable(name, None, tuple(types), types, frozenset(needed))


def _check_constraint(item: exp.Expr) -> None:
    parts = item.expressions if isinstance(item, exp.Constraint) else [item]
    if not all(isinstance(p, exp.PrimaryKey) for p in parts):
        raise BindError("column-property", "This constraint is not understood.", "Remove it.", item)


def rewrite_insert(tree: exp.Insert, temps: TempTables) -> None:
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
