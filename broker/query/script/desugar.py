"""INSERT, UPDATE, DELETE and CREATE TABLE of temporary tables, as queries over what the table was before. Whatever has
no exact form as a query is refused with the form to write."""

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from broker.query.refusing import Stop
from broker.query.script.columns import Names
from broker.query.script.declared import check_constant, converted, declared_type, stored
from broker.query.script.temporary import Definition, Temp, Temps, name_of, reads_of, reference

INSERT_ARGUMENTS = frozenset({"this", "expression", "with_"})
CHANGE_ARGUMENTS = frozenset({"this", "expressions", "from_", "where", "with_", "tables"})
PLAIN = frozenset({"expressions", "from_", "joins", "where", "group", "having", "distinct"})
INSERTED = "insert"
"""Marks, in `meta`, a UNION ALL that stands for an INSERT: T-SQL converts the second side to the types of the first."""
CHANGED = "update"
"""Marks a CASE that stands for an UPDATE: T-SQL converts its values to the type of its ELSE."""


def without_order(query: exp.Query) -> exp.Query:
    """A table has no order: ORDER BY without TOP says nothing about what is kept. DISTINCT ON takes the first rows."""
    distinct = query.args.get("distinct")
    picks = isinstance(distinct, exp.Distinct) and distinct.args.get("on")
    if not (query.args.get("limit") or query.args.get("offset") or picks):
        query.set("order", None)
    return query


def created(tree: exp.Create, words: Sequence[str]) -> Temp:
    """CREATE TABLE #t (columns): it has no rows until something is inserted."""
    schema = tree.this
    if (
        not isinstance(schema, exp.Schema)
        or tree.args.get("exists")
        or tree.args.get("expression")
        or tree.args.get("replace")
    ):
        raise Stop("statement", "This CREATE TABLE is not understood.", "Write CREATE TABLE #t (name type, …).", tree)
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
                raise Stop("column-property", message, "Write name type [NOT NULL] only.", item)
        if item.name.casefold() in (n.casefold() for n in types):
            raise Stop("duplicate-column", "Two columns have one name.", "Rename one.", item)
        types[item.name] = declared_type(item.kind, words, item)
        if any(not k.args.get("allow_null") for k in kinds):
            needed.add(item.name.casefold())
    return Temp("", None, tuple(types), types, frozenset(needed))


def _check_constraint(item: exp.Expr) -> None:
    parts = item.expressions if isinstance(item, exp.Constraint) else [item]
    if not all(isinstance(p, exp.PrimaryKey) for p in parts):
        raise Stop("column-property", "This constraint is not understood.", "Leave it out.", item)


def inserted(tree: exp.Insert, temps: Temps) -> None:
    """INSERT INTO #t is UNION ALL of what was and what comes; columns go by position."""
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    temp = _target(target, temps, tree)
    listed = tuple(i.name for i in tree.this.expressions) if isinstance(tree.this, exp.Schema) else None
    source = tree.expression
    if _set_arguments(tree) - INSERT_ARGUMENTS or _set_arguments(target) - {"this"} or source is None:
        raise Stop("statement", "This INSERT is not understood.", "Write INSERT INTO #t (columns) SELECT ….", tree)
    query = _rows(source, temp, listed, tree) if isinstance(source, exp.Values) else _body(source, tree)
    if not isinstance(source, exp.Values) and (listed or temp.types or not _is_plain(query)):
        query = _fitted(query, temp, listed, tree)
    _append(temp, query, temps, tree)


def _body(source: exp.Expr, tree: exp.Insert) -> exp.Query:
    query = source.unnest()
    if not isinstance(query, exp.Select | exp.SetOperation):
        raise Stop("statement", "This INSERT is not understood.", "Write INSERT INTO #t SELECT ….", tree)
    clause = tree.args.get("with_")
    if clause is not None:
        if query.args.get("with_"):
            raise Stop("statement", "WITH is there twice.", "Put all parts into one WITH.", tree)
        query.set("with_", clause)
    return without_order(query)


def _is_plain(query: exp.Query) -> bool:
    return isinstance(query, exp.Select) and _set_arguments(query) <= PLAIN


def _columns(temp: Temp, node: exp.Expr) -> Names:
    if temp.columns is None:
        message = "The columns of this temporary table are not known from its SELECT list."
        raise Stop("columns-unknown", message, "Name each column where the table is made; write no star.", node)
    return temp.columns


