"""Rewrites of a syntax tree before binding: hints, assignments, INTO, unnamed tables, PIVOT and UNPIVOT."""

from sqlglot import exp

from broker.domain.projects.saved_definitions import PROJECT_SCHEMA
from broker.query.diagnostics import BindError, Diagnostics, check_arguments, present_arguments, unsupported_argument
from broker.query.parser.temporary_tables import named_subquery
from broker.query.tree_walks import find_nodes

HARMLESS_HINTS = frozenset({"NOLOCK", "READUNCOMMITTED"})
HARMLESS_OPTIONS = frozenset({"MAXDOP", "MAXRECURSION", "RECOMPILE"})
SUBQUERY_ARGUMENTS = frozenset({"this", "alias", "pivots"})
"""Arguments that a query in brackets may have. Whoever reads the query removes the brackets, with everything attached
to them."""


def sets_variables(select: exp.Select) -> bool:
    """Whether a SELECT only gives values to variables: SELECT @x = …. Raises BindError if it does something else
    too."""
    found = [isinstance(i, exp.EQ) and isinstance(i.this, exp.Parameter) for i in select.expressions]
    if any(found) and not all(found):
        message = "A SELECT sets a variable and shows a column."
        raise BindError("assignment", message, "Write SET @x = … as a statement of its own.", select)
    return any(found)


def name_table_variables(tree: exp.Expr) -> None:
    """Give a table variable the name of its table: @t."""
    for table in find_nodes(tree, exp.Table):
        if isinstance(table.this, exp.Parameter):
            start = table.this.meta.get("start")
            name = exp.Identifier(this=f"@{table.this.name.casefold()}", quoted=True)
            if start is not None:
                name.meta["start"] = start
            table.set("this", name)


def check_clauses(tree: exp.Expr, diagnostics: Diagnostics) -> None:
    for clause in find_nodes(tree, exp.ForClause):
        diagnostics.add_error(unsupported_argument(clause.parent or clause, "for_"))
    for brackets in find_nodes(tree, exp.Subquery):
        for key in [k for k in present_arguments(brackets) if k not in SUBQUERY_ARGUMENTS]:
            diagnostics.add_error(unsupported_argument(brackets, key))
    for cte in find_nodes(tree, exp.CTE):
        if cte.alias.startswith("#"):
            raise _temporary_name_error(cte)


def hoist_joins(tree: exp.Expr) -> None:
    """Give a SELECT the joins of a FROM that is written first: the parser attaches them to its first table."""
    for select in find_nodes(tree, exp.Select):
        clause = select.args.get("from_")
        first = clause.this if clause is not None else None
        if isinstance(first, exp.Table | exp.Subquery) and first.args.get("joins"):
            select.set("joins", [*first.args["joins"], *(select.args.get("joins") or ())])
            first.set("joins", None)


def name_derived_tables(tree: exp.Expr) -> None:
    """Name the derived tables without a name as DuckDB does: unnamed_subquery, unnamed_subquery2, …"""
    for select in find_nodes(tree, exp.Select):
        sources = [clause.this for clause in (select.args.get("from_"), *(select.args.get("joins") or ())) if clause]
        bare = [s for s in sources if isinstance(s, exp.Subquery) and not s.alias and not s.args.get("pivots")]
        for number, source in enumerate(bare, 1):
            name = f"unnamed_subquery{number if number > 1 else ''}"
            columns = source.args["alias"].columns if source.args.get("alias") else None
            source.set("alias", exp.TableAlias(this=exp.to_identifier(name), columns=columns))


def expand_order_by_all(tree: exp.Expr) -> None:
    """Replace DuckDB's ORDER BY ALL by each column of the list, from left to right. With a star it stays, and is
    refused later."""
    for query in find_nodes(tree, exp.Select, exp.SetOperation):
        order = query.args.get("order")
        terms = order.expressions if order is not None else []
        is_all = len(terms) == 1 and isinstance(terms[0].this, exp.Var) and terms[0].name.casefold() == "all"
        if order is None or not is_all or any(item.is_star for item in query.selects):
            continue
        each = []
        for number in range(1, len(query.selects) + 1):
            term = terms[0].copy()  # keeps DESC and NULLS FIRST
            term.set("this", exp.Literal.number(number))
            each.append(term)
        order.set("expressions", each)


