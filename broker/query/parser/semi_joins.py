"""Rewrites DuckDB's SEMI JOIN and ANTI JOIN as EXISTS and NOT EXISTS in the WHERE of their SELECT."""

from sqlglot import exp

from broker.query.diagnostics import BindError
from broker.query.tree_walks import find_nodes

KINDS = frozenset({"SEMI", "ANTI"})
OUTER = frozenset({"RIGHT", "FULL"})


def write_semi_joins_out(tree: exp.Expr) -> None:
    """Move each SEMI and ANTI JOIN into WHERE. Raises BindError where a later outer join adds rows that it would not
    have dropped."""
    for select in list(find_nodes(tree, exp.Select)):
        joins = select.args.get("joins") or []
        tests = [_test(join, select) for join in joins if join.kind in KINDS]
        if not tests:
            continue
        if any(join.side in OUTER for join in joins):
            advice = "Write the SEMI or ANTI JOIN in a derived table."
            raise BindError("join", "SEMI and ANTI JOIN cannot stand beside RIGHT or FULL JOIN.", advice, select)
        select.set("joins", [join for join in joins if join.kind not in KINDS])
        where = select.args.get("where")
        conditions = [*tests, *([where.this] if where is not None else [])]
        select.set("where", exp.Where(this=exp.and_(*conditions, copy=False)))


def _test(join: exp.Join, select: exp.Select) -> exp.Expr:
    right, on, names = join.this, join.args.get("on"), join.args.get("using") or []
    left = select.args["from_"].this.alias_or_name if select.args.get("from_") else ""
    if join.args.get("method") or (on is None and not (names and left)):
        raise BindError("join", "A SEMI or ANTI JOIN needs ON or USING.", "Write SEMI JOIN b ON b.key = a.key.", join)
    equal = [
        exp.EQ(this=exp.column(n.name, table=left), expression=exp.column(n.name, table=right.alias_or_name))
        for n in names
    ]
    condition = on if on is not None else exp.and_(*equal, copy=False)
    inner = exp.Select(expressions=[exp.Literal.number(1)], from_=exp.From(this=right))
    inner.set("where", exp.Where(this=condition))
    found = exp.Exists(this=inner)
    return exp.Not(this=found) if join.kind == "ANTI" else found