def _positions(temp: Temp, listed: Names | None, node: exp.Expr) -> list[int | None]:
    """For each column of the table, which of the inserted columns fills it."""
    names = _columns(temp, node)
    if listed is None:
        return list(range(len(names)))
    asked = [n.casefold() for n in listed]
    if len(set(asked)) != len(asked) or not set(asked) <= {n.casefold() for n in names}:
        message = "The list names a column twice, or one that the table does not have."
        raise Stop("column-list", message, "Name columns of the table, each once.", node)
    missing = [n for n in names if n.casefold() not in asked]
    if any(n.casefold() in temp.needed for n in missing):
        raise Stop("column-list", "A column that must not be NULL is not in the list.", "Name it.", node)
    return [asked.index(n.casefold()) if n.casefold() in asked else None for n in names]


def _fitted(query: exp.Query, temp: Temp, listed: Names | None, node: exp.Expr) -> exp.Query:
    """The query with its columns in the table's order and of its types."""
    names, positions = _columns(temp, node), _positions(temp, listed, node)
    inner = [f"c{i}" for i in range(len(listed) if listed is not None else len(names))]
    alias = exp.TableAlias(this=exp.to_identifier("s"), columns=[exp.to_identifier(n) for n in inner])
    items = []
    for name, position in zip(names, positions, strict=True):
        value: exp.Expr = exp.Null() if position is None else exp.column(inner[position], table="s")
        items.append(_named(stored(value, temp.types[name]) if name in temp.types else value, name))
    return exp.Select(expressions=items, from_=exp.From(this=exp.Subquery(this=query, alias=alias)))


def _rows(values: exp.Values, temp: Temp, listed: Names | None, node: exp.Expr) -> exp.Query:
    """VALUES of constants, each row a SELECT."""
    names, positions = _columns(temp, node), _positions(temp, listed, node)
    width = len(listed) if listed is not None else len(names)
    rows: list[exp.Query] = []
    for row in values.expressions:
        cells = row.expressions if isinstance(row, exp.Tuple) else [row.this if isinstance(row, exp.Paren) else row]
        if len(cells) != width:
            raise Stop("column-list", "A row has not as many values as there are columns.", "Give each a value.", row)
        for cell in cells:
            check_constant(cell)
        items = [exp.Null() if p is None else cells[p] for p in positions]
        typed = [converted(v, temp.types[n]) if n in temp.types else v for n, v in zip(names, items, strict=True)]
        rows.append(exp.Select(expressions=[_named(v, n) for n, v in zip(names, typed, strict=True)]))
    return union(rows, None)


def union(parts: Sequence[exp.Query], mark: str | None) -> exp.Query:
    """UNION ALL of many, as a tree that is not deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    whole = exp.Union(this=union(parts[:half], mark), expression=union(parts[half:], mark), distinct=False)
    if mark:
        whole.meta[mark] = True
    return whole


def _append(temp: Temp, query: exp.Query, temps: Temps, node: exp.Expr) -> None:
    old = temp.definition
    if old is None:
        temps.define(temp.name, query, node, temp)
        return
    seen = temps.seen_by(query)
    if _agree(temp, old, query, seen):
        parts = [*_parts(old.query), query]
        size, depth = temps.weight(query)
        made = replace(
            temp,
            definition=Definition(temp.name, union(parts, INSERTED), {**old.seen, **seen}),
            reads=temp.reads | reads_of(query),
            size=temp.size + size,
            depth=max(temp.depth, depth),
        )
        temps.keep(made, node)
        return
    temps.define(temp.name, union([_whole(temp, node), query], INSERTED), node, temp)


def _agree(temp: Temp, old: Definition, query: exp.Query, seen: dict[str, Definition]) -> bool:
    """Whether one set of names serves what was and what comes: no name has got another meaning in between."""
    plain = _is_plain(old.query) or bool(old.query.meta.get(INSERTED))
    both = temp.reads & reads_of(query)
    return plain and all(old.seen.get(name) is seen.get(name) for name in both)


def _parts(query: exp.Query) -> list[exp.Query]:
    if not query.meta.get(INSERTED):
        return [query]
    return [*_parts(query.this), *_parts(query.expression)]


def _whole(temp: Temp, node: exp.Expr, alias: exp.Expr | None = None) -> exp.Select:
    columns = [_column(n) for n in _columns(temp, node)]
    return exp.Select(expressions=columns, from_=exp.From(this=reference(temp.name, alias)))


def _column(name: str) -> exp.Column:
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


def _named(value: exp.Expr, name: str) -> exp.Alias:
    return exp.Alias(this=value, alias=exp.Identifier(this=name, quoted=True))


def updated(tree: exp.Update, temps: Temps) -> None:
    """UPDATE #t SET c = e WHERE p: each row keeps its columns, and has e for c where p is true."""
    clause = tree.args.get("from_")
    table, alias = _single(tree.this, clause.this if clause is not None else None, tree, temps)
    temp = _target(table, temps, tree)
    values = _assignments(tree, temp, {temp.name.casefold(), (alias.name if alias else "").casefold()})
    where = tree.args.get("where")
    condition = (
        where.this if where is not None else exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(1))
    )
    items: list[exp.Expr] = []
    for name in _columns(temp, tree):
        value = values.get(name.casefold())
        if value is None:
            items.append(_column(name))
            continue
        case = exp.Case(ifs=[exp.If(this=condition.copy(), true=value)], default=_column(name))
        case.meta[CHANGED] = True
        items.append(_named(case, name))
    query = exp.Select(expressions=items, from_=exp.From(this=reference(temp.name, alias)))
    query.set("with_", tree.args.get("with_"))
    temps.define(temp.name, query, tree, temp)


