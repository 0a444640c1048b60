"""PIVOT over written values, and UNPIVOT, as the SELECT that they stand for. Trees to trees; no meaning."""

from sqlglot import exp

from broker.query.refusing import Stop
from broker.query.scalars.meaning import check_arguments

UNDERSTOOD = frozenset(
    {"expressions", "fields", "alias", "columns", "pivot_column_naming", "prefixed_pivot_columns",
     "identify_pivot_strings", "default_on_null", "unpivot"}
)  # fmt: skip
WRITTEN = "Write SUM(CASE WHEN … THEN 1 ELSE 0 END) for each column."


def rewritten(node: exp.Expr) -> exp.Expr:
    """A source with PIVOT as a derived table: (SELECT keys, AGG(CASE WHEN c = v THEN x END) AS v … GROUP BY keys)."""
    pivots = node.args["pivots"]
    if len(pivots) != 1 or not isinstance(node, exp.Subquery):
        raise Stop("pivot", "PIVOT is understood over one derived table.", WRITTEN, node)
    (pivot,) = pivots
    inner = node.this
    if not isinstance(inner, exp.Select) or any(not n for n in inner.named_selects) or inner.is_star:
        raise Stop("pivot", "PIVOT needs a derived table whose columns are named.", WRITTEN, node)
    if pivot.args.get("unpivot"):
        return _unpivoted(node, pivot, inner)
    check_arguments(pivot, UNDERSTOOD)
    (aggregate,), (field,) = _one(pivot.expressions, pivot), _one(pivot.args["fields"], pivot)
    if not isinstance(field, exp.In) or not isinstance(field.this, exp.Column):
        raise Stop("pivot", "PIVOT is understood FOR column IN (written values).", WRITTEN, pivot)
    if not isinstance(aggregate, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max) or not isinstance(
        aggregate.this, exp.Column
    ):
        raise Stop("pivot", "PIVOT aggregates one column.", WRITTEN, pivot)
    source = node.alias or "source_of_pivot"
    spent = {field.this.name.casefold(), aggregate.this.name.casefold()}
    keys = [exp.column(n, table=source) for n in inner.named_selects if n.casefold() not in spent]
    shown = [_pivoted(aggregate, field.this, v) for v in field.expressions]
    select = exp.Select(expressions=[*[exp.alias_(k, k.name, quoted=True) for k in keys], *shown])
    select.set("from_", exp.From(this=exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(source)))))
    if keys:
        select.set("group", exp.Group(expressions=[k.copy() for k in keys]))
    alias = pivot.args.get("alias") or exp.TableAlias(this=exp.to_identifier(source))
    return _placed(exp.Subquery(this=select, alias=alias), node)


def _one(items: list[exp.Expr], node: exp.Expr) -> list[exp.Expr]:
    if len(items) != 1:
        raise Stop("pivot", "PIVOT takes one aggregate and one column.", WRITTEN, node)
    return items


def _pivoted(aggregate: exp.Expr, column: exp.Expr, value: exp.Expr) -> exp.Expr:
    """One column of the result: T-SQL writes its value as a name, DuckDB as a literal."""
    inner = value.this if isinstance(value, exp.Alias | exp.PivotAlias) else value
    name = value.alias if isinstance(value, exp.Alias | exp.PivotAlias) else inner.name
    if isinstance(inner, exp.Column):
        inner = exp.Literal.string(inner.name)
    if not isinstance(inner, exp.Literal):
        raise Stop("pivot", "PIVOT takes written values.", WRITTEN, value)
    condition = exp.EQ(this=column.copy(), expression=inner.copy())
    case = exp.Case(ifs=[exp.If(this=condition, true=aggregate.this.copy())])
    return exp.alias_(type(aggregate)(this=case), name, quoted=True)


def _unpivoted(node: exp.Subquery, pivot: exp.Expr, inner: exp.Select) -> exp.Expr:
    """UNPIVOT (value FOR name IN (a, b)): a branch for each column, without those whose value is missing."""
    (value,), (field,) = _one(pivot.expressions, pivot), _one(pivot.args["fields"], pivot)
    if not isinstance(field, exp.In) or not all(isinstance(c, exp.Column) for c in field.expressions):
        raise Stop("pivot", "UNPIVOT is understood FOR name IN (columns).", "Write CROSS APPLY (VALUES …).", pivot)
    source = node.alias or "source_of_pivot"
    spent = {c.name.casefold() for c in field.expressions}
    keys = [n for n in inner.named_selects if n.casefold() not in spent]
    branches: list[exp.Expr] = []
    for column in field.expressions:
        shown = [exp.alias_(exp.column(k, table=source), k, quoted=True) for k in keys]
        shown.append(exp.alias_(exp.Literal.string(column.name), field.this.name, quoted=True))
        shown.append(exp.alias_(exp.column(column.name, table=source), value.name, quoted=True))
        select = exp.Select(expressions=shown)
        select.set(
            "from_",
            exp.From(this=exp.Subquery(this=inner.copy(), alias=exp.TableAlias(this=exp.to_identifier(source)))),
        )
        present = exp.Not(this=exp.Is(this=exp.column(column.name, table=source), expression=exp.Null()))
        select.set("where", exp.Where(this=present))
        branches.append(select)
    union = branches[0]
    for branch in branches[1:]:
        union = exp.Union(this=union, expression=branch, distinct=False)
    alias = pivot.args.get("alias") or exp.TableAlias(this=exp.to_identifier(source))
    return _placed(exp.Subquery(this=union, alias=alias), node)


def _placed(made: exp.Expr, node: exp.Expr) -> exp.Expr:
    """Refusals find their place through the parent."""
    made.parent = node.parent
    return made