APPROXIMATE = {"APPROX_PERCENTILE_CONT": exp.PercentileCont, "APPROX_PERCENTILE_DISC": exp.PercentileDisc}


def write_exact_functions(tree: exp.Expr) -> None:
    """Replace functions that approximate by the exact ones, whose values they may give too."""
    for found in list(find_nodes(tree, exp.ApproxDistinct, exp.ApproxQuantile, exp.Anonymous)):
        exact: exp.Expr | None = None
        match found:
            case exp.ApproxDistinct():
                exact = exp.Count(this=exp.Distinct(expressions=[found.this]))
            case exp.ApproxQuantile():
                by = exp.Order(expressions=[exp.Ordered(this=found.this)])
                exact = exp.WithinGroup(this=exp.PercentileCont(this=found.args["quantile"]), expression=by)
            case exp.Anonymous(expressions=[fraction]) if found.name.upper() in APPROXIMATE:
                exact = APPROXIMATE[found.name.upper()](this=fraction)
        if exact is not None and found is not tree:
            for made in find_nodes(exact, exp.Count, exp.PercentileCont, exp.PercentileDisc):
                made.meta.update(found.meta)  # refusals name the function as the text does
            found.replace(exact)


def list_written_values(tree: exp.Expr) -> None:
    """Replace x IN (SELECT y FROM (VALUES (1), (2)) AS v(y)) by x IN (1, 2), which means the same. Values of different
    types stay: VALUES would make one type of them."""
    for test in list(find_nodes(tree, exp.In)):
        written = _written_values(test)
        literals = [item.expressions[0].unnest() for item in written.expressions] if written is not None else []
        kinds = {one.is_string if isinstance(one, exp.Literal) else None for one in literals}
        if literals and len(kinds) == 1 and None not in kinds:
            test.set("query", None)
            test.set("expressions", literals)


def _written_values(test: exp.In) -> exp.Values | None:
    """The VALUES of one column that IN reads, if it reads nothing else."""
    query = test.args.get("query")
    inner = query.unnest() if query is not None else None
    if isinstance(inner, exp.Select) and present_arguments(inner) == {"expressions", "from_"}:
        item, source = inner.expressions[0], inner.args["from_"].this
        columns = source.args["alias"].columns if source.args.get("alias") else []
        names = {c.name.casefold() for c in columns}
        plain = (
            isinstance(item, exp.Column)
            and not item.args.get("db")
            and item.table.casefold() in {"", source.alias.casefold()}  # any other name is of the outer query
            and item.name.casefold() in names
        )
        inner = source.unnest() if len(inner.expressions) == 1 and (plain or type(item) is exp.Star) else None
    elif len(test.expressions) == 1 and query is None:
        inner = test.expressions[0]
    if not isinstance(inner, exp.Values):
        return None
    return inner if all(isinstance(r, exp.Tuple) and len(r.expressions) == 1 for r in inner.expressions) else None


def unify_temporary_names(tree: exp.Expr) -> None:
    """Make `#t` and `[#t]` one name. The parser removes the sign of the first and does so everywhere, so that a column
    written #LA would become LA."""
    for ident in list(find_nodes(tree, exp.Identifier)):
        if not (ident.args.get("temporary") or ident.args.get("global_")):
            continue
        parent, key = ident.parent, ident.arg_key
        is_table = isinstance(parent, exp.Table) and key == "this" and not parent.db and not parent.catalog
        if ident.args.get("global_") or not (is_table or (isinstance(parent, exp.Column) and key == "table")):
            raise _temporary_name_error(ident)
        if not ident.args.get("quoted") and "start" in ident.meta:
            ident.meta["start"] -= 1  # the parser's position is that of the word after the sign
        ident.set("this", f"#{ident.name}")
        ident.set("temporary", None)
        ident.set("quoted", True)


