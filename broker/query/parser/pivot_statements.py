"""Rewrites DuckDB's statements PIVOT … ON … USING … and UNPIVOT … ON … INTO … as SELECTs."""

from itertools import product
from math import prod

from sqlglot import exp

from broker.domain.plans.scalars import Value
from broker.query.diagnostics import BindError
from broker.query.parser.temporary_tables import query_columns
from broker.query.tree_walks import find_nodes, flatten

MOST_COLUMNS = 500
LISTED = "Write the values: PIVOT … ON x IN ('a', 'b')."
SOURCE = "pivoted"
AROUND = ("order", "limit", "offset")
"""Clauses that may follow a PIVOT as they follow a SELECT."""


def write_pivots_out(tree: exp.Expr) -> exp.Expr:
    """Return the tree with a SELECT for each of these statements, wherever it stands. Raises BindError for one whose
    columns the text does not tell: columns from the data would show which values occur."""
    for pivot in reversed(list(find_nodes(tree, exp.Pivot))):  # inner ones first
        if pivot.arg_key == "pivots":  # PIVOT after a table of FROM is another form
            continue
        made = _unpivoted(pivot) if pivot.args.get("unpivot") else _pivoted(pivot)
        for clause in AROUND:
            made.set(clause, pivot.args.get(clause))
        if pivot is tree:
            return made
        pivot.replace(made)
    return tree


def _pivoted(pivot: exp.Pivot) -> exp.Select:
    """SELECT keys, AGG(x) FILTER (WHERE c = v) AS v … GROUP BY keys."""
    values = [_values_of(on, pivot) for on in pivot.expressions]
    aggregates = pivot.args.get("using") or [exp.Count(this=exp.Star())]
    if prod(map(len, values)) * len(aggregates) > MOST_COLUMNS:
        raise BindError("pivot", f"PIVOT makes more than {MOST_COLUMNS} columns.", "Name fewer values.", pivot)
    chosen, group = list(product(*values)), pivot.args.get("group")
    keys = group.expressions if group is not None else _other_columns(pivot, aggregates)
    columns = [_column(conditions, a, len(aggregates) > 1) for conditions in chosen for a in aggregates]
    select = exp.Select(expressions=[*(k.copy() for k in keys), *columns], from_=exp.From(this=_source(pivot)))
    if keys:
        select.set("group", exp.Group(expressions=[k.copy() for k in keys]))
    return select


def _column(conditions: tuple[tuple[exp.Expr, exp.Expr], ...], aggregate: exp.Expr, several: bool) -> exp.Expr:
    """One column of the result. It has the names of its values, and that of the aggregate if this has one."""
    names = [value.name for _, value in conditions]
    if isinstance(aggregate, exp.Alias):
        names.append(aggregate.alias)
    elif several:
        raise BindError("pivot", "PIVOT has several aggregates without names.", "Write sum(x) AS total.", aggregate)
    tests = [exp.EQ(this=column.copy(), expression=value.copy()) for column, value in conditions]
    filtered = exp.Filter(this=aggregate.unalias().copy(), expression=exp.Where(this=exp.and_(*tests, copy=False)))
    return exp.alias_(filtered, "_".join(names), quoted=True)


def _values_of(on: exp.Expr, pivot: exp.Pivot) -> list[tuple[exp.Expr, exp.Expr]]:
    """The column of ON with each of its values: those of its IN, or those that the WHERE of the source leaves."""
    column = on.this if isinstance(on, exp.In) else on
    values = on.expressions if isinstance(on, exp.In) else _left_by_where(column, pivot.this)
    if not isinstance(column, exp.Column) or not values or not all(isinstance(v, exp.Literal) for v in values):
        raise BindError("pivot", "PIVOT needs the values of its columns.", LISTED, on)
    return [(column, value) for value in values]


def _left_by_where(column: exp.Expr, source: exp.Expr) -> list[exp.Expr]:
    """The values that a source can have in a column, in order: WHERE c IN (…), or c = …, on the column itself."""
    select = source.this if isinstance(source, exp.Subquery) else None
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    if select is None or where is None:
        return []
    shown = next(
        (i.unalias() for i in select.expressions if i.alias_or_name.casefold() == column.name.casefold()), None
    )
    for test in flatten(where.this, exp.And):
        if isinstance(test, exp.In | exp.EQ) and isinstance(test.this, exp.Column) and test.this == shown:
            found = test.expressions if isinstance(test, exp.In) else [test.expression]
            return sorted({v.name: v for v in found}.values(), key=_order)
    return []


def _order(value: exp.Expr) -> tuple[bool, float, Value]:
    is_number = isinstance(value, exp.Literal) and not value.is_string
    return is_number, float(value.name) if is_number else 0.0, value.name


def _other_columns(pivot: exp.Pivot, aggregates: list[exp.Expr]) -> list[exp.Expr]:
    """Without GROUP BY, every column that PIVOT does not read is a key."""
    source = pivot.this
    names = query_columns(source.this, lambda _: None) if isinstance(source, exp.Subquery) else None
    if names is None:
        raise BindError("pivot", "PIVOT needs GROUP BY, or a query with named columns.", "Add GROUP BY.", pivot)
    read = {c.name.casefold() for part in (*pivot.expressions, *aggregates) for c in find_nodes(part, exp.Column)}
    return [exp.column(n) for n in names if n.casefold() not in read]


def _source(pivot: exp.Pivot) -> exp.Expr:
    source: exp.Expr = pivot.this
    if isinstance(source, exp.Subquery) and not source.alias:
        source.set("alias", exp.TableAlias(this=exp.to_identifier(SOURCE)))
    return source


def _unpivoted(pivot: exp.Pivot) -> exp.Select:
    """SELECT * EXCLUDE (a, b), v.name, v.value FROM t, LATERAL (VALUES ('a', t.a), …) AS v, without missing values."""
    into, columns = pivot.args.get("into"), pivot.expressions
    if into is None or len(into.expressions) != 1 or not all(isinstance(c, exp.Column) for c in columns):
        advice = "Write UNPIVOT t ON a, b INTO NAME n VALUE v."
        raise BindError("pivot", "UNPIVOT needs columns and two new names.", advice, pivot)
    source = _source(pivot)
    name, value = into.this.name, into.expressions[0].name
    rows = [
        exp.Tuple(expressions=[exp.Literal.string(c.name), exp.column(c.name, table=source.alias_or_name)])
        for c in columns
    ]
    alias = exp.TableAlias(this=exp.to_identifier("unpivoted"), columns=[exp.to_identifier(n) for n in (name, value)])
    made = exp.Lateral(this=exp.Subquery(this=exp.Values(expressions=rows)), alias=alias)
    kept = exp.Star(except_=[exp.to_identifier(c.name) for c in columns])
    shown = [exp.column(n, table="unpivoted") for n in (name, value)]
    present = exp.Not(this=exp.Is(this=shown[1].copy(), expression=exp.Null()))
    return exp.Select(
        expressions=[exp.Column(this=kept, table=exp.to_identifier(source.alias_or_name)), *shown],
        from_=exp.From(this=source), joins=[exp.Join(this=made)], where=exp.Where(this=present),
    )  # fmt: skip
