"""UPDATE and DELETE of temporary tables, as queries over what the table was before. What has no exact form as a query
is refused with the form to write."""

from sqlglot import exp

from broker.query.refusing import Stop
from broker.query.script.temporary import Temp, Temps, name_of, reference
from broker.query.script.whole import column_of, named, names_in, set_arguments, target_of, whole

CHANGE_ARGUMENTS = frozenset({"this", "expressions", "from_", "where", "with_", "tables"})
CHANGED = "update"
"""Marks a CASE that stands for an UPDATE: T-SQL converts its values to the type of its ELSE."""


def updated(tree: exp.Update, temps: Temps) -> None:
    """UPDATE #t SET c = e WHERE p: each row keeps its columns, and has e for c where p is true."""
    clause = tree.args.get("from_")
    table, alias = _single(tree.this, clause.this if clause is not None else None, tree)
    temp = target_of(table, temps, tree)
    values = _assignments(tree, temp, {temp.name.casefold(), (alias.name if alias else "").casefold()})
    where = tree.args.get("where")
    condition = (
        where.this if where is not None else exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(1))
    )
    items: list[exp.Expr] = []
    for name in names_in(temp, tree):
        value = values.get(name.casefold())
        if value is None:
            items.append(column_of(name))
            continue
        case = exp.Case(ifs=[exp.If(this=condition.copy(), true=value)], default=column_of(name))
        case.meta[CHANGED] = True
        items.append(named(case, name))
    query = exp.Select(expressions=items, from_=exp.From(this=reference(temp.name, alias)))
    query.set("with_", tree.args.get("with_"))
    temps.define(temp.name, query, tree, temp)


def _assignments(tree: exp.Update, temp: Temp, own: set[str]) -> dict[str, exp.Expr]:
    names = {n.casefold() for n in names_in(temp, tree)}
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
    table, alias = _single(named[0] if named else this, this if named else None, tree)
    temp = target_of(table, temps, tree)
    where = tree.args.get("where")
    if where is None:
        left, right = exp.Literal.number(1), exp.Literal.number(0)
        condition = exp.EQ(this=left, expression=right)
    else:
        case = exp.Case(ifs=[exp.If(this=where.this, true=exp.Literal.number(0))], default=exp.Literal.number(1))
        condition = exp.EQ(this=case, expression=exp.Literal.number(1))
    query = whole(temp, tree, alias)
    query.set("where", exp.Where(this=condition))
    query.set("with_", tree.args.get("with_"))
    temps.define(temp.name, query, tree, temp)


def _single(target: exp.Expr | None, source: exp.Expr | None, tree: exp.Expr) -> tuple[exp.Table, exp.Expr | None]:
    """The one table of an UPDATE or DELETE, and its alias in FROM."""
    advice = "Write UPDATE #t SET … WHERE …, with values from other tables joined in a SELECT … INTO."
    refused = Stop("statement", "A change of rows by a join is not understood.", advice, tree)
    if set_arguments(tree) - CHANGE_ARGUMENTS or not isinstance(target, exp.Table):
        raise refused
    if source is None:
        if set_arguments(target) - {"this", "db", "catalog"}:
            raise refused
        return target, None
    if not isinstance(source, exp.Table) or set_arguments(source) - {"this", "alias"}:
        raise refused
    alias = source.args.get("alias")
    if alias is not None and set_arguments(alias) - {"this"}:
        raise refused
    same = name_of(target) == name_of(source) and alias is None
    if not same and (alias is None or target.db or alias.name.casefold() != target.name.casefold()):
        raise refused
    return source, alias