def _temporary_name_error(node: exp.Expr) -> BindError:
    message = "A name with # must be a temporary table of this text."
    return BindError("temporary-name", message, "Write #temp, with one # and no database.", node)


def take_into(query: exp.Query) -> exp.Table | None:
    """Remove and return the table of INTO of the first SELECT, which applies to the whole query. Raises BindError for
    an INTO in any other place."""
    first: exp.Expr = query
    while isinstance(first, exp.SetOperation):  # INTO of a set operation is written in its first SELECT
        first = first.this
    into = first.args.get("into")
    if into is not None:
        first.set("into", None)
    for other in find_nodes(query, exp.Into):
        raise BindError("into", "INTO cannot be used inside a query.", "Put INTO into the first SELECT.", other)
    if into is None:
        return None
    table: exp.Expr = into.this
    is_name = isinstance(table, exp.Table) and isinstance(table.this, exp.Identifier)
    if not is_name or not present_arguments(table) <= {"this", "db", "catalog"} or into.args.get("unlogged"):
        raise BindError("into", "This INTO is not understood.", "Write SELECT … INTO #temp FROM ….", into)
    assert isinstance(table, exp.Table)
    return table


def saved_by_create(tree: exp.Expr | None) -> tuple[exp.Table, exp.Query] | None:
    """Name and query of DuckDB's CREATE TABLE project.x AS SELECT … without further clauses; None for any other
    statement."""
    if not isinstance(tree, exp.Create) or tree.args.get("kind") != "TABLE" or not isinstance(tree.this, exp.Table):
        return None
    table, query = tree.this, tree.expression.unnest() if tree.expression is not None else None
    plain = present_arguments(tree) <= {"this", "kind", "replace", "expression"}
    bare = present_arguments(table) == {"this", "db"} and table.db.casefold() == PROJECT_SCHEMA
    return (table, query) if plain and bare and isinstance(query, exp.Select | exp.SetOperation) else None


def strip_hints(tree: exp.Expr) -> None:
    """Remove hints that change how a server works but not its result. All others stay, and are refused later."""
    for table in find_nodes(tree, exp.Table):
        hints = table.args.get("hints") or []
        if all(  # hints are removed only if all of them are harmless
            isinstance(h, exp.WithTableHint) and {e.name.upper() for e in h.expressions} <= HARMLESS_HINTS
            for h in hints
        ):
            table.set("hints", None)
    for query in find_nodes(tree, exp.Query):
        options = query.args.get("options") or []
        if all(isinstance(o, exp.QueryOption) and o.name.upper() in HARMLESS_OPTIONS for o in options):
            query.set("options", None)


PIVOT_ARGUMENTS = frozenset(
    {"expressions", "fields", "alias", "columns", "pivot_column_naming", "prefixed_pivot_columns",
     "identify_pivot_strings", "default_on_null", "unpivot"}
)  # fmt: skip
PIVOT_ADVICE = "Write SUM(CASE WHEN … THEN 1 ELSE 0 END) for each column."


