"""Clauses that are judged or taken away before a tree is bound: hints, assignments, INTO, FOR XML."""

from sqlglot import exp

from broker.domain.saved import SCHEMA
from broker.query.refusing import Report, Stop, refuse_argument

HARMLESS_HINTS = frozenset({"NOLOCK", "READUNCOMMITTED"})
HARMLESS_OPTIONS = frozenset({"MAXDOP", "RECOMPILE"})
BRACKETS = frozenset({"this", "alias", "pivots"})
"""What a query in brackets may have: whoever reads the query takes the brackets off, with all that hangs on them."""


def check_variables(tree: exp.Expr) -> None:
    _refuse_assignment(tree)
    _refuse_table_variables(tree)


def check_clauses(tree: exp.Expr, report: Report) -> None:
    for clause in tree.find_all(exp.ForClause):
        report.stopped(refuse_argument(clause.parent or clause, "for_"))
    for brackets in tree.find_all(exp.Subquery):
        for key in [k for k, v in brackets.args.items() if v and k not in BRACKETS]:
            report.stopped(refuse_argument(brackets, key))
    for cte in tree.find_all(exp.CTE):
        if cte.alias.startswith("#"):
            raise _name_stop(cte)


def name_derived(tree: exp.Expr) -> None:
    """DuckDB itself names a derived table that has no name: unnamed_subquery, unnamed_subquery2, …"""
    for select in tree.find_all(exp.Select):
        sources = [clause.this for clause in (select.args.get("from_"), *(select.args.get("joins") or ())) if clause]
        bare = [s for s in sources if isinstance(s, exp.Subquery) and not s.alias and not s.args.get("pivots")]
        for number, source in enumerate(bare, 1):
            name = f"unnamed_subquery{number if number > 1 else ''}"
            columns = source.args["alias"].columns if source.args.get("alias") else None
            source.set("alias", exp.TableAlias(this=exp.to_identifier(name), columns=columns))


def order_by_all(tree: exp.Expr) -> None:
    """DuckDB's ORDER BY ALL is by each column of the list, from left to right. With a star it stays, and is refused."""
    for query in tree.find_all(exp.Select, exp.SetOperation):
        order = query.args.get("order")
        terms = order.expressions if order is not None else []
        is_all = len(terms) == 1 and isinstance(terms[0].this, exp.Var) and terms[0].name.casefold() == "all"
        if order is None or not is_all or any(item.is_star for item in query.selects):
            continue
        each = []
        for number in range(1, len(query.selects) + 1):
            term = terms[0].copy()
            term.set("this", exp.Literal.number(number))
            each.append(term)
        order.set("expressions", each)


def plain_names(tree: exp.Expr) -> None:
    """`#t` and `[#t]` are one name; the parser keeps the sign of the first apart, and everywhere, so that a column
    written #LA would be LA."""
    for ident in list(tree.find_all(exp.Identifier)):
        if not (ident.args.get("temporary") or ident.args.get("global_")):
            continue
        parent, key = ident.parent, ident.arg_key
        is_table = isinstance(parent, exp.Table) and key == "this" and not parent.db and not parent.catalog
        if ident.args.get("global_") or not (is_table or (isinstance(parent, exp.Column) and key == "table")):
            raise _name_stop(ident)
        if not ident.args.get("quoted") and "start" in ident.meta:
            ident.meta["start"] -= 1  # the parser's place is that of the word after the sign
        ident.set("this", f"#{ident.name}")
        ident.set("temporary", None)
        ident.set("quoted", True)


def _name_stop(node: exp.Expr) -> Stop:
    message = "A name with # can only be that of a temporary table of this text."
    return Stop("temporary-name", message, "Write #temp, with one # and no database.", node)


def _refuse_assignment(tree: exp.Expr) -> None:
    """SELECT @n = … gives a variable a value from data."""
    for select in tree.find_all(exp.Select):
        for item in select.expressions:
            if isinstance(item, exp.EQ) and isinstance(item.this, exp.Parameter):
                message = "SELECT @x = … gives a value from data to a variable."
                raise Stop("assignment", message, "Write SET @x = constant, or keep the value in a #temp table.", item)


def _refuse_table_variables(tree: exp.Expr) -> None:
    for table in tree.find_all(exp.Table):
        if isinstance(table.this, exp.Parameter):
            message, advice = "Table variables are not understood.", "Write SELECT … INTO #temp."
            raise Stop("table-variable", message, advice, table)


def taken_into(query: exp.Query) -> exp.Table | None:
    """The table of INTO of the first SELECT, which is that of the whole; anywhere else it is refused."""
    first: exp.Expr = query
    while isinstance(first, exp.SetOperation):
        first = first.this
    into = first.args.get("into")
    if into is not None:
        first.set("into", None)
    for other in query.find_all(exp.Into):
        raise Stop("into", "INTO stands inside a query.", "Put it into the first SELECT.", other)
    if into is None:
        return None
    table: exp.Expr = into.this
    named = {k for k, v in table.args.items() if v} <= {"this", "db", "catalog"}
    if (
        not isinstance(table, exp.Table)
        or not named
        or not isinstance(table.this, exp.Identifier)
        or into.args.get("unlogged")
    ):
        raise Stop("into", "This INTO is not understood.", "Write SELECT … INTO #temp FROM ….", into)
    return table


def kept_by_create(tree: exp.Expr | None) -> tuple[exp.Table, exp.Query] | None:
    """The name and the query of DuckDB's CREATE TABLE project.x AS SELECT …, with nothing else said."""
    if not isinstance(tree, exp.Create) or tree.args.get("kind") != "TABLE" or not isinstance(tree.this, exp.Table):
        return None
    table, query = tree.this, tree.expression.unnest() if tree.expression is not None else None
    plain = {k for k, v in tree.args.items() if v} <= {"this", "kind", "replace", "expression"}
    bare = {k for k, v in table.args.items() if v} == {"this", "db"} and table.db.casefold() == SCHEMA
    return (table, query) if plain and bare and isinstance(query, exp.Select | exp.SetOperation) else None


def strip_hints(tree: exp.Expr) -> None:
    """Hints that change how a server works, and not what it answers; all others are left to be refused."""
    for table in tree.find_all(exp.Table):
        hints = table.args.get("hints") or []
        if all(
            isinstance(h, exp.WithTableHint) and {e.name.upper() for e in h.expressions} <= HARMLESS_HINTS
            for h in hints
        ):
            table.set("hints", None)
    for query in tree.find_all(exp.Query):
        options = query.args.get("options") or []
        if all(isinstance(o, exp.QueryOption) and o.name.upper() in HARMLESS_OPTIONS for o in options):
            query.set("options", None)


def _names(hint: exp.Expr) -> set[str]:
    return {e.name.upper() for e in hint.expressions}
