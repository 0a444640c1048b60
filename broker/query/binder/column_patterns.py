"""Items of a SELECT list that stand for several columns: DuckDB's COLUMNS(…), and a list of quantiles."""

import re

from sqlglot import exp

from broker.query.binder.bind_state import ClauseBinder
from broker.query.binder.select_clauses import star_columns
from broker.query.diagnostics import BindError
from broker.query.operations.text_operations import plain_pattern
from broker.query.tree_walks import find_nodes

MOST_ITEMS = 500
ADVICE = "Write COLUMNS('KS4_.*'), COLUMNS(['a', 'b']) or COLUMNS(* EXCLUDE (a))."


def with_columns_written_out(select: exp.Select, expression_binder: ClauseBinder) -> exp.Select:
    """A SELECT whose items have no COLUMNS(…) and no list of quantiles. Raises BindError for a COLUMNS that names no
    column."""
    if not any(item.find(exp.Columns) or _quantiles_of(item) for item in select.expressions):
        return select
    items = [found for item in select.expressions for found in _written_out(item, expression_binder)]
    if len(items) > MOST_ITEMS:
        raise BindError("star", f"COLUMNS makes more than {MOST_ITEMS} columns.", "Name fewer.", select)
    made = select.copy()
    made.set("expressions", items)
    made.parent = select.parent  # refusals find their position through the parent
    return made


QUANTILES: dict[type[exp.Expr], str] = {
    exp.Quantile: "quantile", exp.PercentileCont: "expression", exp.PercentileDisc: "expression",
}  # fmt: skip
"""Functions that take a list of fractions, and the argument that it is."""
AS_COLUMNS = "A list of quantiles is one column for each of them here."


def _quantiles_of(item: exp.Expr) -> list[exp.Expr]:
    """The fractions of an item that is a list of quantiles."""
    value = item.unalias()
    fractions = value.args.get(QUANTILES[type(value)]) if type(value) in QUANTILES else None
    return list(fractions.expressions) if isinstance(fractions, exp.Array) else []


def _one_of_quantiles(item: exp.Expr, number: int, fraction: exp.Expr) -> exp.Expr:
    value = item.unalias().copy()
    value.set(QUANTILES[type(value)], fraction.copy())
    made = exp.alias_(value, f"{item.alias or 'quantile'}_{number}", quoted=True, copy=False)
    made.parent, made.arg_key = item.parent, item.arg_key
    return made


def _written_out(item: exp.Expr, expression_binder: ClauseBinder) -> list[exp.Expr]:
    fractions = _quantiles_of(item)
    if fractions:
        expression_binder.advise(AS_COLUMNS)
        return [_one_of_quantiles(item, number, f) for number, f in enumerate(fractions, 1)]
    patterns = list(find_nodes(item, exp.Columns))
    if not patterns:
        return [item]
    if any(p != patterns[0] for p in patterns):
        raise BindError("star", "An item has two different COLUMNS.", "Write two items.", item)
    names = _names_of(patterns[0], expression_binder)
    if not names:
        raise BindError("star", "COLUMNS matches no column of the granted ones.", "Check the pattern.", patterns[0])
    return [_item_of(item, name, alias) for name, alias in names]


def _names_of(columns: exp.Columns, expression_binder: ClauseBinder) -> list[tuple[str, "re.Match[str] | None"]]:
    """The columns that COLUMNS names, with the match of its pattern."""
    named = columns.this
    if isinstance(named, exp.Array) and all(isinstance(n, exp.Literal) for n in named.expressions):
        return [(n.name, None) for n in named.expressions]
    star = named if isinstance(named, exp.Star) else exp.Star()
    star.parent = columns
    spelling = expression_binder.binder.original_spelling
    names = [spelling.get(name, name) for name in star_columns(star, expression_binder) or {}]
    if isinstance(named, exp.Star):
        return [(name, None) for name in names]
    matcher = plain_pattern(named.name) if isinstance(named, exp.Literal) and named.is_string else None
    if matcher is None:
        raise BindError("star", "This COLUMNS is not understood.", ADVICE, columns)
    return [(name, found) for name in names if (found := matcher.search(name)) is not None]


def _item_of(item: exp.Expr, name: str, found: "re.Match[str] | None") -> exp.Expr:
    """The item with one column in the place of COLUMNS. Its name is the alias, with the groups of the match."""
    alias = item.alias if isinstance(item, exp.Alias) else name
    if found is not None and "\\" in alias:
        for number in range(found.re.groups + 1):
            alias = alias.replace(f"\\{number}", found.group(number) or "")

    def replaced(node: exp.Expr) -> exp.Expr:
        return _column(name, node) if isinstance(node, exp.Columns) else node

    value = (item.this if isinstance(item, exp.Alias) else item).copy().transform(replaced)
    made = exp.alias_(value, alias, quoted=True, copy=False)
    made.parent, made.arg_key = item.parent, item.arg_key
    return made


def _column(name: str, node: exp.Expr) -> exp.Column:
    made = exp.column(name, quoted=True)
    made.this.meta.update({"start": node.meta["start"]} if "start" in node.meta else {})
    return made