def rewrite_pivot(node: exp.Expr) -> exp.Expr:
    """Rewrite a source with PIVOT as a derived table: (SELECT keys, AGG(CASE WHEN c = v THEN x END) AS v … GROUP BY
    keys)."""
    pivots = node.args["pivots"]
    if len(pivots) != 1 or not isinstance(node, exp.Subquery):
        raise BindError("pivot", "PIVOT needs exactly one derived table.", PIVOT_ADVICE, node)
    (pivot,) = pivots
    inner = node.this
    if not isinstance(inner, exp.Select) or any(not n for n in inner.named_selects) or inner.is_star:
        raise BindError("pivot", "PIVOT needs a derived table with named columns.", PIVOT_ADVICE, node)
    if pivot.args.get("unpivot"):
        return _rewrite_unpivot(node, pivot, inner)
    check_arguments(pivot, *PIVOT_ARGUMENTS)
    (aggregate,), (field,) = _single(pivot.expressions, pivot), _single(pivot.args["fields"], pivot)
    if not isinstance(field, exp.In) or not isinstance(field.this, exp.Column):
        raise BindError("pivot", "PIVOT needs FOR column IN (written values).", PIVOT_ADVICE, pivot)
    if not isinstance(aggregate, exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max) or not isinstance(
        aggregate.this, exp.Column
    ):
        raise BindError("pivot", "PIVOT can aggregate only one column.", PIVOT_ADVICE, pivot)
    source = node.alias or "source_of_pivot"
    # columns that PIVOT reads are no keys of its result
    spent = {field.this.name.casefold(), aggregate.this.name.casefold()}
    keys = [exp.column(n, table=source) for n in inner.named_selects if n.casefold() not in spent]
    shown = [_pivot_column(aggregate, field.this, v) for v in field.expressions]
    select = exp.Select(expressions=[*[exp.alias_(k, k.name, quoted=True) for k in keys], *shown])
    select.set("from_", exp.From(this=named_subquery(inner, source)))
    if keys:
        select.set("group", exp.Group(expressions=[k.copy() for k in keys]))
    return _placed(named_subquery(select, source, pivot.args.get("alias")), node)


def _single(items: list[exp.Expr], node: exp.Expr) -> list[exp.Expr]:
    if len(items) != 1:
        raise BindError("pivot", "PIVOT needs one aggregate and one column.", PIVOT_ADVICE, node)
    return items


def _pivot_column(aggregate: exp.Expr, column: exp.Expr, value: exp.Expr) -> exp.Expr:
    """One column of the result. T-SQL writes its value as a name, DuckDB as a literal."""
    inner = value.this if isinstance(value, exp.Alias | exp.PivotAlias) else value
    name = value.alias if isinstance(value, exp.Alias | exp.PivotAlias) else inner.name
    if isinstance(inner, exp.Column):
        inner = exp.Literal.string(inner.name)
    if not isinstance(inner, exp.Literal):
        raise BindError("pivot", "PIVOT needs written values.", PIVOT_ADVICE, value)
    condition = exp.EQ(this=column.copy(), expression=inner.copy())
    case = exp.Case(ifs=[exp.If(this=condition, true=aggregate.this.copy())])
    return exp.alias_(type(aggregate)(this=case), name, quoted=True)


def _rewrite_unpivot(node: exp.Subquery, pivot: exp.Expr, inner: exp.Select) -> exp.Expr:
    """Rewrite UNPIVOT (value FOR name IN (a, b)): one branch for each column, without rows whose value is missing."""
    (value,), (field,) = _single(pivot.expressions, pivot), _single(pivot.args["fields"], pivot)
    if not isinstance(field, exp.In) or not all(isinstance(c, exp.Column) for c in field.expressions):
        raise BindError("pivot", "UNPIVOT needs FOR name IN (columns).", "Write CROSS APPLY (VALUES …).", pivot)
    source = node.alias or "source_of_pivot"
    spent = {c.name.casefold() for c in field.expressions}
    keys = [n for n in inner.named_selects if n.casefold() not in spent]
    branches: list[exp.Expr] = []
    for column in field.expressions:
        shown = [exp.alias_(exp.column(k, table=source), k, quoted=True) for k in keys]
        shown.append(exp.alias_(exp.Literal.string(column.name), field.this.name, quoted=True))
        shown.append(exp.alias_(exp.column(column.name, table=source), value.name, quoted=True))
        select = exp.Select(expressions=shown)
        select.set("from_", exp.From(this=named_subquery(inner.copy(), source)))
        present = exp.Not(this=exp.Is(this=exp.column(column.name, table=source), expression=exp.Null()))
        select.set("where", exp.Where(this=present))
        branches.append(select)
    union = branches[0]
    for branch in branches[1:]:
        union = exp.Union(this=union, expression=branch, distinct=False)
    return _placed(named_subquery(union, source, pivot.args.get("alias")), node)


def _placed(made: exp.Expr, node: exp.Expr) -> exp.Expr:
    """Attach a new node in the place of another: refusals find their position through the parent."""
    made.parent = node.parent
    return made
