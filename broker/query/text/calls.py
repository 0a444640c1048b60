"""Whether a call has the arguments that it cannot do without: the parser lets some calls pass that lack one."""

from collections.abc import Iterator

from sqlglot import exp

from broker.query.refusing import Stop

NEEDED: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.DateFromParts: ("year", "month", "day"),
    exp.Ntile: ("this",),
    exp.Quantile: ("this", "quantile"),
    exp.ApproxQuantile: ("this", "quantile"),
    exp.WithinGroup: ("this", "expression"),
    exp.Window: ("this",),
}
"""What the parser holds to be optional, and no dialect does."""


def incomplete(tree: exp.Expr, tsql: bool) -> Iterator[Stop]:
    """A refusal for each call that lacks an argument. DuckDB's COUNT(), which counts rows, gets its star."""
    for node in tree.find_all(exp.Func, *NEEDED):
        if isinstance(node, exp.Count) and node.this is None:
            node.set("this", exp.Star())
            if tsql:
                yield Stop("syntax", "COUNT needs an argument.", "Write COUNT(*).", node)
        elif node.error_messages() or any(node.args.get(key) is None for key in NEEDED.get(type(node), ())):
            name = node.name if isinstance(node, exp.Anonymous) else node.key
            yield Stop("syntax", f"{name.upper()} needs more arguments.", "Give each argument that it needs.", node)
