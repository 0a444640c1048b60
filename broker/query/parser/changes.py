"""UPDATE, DELETE and MERGE of temporary tables, rewritten as queries over their earlier rows and the joined tables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from broker.query.diagnostics import BindError, present_arguments
from broker.query.parser import temporary_tables
from broker.query.parser.column_types import inserted_value
from broker.query.parser.inserts import insert_rows
from broker.query.parser.temporary_tables import TempTable, TempTables
from broker.query.tree_walks import find_nodes, flatten

CHANGE_ARGUMENTS = frozenset({"this", "expressions", "from_", "where", "with_", "tables"})
UPDATE_MARK = "update"
"""Marks a CASE that stands for an UPDATE. T-SQL converts its values to the type of its ELSE."""
MATCH, NUMBER = "matched_row", "row_number"
"""Names of the joined rows, and of the number of each among those that match one row."""


@dataclass(frozen=True, slots=True)
class TableChange:
    """A table that a statement changes. `name`: how the statement names its rows. `joins`: the tables that it joins
    them with, the first without its ON, which is among the `conditions`. `with_unmatched`: rows
    without a match change too."""

    temp: TempTable
    name: str
    joins: tuple[exp.Join, ...]
    conditions: tuple[exp.Expr, ...]
    with_unmatched: bool = False

    @property
    def source(self) -> exp.Table:
        alias = exp.TableAlias(this=exp.Identifier(this=self.name, quoted=True))
        return temporary_tables.table_reference(
            self.temp.name, None if self.name == self.temp.name.casefold() else alias
        )

    def column(self, name: str) -> exp.Column:
        return exp.Column(this=_quoted(name), table=_quoted(self.name))

    def is_own(self, column: exp.Column) -> bool:
        """Whether a column is one of the changed table."""
        if column.table:
            return column.table.casefold() in {self.name, self.temp.name.casefold()}
        return column.name.casefold() in {n.casefold() for n in self.temp.columns or ()}


def _quoted(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=True)


def _refused(tree: exp.Expr, form: str) -> BindError:
    word = type(tree).__name__.upper()
    return BindError("statement", f"This {word} is not understood.", f"Write {form}.", tree)


def change_of(tree: exp.Update | exp.Delete, temps: TempTables) -> TableChange:
    """The table that an UPDATE or DELETE changes, with the tables that it joins."""
    form = (
        "UPDATE t SET … FROM #t AS t JOIN x ON … WHERE …" if isinstance(tree, exp.Update) else "DELETE FROM #t WHERE …"
    )
    if present_arguments(tree) - CHANGE_ARGUMENTS:
        raise _refused(tree, form)
    where = tree.args.get("where")
    conditions = tuple(flatten(where.this, exp.And)) if where is not None else ()
    named, clause = (tree.args.get("tables") or [tree.this])[0], tree.args.get("from_")
    first = clause.this if clause is not None else tree.this if isinstance(tree, exp.Delete) else None
    sources = list(_sources_of(first)) if isinstance(first, exp.Table | exp.Subquery) else []
    if not isinstance(named, exp.Table):
        raise _refused(tree, form)
    place = next((n for n, join in enumerate(sources) if _is_named(join.this, named)), None)
    if place is None:  # FROM has only the other tables
        temp = temporary_tables.change_target(named, temps, tree)
        return _joined(temp, temp.name.casefold(), sources, conditions, tree, form)
    target = sources.pop(place).this if place == 0 else None
    if target is None:
        join = sources.pop(place)
        target = join.this
        conditions += (*(flatten(join.args["on"], exp.And) if join.args.get("on") else ()),)
        if join.side:
            raise _refused(tree, form)
    if target.alias_column_names:
        raise _refused(tree, form)
    temp = temporary_tables.change_target(temporary_tables.without_alias(target), temps, tree)
    return _joined(temp, target.alias_or_name.casefold(), sources, conditions, tree, form)


def _joined(
    temp: TempTable, name: str, joins: Sequence[exp.Join], conditions: tuple[exp.Expr, ...], tree: exp.Expr, form: str
) -> TableChange:
    if not joins:
        return TableChange(temp, name, (), conditions)
    first, *rest = joins
    if first.side not in {"", "LEFT"} or any(j.side not in {"", "LEFT"} for j in rest):
        raise _refused(tree, form)
    on = tuple(flatten(first.args["on"], exp.And)) if first.args.get("on") else ()
    if first.side:
        if isinstance(tree, exp.Delete) or any(not j.side for j in rest):
            raise _refused(tree, form)
        return TableChange(temp, name, (exp.Join(this=first.this), *rest), on, with_unmatched=True)
    return TableChange(temp, name, (exp.Join(this=first.this), *rest), on + conditions)


def _sources_of(first: exp.Expr) -> Iterator[exp.Join]:
    """The tables of a FROM as joins; the parser attaches the others to the first."""
    joins = first.args.get("joins") or []
    first.set("joins", None)
    yield exp.Join(this=first)
    yield from joins


def _is_named(source: exp.Expr, named: exp.Table) -> bool:
    if not isinstance(source, exp.Table):
        return False
    alias, name = source.alias.casefold(), named.name.casefold()
    return alias == name or ((not alias or name.startswith(("#", "@"))) and source.name.casefold() == name)


def rewrite_update(tree: exp.Update, temps: TempTables) -> None:
    """Rewrite UPDATE #t SET c = e WHERE p: each row keeps its columns, except that c is e where p is true. If several
    joined rows match, the first of them gives the values, in the order of its columns: T-SQL takes any of them."""
    change = change_of(tree, temps)
    where = tree.args.get("where")
    values = _assignments(tree.expressions, change, tree)
    own = tuple(flatten(where.this, exp.And)) if change.with_unmatched and where is not None else ()
    if _columns_read(own, change):  # WHERE would choose among the joined rows of one row
        raise _refused(tree, "JOIN instead of LEFT JOIN, or conditions on the changed table alone")
    temps.define(change.temp, _updated(change, values, own, tree), tree)


def _updated(change: TableChange, values: dict[str, exp.Expr], own: Sequence[exp.Expr], tree: exp.Expr) -> exp.Select:
    """The rows of the table with new values. `own`: further conditions, which also read joined rows."""
    query = exp.Select(from_=exp.From(this=change.source))
    conditions = list(change.conditions) if not change.joins else list(own)
    if change.joins:
        read = _columns_read([*values.values(), *own], change)
        matched = _matched_rows(change, read)
        query.set("joins" if isinstance(matched, exp.Join) else "laterals", [matched])
        values = {name: _with_matched(value, change, read) for name, value in values.items()}
        conditions = [_with_matched(c, change, read) for c in conditions]
        if not change.with_unmatched:
            conditions.append(_not_null(_of_match(NUMBER)))
    condition = exp.and_(*conditions) if conditions else _equality(1, 1)  # without WHERE, every row changes
    for name in temporary_tables.column_names(change.temp, tree):
        kept: exp.Expr = change.column(name)
        if name.casefold() in values:
            value = values[name.casefold()]
            if name in change.temp.types:
                value = inserted_value(value, change.temp.types[name])
            kept = exp.Case(ifs=[exp.If(this=condition.copy(), true=value)], default=kept)
            kept.meta[UPDATE_MARK] = True
        query.append("expressions", temporary_tables.aliased(kept, name))
    query.set("with_", tree.args.get("with_"))
    return query


def _equality(left: int, right: int) -> exp.Expr:
    return exp.EQ(this=exp.Literal.number(left), expression=exp.Literal.number(right))


def _not_null(column: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=column, expression=exp.Null()))


ReadColumns = dict[str, exp.Column]
"""Columns of joined rows, by their text."""


def _columns_read(nodes: Sequence[exp.Expr], change: TableChange) -> ReadColumns:
    columns = (c for n in nodes for c in find_nodes(exp.Paren(this=n.copy()), exp.Column))
    return {c.sql().casefold(): c for c in columns if not change.is_own(c)}


def _matched_name(column: exp.Column, read: ReadColumns) -> exp.Column:
    """A column of the matched row, by its place among those that are read."""
    return exp.Column(this=_quoted(f"value{list(read).index(column.sql().casefold()) + 1}"), table=_quoted(MATCH))


def _with_matched(node: exp.Expr, change: TableChange, read: ReadColumns) -> exp.Expr:
    """An expression that reads the columns of the matched row."""

    def replaced(part: exp.Expr) -> exp.Expr:
        return _matched_name(part, read) if isinstance(part, exp.Column) and not change.is_own(part) else part

    return node.copy().transform(replaced)


def _matched_rows(change: TableChange, read: ReadColumns) -> exp.Join | exp.Lateral:
    """The joined rows as one source, with one row at most for each row of the table: the rows numbered within the keys
    of the join, or, if other conditions choose them, the first of an APPLY."""
    pairs, inside, mixed = _split(change)
    items: list[exp.Expr] = [exp.alias_(c.copy(), _matched_name(c, read).name, quoted=True) for c in read.values()]
    query = exp.Select(from_=exp.From(this=change.joins[0].this), joins=list(change.joins[1:]))
    if mixed or not pairs:
        one = exp.alias_(exp.Literal.number(1), NUMBER, quoted=True)
        query.set("expressions", [*items, one])
        query.set("where", exp.Where(this=exp.and_(*change.conditions)) if change.conditions else None)
        query.set("order", exp.Order(expressions=[exp.Ordered(this=c.copy()) for c in read.values()] or [one.this]))
        query.set("limit", exp.Limit(expression=exp.Literal.number(1)))
        return exp.Lateral(this=exp.Subquery(this=query), cross_apply=False, alias=exp.TableAlias(this=_quoted(MATCH)))
    keys = [other for _, other in pairs]
    named = [exp.alias_(k.copy(), f"key{n}", quoted=True) for n, k in enumerate(keys)]
    # a key is the same in all rows that match, and a link key cannot order rows
    order = [exp.Ordered(this=c.copy()) for c in read.values() if c not in keys]
    number: exp.Expr = exp.Literal.number(1)
    if order:
        by = exp.Order(expressions=order)
        number = exp.Window(this=exp.RowNumber(), partition_by=[k.copy() for k in keys], order=by)
    else:
        query.set("distinct", exp.Distinct())
    query.set("expressions", [*named, *items, exp.alias_(number, NUMBER, quoted=True)])
    query.set("where", exp.Where(this=exp.and_(*inside)) if inside else None)
    on = [exp.EQ(this=mine.copy(), expression=_of_match(f"key{n}")) for n, (mine, _) in enumerate(pairs)]
    first = exp.EQ(this=_of_match(NUMBER), expression=exp.Literal.number(1))
    return exp.Join(this=temporary_tables.named_subquery(query, MATCH), side="LEFT", on=exp.and_(*on, first))


def _of_match(name: str) -> exp.Column:
    return exp.Column(this=_quoted(name), table=_quoted(MATCH))


def _split(change: TableChange) -> tuple[list[tuple[exp.Column, exp.Column]], list[exp.Expr], list[exp.Expr]]:
    """Conditions as pairs of equal columns of the table and of joined rows, those on joined rows alone, and others."""
    pairs: list[tuple[exp.Column, exp.Column]] = []
    inside: list[exp.Expr] = []
    mixed: list[exp.Expr] = []
    for condition in change.conditions:
        columns = list(find_nodes(exp.Paren(this=condition.copy()), exp.Column))
        own = [change.is_own(c) for c in columns]
        if not any(own):
            inside.append(condition)
        elif (
            isinstance(condition, exp.EQ)
            and len(columns) == 2
            and sorted(own) == [False, True]
            and all(isinstance(side, exp.Column) for side in (condition.this, condition.expression))
        ):
            mine, other = condition.this, condition.expression
            pairs.append((mine, other) if change.is_own(mine) else (other, mine))
        else:
            mixed.append(condition)
    return pairs, inside, mixed


def _assignments(items: Sequence[exp.Expr], change: TableChange, tree: exp.Expr) -> dict[str, exp.Expr]:
    names = {n.casefold() for n in temporary_tables.column_names(change.temp, tree)}
    found: dict[str, exp.Expr] = {}
    for item in items:
        column = item.this if isinstance(item, exp.EQ) else None
        if not isinstance(column, exp.Column) or column.args.get("db"):
            raise BindError(
                "statement", "This UPDATE is not understood.", "Write UPDATE #t SET column = … WHERE ….", item
            )
        name = column.name.casefold()
        if name not in names or name in found or (column.table and not change.is_own(column)):
            message = "SET names a column twice, or a column that the table does not have."
            raise BindError("column-list", message, "Name columns of the table, each once.", item)
        found[name] = item.expression
    return found


def rewrite_delete(tree: exp.Delete, temps: TempTables) -> None:
    """Rewrite DELETE: rows stay where the condition is not true, or where no joined row matches."""
    change = change_of(tree, temps)
    query = temporary_tables.select_all(change.temp, tree)
    query.set("from_", exp.From(this=change.source))
    query.set("where", exp.Where(this=_stays(change)))
    query.set("with_", tree.args.get("with_"))
    temps.define(change.temp, query, tree)


def _stays(change: TableChange) -> exp.Expr:
    if change.joins and not change.with_unmatched:
        return exp.Not(this=_has_match(change))
    if not change.conditions:
        return _equality(1, 0)  # no row meets it, so all rows go
    # rows for which the condition is unknown stay too, so NOT would be wrong
    arms = [exp.If(this=exp.and_(*change.conditions), true=exp.Literal.number(0))]
    return exp.EQ(this=exp.Case(ifs=arms, default=exp.Literal.number(1)), expression=exp.Literal.number(1))


def _has_match(change: TableChange) -> exp.Expr:
    inner = exp.Select(
        expressions=[exp.Literal.number(1)], from_=exp.From(this=change.joins[0].this), joins=list(change.joins[1:])
    )
    if change.conditions:
        inner.set("where", exp.Where(this=exp.and_(*[c.copy() for c in change.conditions])))
    return exp.Exists(this=inner)


def rewrite_merge(tree: exp.Merge, temps: TempTables) -> None:
    """Rewrite MERGE: rows with a match change or go, rows of the source without a match are added. All conditions see
    the table as it was."""
    target, source = tree.this, tree.args["using"]
    if present_arguments(tree) - {"this", "using", "on", "whens", "with_"} or not isinstance(target, exp.Table):
        raise _refused(tree, "MERGE INTO #t AS t USING x ON … WHEN MATCHED THEN UPDATE SET …")
    temp = temporary_tables.change_target(temporary_tables.without_alias(target), temps, tree)
    change = TableChange(
        temp, target.alias_or_name.casefold(), (exp.Join(this=source),), tuple(flatten(tree.args["on"], exp.And))
    )
    added = exp.Table(this=_quoted(f"{temp.name} added"))
    parts = {key: [w for w in tree.args["whens"].expressions if _kind_of(w) == key] for key in ("match", "new", "old")}
    if len(parts["match"]) > 1 or (parts["match"] and parts["old"]):  # each sees the table as it was
        raise _refused(tree, "one WHEN MATCHED, and DELETE … WHERE NOT EXISTS (…) as a statement of its own")
    for when in parts["new"]:
        temps.define(TempTable(added.name), _added_rows(change, when, tree), tree)
    for when in parts["match"]:
        temps.define(temp, _merged(change, when, tree), tree)
        temp = temps.find(temporary_tables.table_reference(temp.name))
    for when in parts["old"]:
        if not isinstance(when.args["then"], exp.Var) or when.args["then"].name.upper() != "DELETE":
            raise _refused(tree, "WHEN NOT MATCHED BY SOURCE THEN DELETE")
        query = temporary_tables.select_all(temp, tree)
        query.set("from_", exp.From(this=change.source))
        gone = exp.and_(
            exp.Not(this=_has_match(change)), *([when.args["condition"]] if when.args.get("condition") else [])
        )
        arms = [exp.If(this=gone, true=exp.Literal.number(0))]
        stays = exp.EQ(this=exp.Case(ifs=arms, default=exp.Literal.number(1)), expression=exp.Literal.number(1))
        query.set("where", exp.Where(this=stays))
        temps.define(temp, query, tree)
        temp = temps.find(temporary_tables.table_reference(temp.name))
    if parts["new"]:
        names = temporary_tables.column_names(temp, tree)
        rows = exp.Select(expressions=[temporary_tables.quoted_column(n) for n in names], from_=exp.From(this=added))
        insert = exp.Insert(this=temporary_tables.table_reference(temp.name), expression=rows)
        insert_rows(insert, temps)


def _kind_of(when: exp.Expr) -> str:
    if when.args.get("matched"):
        return "match"
    return "old" if when.args.get("source") else "new"


def _merged(change: TableChange, when: exp.Expr, tree: exp.Expr) -> exp.Select:
    own = list(flatten(when.args["condition"], exp.And)) if when.args.get("condition") else []
    then = when.args["then"]
    if isinstance(then, exp.Update):
        return _updated(change, _assignments(then.expressions, change, tree), own, tree)
    query = temporary_tables.select_all(change.temp, tree)
    query.set("from_", exp.From(this=change.source))
    query.set("where", exp.Where(this=_stays(replace(change, conditions=(*change.conditions, *own)))))
    return query


def _added_rows(change: TableChange, when: exp.Expr, tree: exp.Expr) -> exp.Select:
    """The rows of the source without a match, with the columns of the table."""
    then = when.args["then"]
    if not isinstance(then, exp.Insert) or not isinstance(then.expression, exp.Tuple):
        raise _refused(tree, "WHEN NOT MATCHED THEN INSERT (columns) VALUES (…)")
    names = temporary_tables.column_names(change.temp, tree)
    listed = [i.name for i in then.this.expressions] if isinstance(then.this, exp.Tuple) else list(names)
    if len(listed) != len(then.expression.expressions):
        raise BindError("column-list", "The list of columns does not match the values.", "Give each a value.", tree)
    values = dict(zip((n.casefold() for n in listed), then.expression.expressions, strict=True))
    items = [temporary_tables.aliased(values.get(n.casefold(), exp.Null()).copy(), n) for n in names]
    inner = exp.Select(
        expressions=[exp.Literal.number(1)], from_=exp.From(this=change.source),
        where=exp.Where(this=exp.and_(*[c.copy() for c in change.conditions])),
    )  # fmt: skip
    conditions = [exp.Not(this=exp.Exists(this=inner))]
    conditions += [when.args["condition"].copy()] if when.args.get("condition") else []
    source = change.joins[0].this.copy()
    return exp.Select(expressions=items, from_=exp.From(this=source), where=exp.Where(this=exp.and_(*conditions)))
