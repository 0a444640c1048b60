"""Rewrites of DuckDB's lists before binding: a function of a collected list is the aggregate that it stands for, a
subscript of several quantiles is one quantile, and UNNEST of a written list is one row for each value."""

from collections.abc import Callable

from sqlglot import exp

from broker.query.diagnostics import present_arguments
from broker.query.tree_walks import find_nodes

OF_LISTS: dict[str, Callable[[exp.Expr], exp.Expr]] = {
    "AVG": lambda x: exp.Avg(this=x),
    "SUM": lambda x: exp.Sum(this=x),
    "MIN": lambda x: exp.Min(this=x),
    "MAX": lambda x: exp.Max(this=x),
    "MEDIAN": lambda x: exp.Median(this=x),
    "MODE": lambda x: exp.Mode(this=x),
    "BOOL_OR": lambda x: exp.LogicalOr(this=x),
    "BOOL_AND": lambda x: exp.LogicalAnd(this=x),
    "STDDEV_SAMP": lambda x: exp.StddevSamp(this=x),
    "STDDEV_POP": lambda x: exp.StddevPop(this=x),
    "VAR_SAMP": lambda x: exp.Variance(this=x),
    "VAR_POP": lambda x: exp.VariancePop(this=x),
}
"""Aggregates of a list's values, by the name that follows `list_`."""
BY_CLASS: dict[type[exp.Expr], str] = {exp.ArrayMin: "MIN", exp.ArrayMax: "MAX"}
ELEMENTS: dict[str, type[exp.Expr]] = {"LIST_FIRST": exp.First, "LIST_LAST": exp.Last}
SUBSCRIPTS = frozenset({"LIST_EXTRACT", "LIST_ELEMENT", "ARRAY_EXTRACT"})
QUANTILES = (exp.PercentileCont, exp.PercentileDisc, exp.Quantile)


def rewrite_lists(tree: exp.Expr) -> None:
    for node in reversed(list(find_nodes(tree, exp.Expr))):  # inner lists first
        found = _rewritten(node)
        if found is not None:
            found.meta.update(node.meta)
            node.replace(found)


def _rewritten(node: exp.Expr) -> exp.Expr | None:
    """What a node stands for; None if it is nothing of a list."""
    match node:
        case exp.IgnoreNulls(this=exp.AnyValue() as choice):  # the parser's own mark
            return choice
        case exp.In() if isinstance(node.args.get("field"), exp.Array):
            return exp.In(this=node.this, expressions=node.args["field"].expressions)
        case exp.EQ(expression=exp.Any(this=exp.Paren(this=exp.Array(expressions=[_, *_] as values)))):
            return exp.In(this=node.this, expressions=values)
        case exp.Select() if node.args.get("from_") is None:
            return _written_rows(node)
        case exp.Unnest(expressions=[exp.Array(expressions=[_, *_] as values)]) if _names_values_alone(node):
            return _one_a_row(values, node.args["alias"].copy())
        case exp.Bracket():
            return _subscripted(node)
        case exp.ArrayContains():
            return _contained(node)
        case exp.Length() | exp.ArraySize():
            return _counted(node)
        case exp.ArrayMin() | exp.ArrayMax():
            return _of_values(BY_CLASS[type(node)], node.this)
        case exp.Anonymous(expressions=[inner, *more]):
            return _named(node.name.upper(), inner, more)
    return None


def _named(name: str, items: exp.Expr, more: list[exp.Expr]) -> exp.Expr | None:
    """A list's function that the parser has no class for."""
    match name, more:
        case (("LIST_AGGREGATE" | "LIST_AGGR" | "ARRAY_AGGREGATE"), [exp.Literal(is_string=True) as function]):
            return _of_values(function.name.upper(), items)
        case _, [exp.Literal(is_string=False, this="1")] if name in SUBSCRIPTS:
            return _one_of(exp.First, items)
        case "LIST_UNIQUE", []:
            return _different(items)
        case _, [] if name in ELEMENTS:
            return _one_of(ELEMENTS[name], items)
        case _, [] if name.startswith("LIST_"):
            return _of_values(name.removeprefix("LIST_"), items)
    return None


def _collected(node: exp.Expr) -> tuple[exp.Expr, Callable[[exp.Expr], exp.Expr]] | None:
    """The argument of LIST(x), and what puts its FILTER around an aggregate; None for anything else."""
    inner = node.unnest()
    if isinstance(inner, exp.Filter) and isinstance(inner.this, exp.ArrayAgg):
        where = inner.expression
        return inner.this.this, lambda aggregate: exp.Filter(this=aggregate, expression=where.copy())
    return (inner.this, lambda aggregate: aggregate) if isinstance(inner, exp.ArrayAgg) else None


def _unordered(node: exp.Expr) -> tuple[exp.Expr, Callable[[exp.Expr], exp.Expr]] | None:
    """The same without an order. A text with one is refused: the order changes no figure, but it reads variables."""
    found = _collected(node)
    return None if found is None or isinstance(found[0], exp.Order) else found


