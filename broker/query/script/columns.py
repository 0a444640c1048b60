"""The names of a query's columns, where the text alone tells them. Knows no catalogue: a star over a table tells
nothing."""

from collections.abc import Callable, Mapping

from sqlglot import exp

Names = tuple[str, ...]
Known = Callable[[exp.Table], Names | None]
"""The columns of a temporary table."""


def columns_of(query: exp.Expr, known: Known, outer: Mapping[str, Names | None] | None = None) -> Names | None:
    """The names in order; None if one is not known, or is there twice."""
    seen = dict(outer or {})
    while True:
        clause = query.args.get("with_")
        for cte in clause.expressions if clause is not None else ():
            listed = tuple(c.name for c in cte.args["alias"].args.get("columns") or ())
            seen[cte.alias.casefold()] = listed or columns_of(cte.this, known, seen)
        if isinstance(query, exp.Select):
            break
        if not isinstance(query, exp.SetOperation | exp.Subquery):
            return None
        query = query.this
    found: list[str] = []
    for item in query.expressions:
        names = _star(item, query, known, seen) if item.is_star else (item.alias_or_name,)
        if not names or not all(names):
            return None
        found += names
    return tuple(found) if len({n.casefold() for n in found}) == len(found) else None


def _star(item: exp.Expr, query: exp.Select, known: Known, seen: Mapping[str, Names | None]) -> Names | None:
    """What a plain `*` or `x.*` stands for."""
    star = item.this if isinstance(item, exp.Column) else item
    if not isinstance(star, exp.Star) or any(star.args.values()) or query.args.get("laterals"):
        return None
    wanted = item.text("table").casefold()
    found: list[str] = []
    hit = False
    for clause in [query.args.get("from_"), *(query.args.get("joins") or [])]:
        if clause is None or clause.args.get("using") or clause.args.get("method"):
            return None
        source = clause.this
        if wanted and wanted != source.alias_or_name.casefold():
            continue
        names = _source(source, known, seen)
        if names is None:
            return None
        hit = True
        found += names
    return tuple(found) if hit else None


def _source(source: exp.Expr, known: Known, seen: Mapping[str, Names | None]) -> Names | None:
    alias = source.args.get("alias")
    listed = tuple(c.name for c in alias.args.get("columns") or ()) if isinstance(alias, exp.TableAlias) else ()
    if source.args.get("pivots") or source.args.get("joins"):
        return None
    if isinstance(source, exp.Subquery):
        return listed or columns_of(source.this, known, seen)
    if not isinstance(source, exp.Table):
        return None
    cte = source.name.casefold()
    if not source.db and cte in seen:
        return listed or seen[cte]
    return listed or known(source)
