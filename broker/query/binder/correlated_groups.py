"""Subqueries alongside groups that read the outer groups: (SELECT SUM(n) FROM t WHERE t.k = o.k) becomes a join with
the groups of t by k."""

from sqlglot import exp

from broker.query.binder.grouped_expressions import is_aggregate, is_grouped
from broker.query.tree_walks import find_nodes, flatten

PLAIN = frozenset({"expressions", "from_", "joins", "where"})


def with_joined_groups(select: exp.Select, outer_names: set[str]) -> exp.Select | None:
    """A SELECT over groups in which each of these subqueries is a column of a join; None if it has none. Other
    subqueries stay, and are refused later if they read outer columns."""
    # the column of a join would be no key, and would be a column of a star
    if is_grouped(select) or any(item.is_star for item in select.expressions):
        return None
    made = select.copy()
    made.parent = select.parent  # refusals find their position through the parent
    changed = False
    clauses = [*made.expressions, *(c for k in ("where", "order") if (c := made.args.get(k)) is not None)]
    for node in [n for clause in clauses for n in list(find_nodes(clause, exp.Subquery))]:
        name = f"subquery_{len(made.args.get('joins') or ()) + 1}"
        if node.find_ancestor(exp.Select) is made and (join := _join_of(node, name, outer_names)) is not None:
            made.append("joins", join)
            node.replace(_value(node, name))
            changed = True
    return made if changed else None


def _value(node: exp.Subquery, name: str) -> exp.Expr:
    """A count of no rows is 0, and every other aggregate of no rows is missing."""
    value = exp.column("value", table=name)
    (item,) = node.this.expressions
    return exp.Coalesce(this=value, expressions=[exp.Literal.number(0)]) if _is_count(item.unalias()) else value


def _is_count(item: exp.Expr) -> bool:
    return isinstance(item.this if isinstance(item, exp.Filter) else item, exp.Count)


def _join_of(node: exp.Subquery, name: str, outer_names: set[str]) -> exp.Join | None:
    """LEFT JOIN (SELECT k, aggregate FROM … GROUP BY k) ON k = the outer column; None for another form."""
    inner = node.this
    if (
        not isinstance(inner, exp.Select)
        or {k for k, v in inner.args.items() if v} - PLAIN
        or not inner.args.get("where")
    ):
        return None
    own = {t.alias_or_name.casefold() for t in find_nodes(inner, exp.Table, exp.Subquery)}
    outer = outer_names - own
    item = inner.expressions[0].unalias() if len(inner.expressions) == 1 else None
    # an expression of several aggregates could have a count of no rows inside
    if item is None or not is_aggregate(item) or _reads(item, outer):
        return None
    pairs: list[tuple[exp.Expr, exp.Expr]] = []
    kept: list[exp.Expr] = []
    for condition in flatten(inner.args["where"].this, exp.And):
        sides = (condition.this, condition.expression) if isinstance(condition, exp.EQ) else ()
        mine = [s for s in sides if isinstance(s, exp.Column) and not _reads(s, outer)]
        other = [s for s in sides if isinstance(s, exp.Column) and _reads(s, outer)]
        if len(mine) == len(other) == 1:
            pairs.append((mine[0], other[0]))
        elif _reads(condition, outer):
            return None
        else:
            kept.append(condition)
    if not pairs or any(_reads(source, outer) for source in (inner.args["from_"], *(inner.args.get("joins") or ()))):
        return None
    return _joined(inner, name, pairs, kept)


def _joined(inner: exp.Select, name: str, pairs: list[tuple[exp.Expr, exp.Expr]], kept: list[exp.Expr]) -> exp.Join:
    keys = [mine for mine, _ in pairs]
    query = inner.copy()
    named = [exp.alias_(k.copy(), f"key_{n}") for n, k in enumerate(keys)]
    query.set("expressions", [*named, exp.alias_(inner.expressions[0].unalias().copy(), "value")])
    query.set("where", exp.Where(this=exp.and_(*(c.copy() for c in kept), copy=False)) if kept else None)
    query.set("group", exp.Group(expressions=[k.copy() for k in keys]))
    on = [
        exp.EQ(this=exp.column(f"key_{n}", table=name), expression=other.copy()) for n, (_, other) in enumerate(pairs)
    ]
    source = exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))
    return exp.Join(this=source, side="LEFT", on=exp.and_(*on, copy=False))


def _reads(node: exp.Expr, outer: set[str]) -> bool:
    return any(c.table.casefold() in outer for c in find_nodes(exp.Paren(this=node.copy()), exp.Column))