def _of_values(function: str, items: exp.Expr) -> exp.Expr | None:
    found = _unordered(items)
    if found is None or function not in OF_LISTS:
        return None
    argument, filtered = found
    return filtered(OF_LISTS[function](argument))


def _one_of(choice: type[exp.Expr], items: exp.Expr) -> exp.Expr | None:
    found = _collected(items)
    return None if found is None else found[1](choice(this=found[0]))


def _subscripted(node: exp.Bracket) -> exp.Expr | None:
    """The first or last value of a list, or one of several quantiles. None for any other subscript."""
    inner = node.this.unnest()
    match node.expressions:
        case [exp.Literal(is_string=False, this="1")] if _collected(inner) is not None:
            return _one_of(exp.First, inner)
        case [exp.Neg(this=exp.Literal(is_string=False, this="1"))]:
            return _one_of(exp.Last, inner)
        case [exp.Literal(is_string=False) as place] if place.name.isdigit():
            return _one_quantile(inner.copy(), int(place.name))
    return None


def _one_quantile(whole: exp.Expr, place: int) -> exp.Expr | None:
    """An aggregate of which the list of fractions is replaced by one of them. None if it has no such list."""
    quantile = whole
    while isinstance(quantile, exp.Filter | exp.WithinGroup):
        quantile = quantile.this
    if not isinstance(quantile, QUANTILES):
        return None
    key = next((k for k in ("quantile", "expression", "this") if isinstance(quantile.args.get(k), exp.Array)), "")
    fractions = quantile.args[key].expressions if key else []
    if not 1 <= place <= len(fractions):
        return None
    quantile.set(key, fractions[place - 1].copy())
    return whole


def _contained(node: exp.ArrayContains) -> exp.Expr | None:
    """Whether a value is in a list, which is false where only missing values are."""
    if isinstance(node.this, exp.Array) and all(isinstance(v, exp.Literal) for v in node.this.expressions):
        return exp.In(this=node.expression, expressions=node.this.expressions)
    found = _unordered(node.this)
    if found is None or not isinstance(node.expression, exp.Literal | exp.Neg):
        return None
    argument, filtered = found
    equal = exp.EQ(this=argument, expression=node.expression)
    return filtered(exp.LogicalOr(this=exp.Coalesce(this=equal, expressions=[exp.false()])))


def _counted(node: exp.Expr) -> exp.Expr | None:
    """The length of a list: missing values count, and no row gives NULL. With GROUP BY there is a row."""
    if isinstance(node.this, exp.ArrayDistinct):
        return _different(node.this.this)
    found = _unordered(node.this)
    if found is None or isinstance(found[0], exp.Distinct):
        return None
    argument, filtered = found
    is_missing = exp.Is(this=argument, expression=exp.Null())
    if _is_of_some_rows(node.this):
        return exp.Count(this=is_missing)  # true or false, and so never missing
    one = exp.Literal.number(1)
    return filtered(exp.Sum(this=exp.Case(ifs=[exp.If(this=is_missing, true=one)], default=one.copy())))


def _is_of_some_rows(items: exp.Expr) -> bool:
    """Whether a list has a row: of a group of GROUP BY, without FILTER."""
    select = items.find_ancestor(exp.Select)
    is_grouped = select is not None and select.args.get("group") is not None
    return is_grouped and isinstance(items.unnest(), exp.ArrayAgg)


def _different(items: exp.Expr) -> exp.Expr | None:
    """How many different values a list has, without missing ones."""
    found = _unordered(items)
    if found is None or isinstance(found[0], exp.Distinct) or not _is_of_some_rows(items):
        return None
    return exp.Count(this=exp.Distinct(expressions=[found[0]]))


def _written_rows(select: exp.Select) -> exp.Expr | None:
    """SELECT UNNEST([a, b]) AS k as SELECT k FROM (VALUES (a), (b)). None for any other SELECT."""
    match [item.unalias() for item in select.expressions]:
        case [exp.Explode(this=exp.Array(expressions=[_, *_] as values))]:
            name = exp.to_identifier(select.expressions[0].alias or "unnest")
            alias = exp.TableAlias(this=exp.to_identifier("written_list"), columns=[name.copy()])
            return exp.Select(
                expressions=[exp.Column(this=name.copy())], from_=exp.From(this=_one_a_row(values, alias))
            )
    return None


def _names_values_alone(node: exp.Unnest) -> bool:
    """Whether the rows of a list have a name for its values, and nothing beside them."""
    return bool(node.alias_column_names) and present_arguments(node) <= {"expressions", "alias"}


def _one_a_row(values: list[exp.Expr], alias: exp.TableAlias) -> exp.Values:
    return exp.Values(expressions=[exp.Tuple(expressions=[v.copy()]) for v in values], alias=alias)