def _assignments(tree: exp.Update, temp: Temp, own: set[str]) -> dict[str, exp.Expr]:
    names = {n.casefold() for n in _columns(temp, tree)}
    found: dict[str, exp.Expr] = {}
    for item in tree.expressions:
        column = item.this if isinstance(item, exp.EQ) else None
        if not isinstance(column, exp.Column) or column.args.get("db"):
            raise Stop("statement", "This UPDATE is not understood.", "Write UPDATE #t SET column = … WHERE ….", item)
        name = column.name.casefold()
        if name not in names or name in found or (column.table and column.table.casefold() not in own):
            message = "SET names a column that the table does not have, or one twice."
            raise Stop("column-list", message, "Name columns of the table, each once.", item)
        found[name] = item.expression
    return found


def deleted(tree: exp.Delete, temps: Temps) -> None:
    """DELETE: the rows where the condition is not true stay."""
    named = tree.args.get("tables") or []
    this = tree.this if isinstance(tree.this, exp.Table) else None
    if len(named) > 1 or not (named or this):
        raise Stop("statement", "This DELETE is not understood.", "Write DELETE FROM #t WHERE ….", tree)
    table, alias = _single(named[0] if named else this, this if named else None, tree, temps)
    temp = _target(table, temps, tree)
    where = tree.args.get("where")
    if where is None:
        left, right = exp.Literal.number(1), exp.Literal.number(0)
        condition = exp.EQ(this=left, expression=right)
    else:
        case = exp.Case(ifs=[exp.If(this=where.this, true=exp.Literal.number(0))], default=exp.Literal.number(1))
        condition = exp.EQ(this=case, expression=exp.Literal.number(1))
    query = _whole(temp, tree, alias)
    query.set("where", exp.Where(this=condition))
    query.set("with_", tree.args.get("with_"))
    temps.define(temp.name, query, tree, temp)


def _single(
    target: exp.Expr | None, source: exp.Expr | None, tree: exp.Expr, temps: Temps
) -> tuple[exp.Table, exp.Expr | None]:
    """The one table of an UPDATE or DELETE, and its alias in FROM."""
    advice = "Write UPDATE #t SET … WHERE …, with values from other tables joined in a SELECT … INTO."
    refused = Stop("statement", "A change of rows by a join is not understood.", advice, tree)
    if _set_arguments(tree) - CHANGE_ARGUMENTS or not isinstance(target, exp.Table):
        raise refused
    if source is None:
        if _set_arguments(target) - {"this", "db", "catalog"}:
            raise refused
        return target, None
    if not isinstance(source, exp.Table) or _set_arguments(source) - {"this", "alias"}:
        raise refused
    alias = source.args.get("alias")
    if alias is not None and _set_arguments(alias) - {"this"}:
        raise refused
    same = name_of(target) == name_of(source) and alias is None
    if not same and (alias is None or target.db or alias.name.casefold() != target.name.casefold()):
        raise refused
    return source, alias


def _target(table: exp.Expr, temps: Temps, tree: exp.Expr) -> Temp:
    """A table that may be changed: one of this text."""
    name = name_of(table) if isinstance(table, exp.Table) else ""
    if not isinstance(table, exp.Table) or (name not in temps.found and not name.startswith("#")):
        word = type(tree).__name__.upper()
        raise Stop("statement", f"{word} changes a table that is not temporary.", "Use a #temp table.", tree)
    return temps.of(table)


def _set_arguments(node: exp.Expr) -> set[str]:
    return {k for k, v in node.args.items() if v}
