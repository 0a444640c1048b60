"""CREATE TABLE and INSERT of temporary tables, as queries over what the table was before. What has no exact form as a
query is refused with the form to write."""

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from broker.query.refusing import Stop
from broker.query.script.columns import Names
from broker.query.script.declared import check_constant, converted, declared_type, stored
from broker.query.script.temporary import Definition, Temp, Temps, reads_of
from broker.query.script.whole import named, names_in, set_arguments, target_of, whole

INSERT_ARGUMENTS = frozenset({"this", "expression", "with_"})
PLAIN = frozenset({"expressions", "from_", "joins", "where", "group", "having", "distinct"})
INSERTED = "insert"
"""Marks, in `meta`, a UNION ALL that stands for an INSERT: T-SQL converts the second side to the types of the first."""


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
    temp = target_of(target, temps, tree)
    listed = tuple(i.name for i in tree.this.expressions) if isinstance(tree.this, exp.Schema) else None
    source = tree.expression
    if set_arguments(tree) - INSERT_ARGUMENTS or set_arguments(target) - {"this"} or source is None:
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
    return isinstance(query, exp.Select) and set_arguments(query) <= PLAIN


def _positions(temp: Temp, listed: Names | None, node: exp.Expr) -> list[int | None]:
    """For each column of the table, which of the inserted columns fills it."""
    names = names_in(temp, node)
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
    names, positions = names_in(temp, node), _positions(temp, listed, node)
    inner = [f"c{i}" for i in range(len(listed) if listed is not None else len(names))]
    alias = exp.TableAlias(this=exp.to_identifier("s"), columns=[exp.to_identifier(n) for n in inner])
    items = []
    for name, position in zip(names, positions, strict=True):
        value: exp.Expr = exp.Null() if position is None else exp.column(inner[position], table="s")
        items.append(named(stored(value, temp.types[name]) if name in temp.types else value, name))
    return exp.Select(expressions=items, from_=exp.From(this=exp.Subquery(this=query, alias=alias)))


def _rows(values: exp.Values, temp: Temp, listed: Names | None, node: exp.Expr) -> exp.Query:
    """VALUES of constants, each row a SELECT."""
    names, positions = names_in(temp, node), _positions(temp, listed, node)
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
        rows.append(exp.Select(expressions=[named(v, n) for n, v in zip(names, typed, strict=True)]))
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
    temps.define(temp.name, union([whole(temp, node), query], INSERTED), node, temp)


def _agree(temp: Temp, old: Definition, query: exp.Query, seen: dict[str, Definition]) -> bool:
    """Whether one set of names serves what was and what comes: no name has got another meaning in between."""
    plain = _is_plain(old.query) or bool(old.query.meta.get(INSERTED))
    both = temp.reads & reads_of(query)
    return plain and all(old.seen.get(name) is seen.get(name) for name in both)


def _parts(query: exp.Query) -> list[exp.Query]:
    if not query.meta.get(INSERTED):
        return [query]
    return [*_parts(query.this), *_parts(query.expression)]
