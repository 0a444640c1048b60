"""A temporary table as a statement that changes it finds it: the one that is meant, its columns, all of its rows."""

from sqlglot import exp

from broker.query.refusing import Stop
from broker.query.script.columns import Names
from broker.query.script.temporary import Temp, Temps, name_of, reference


def target_of(table: exp.Expr, temps: Temps, tree: exp.Expr) -> Temp:
    """A table that may be changed: one of this text."""
    name = name_of(table) if isinstance(table, exp.Table) else ""
    if not isinstance(table, exp.Table) or (name not in temps.found and not name.startswith("#")):
        word = type(tree).__name__.upper()
        raise Stop("statement", f"{word} changes a table that is not temporary.", "Use a #temp table.", tree)
    return temps.of(table)


def set_arguments(node: exp.Expr) -> set[str]:
    return {k for k, v in node.args.items() if v}


def names_in(temp: Temp, node: exp.Expr) -> Names:
    if temp.columns is None:
        message = "The columns of this temporary table are not known from its SELECT list."
        raise Stop("columns-unknown", message, "Name each column where the table is made; write no star.", node)
    return temp.columns


def whole(temp: Temp, node: exp.Expr, alias: exp.Expr | None = None) -> exp.Select:
    columns = [column_of(n) for n in names_in(temp, node)]
    return exp.Select(expressions=columns, from_=exp.From(this=reference(temp.name, alias)))


def column_of(name: str) -> exp.Column:
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


def named(value: exp.Expr, name: str) -> exp.Alias:
    return exp.Alias(this=value, alias=exp.Identifier(this=name, quoted=True))
