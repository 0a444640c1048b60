"""Temporary tables while a text is read: the query that each name stands for, and its columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from broker.policy.service_limits import ServiceLimits
from broker.query.diagnostics import CONSEQUENTIAL, BindError

ColumnNames = tuple[str, ...]
KnownColumns = Callable[[exp.Table], ColumnNames | None]
"""The columns of a temporary table."""


def query_columns(
    query: exp.Expr, known: KnownColumns, outer: Mapping[str, ColumnNames | None] | None = None
) -> ColumnNames | None:
    """The names in order; None if one is not known, or is there twice."""
    visible = dict(outer or {})
    while True:
        clause = query.args.get("with_")
        for cte in clause.expressions if clause is not None else ():
            listed = tuple(c.name for c in cte.args["alias"].args.get("columns") or ())
            visible[cte.alias.casefold()] = listed or query_columns(cte.this, known, visible)
        if isinstance(query, exp.Select):
            break
        if not isinstance(query, exp.SetOperation | exp.Subquery):
            return None
        query = query.this
    found: list[str] = []
    for item in query.expressions:
        names = _star_columns(item, query, known, visible) if item.is_star else (item.alias_or_name,)
        if not names or not all(names):
            return None
        found += names
    return tuple(found) if len({n.casefold() for n in found}) == len(found) else None


def _star_columns(
    item: exp.Expr, query: exp.Select, known: KnownColumns, visible: Mapping[str, ColumnNames | None]
) -> ColumnNames | None:
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
        names = _source_columns(source, known, visible)
        if names is None:
            return None
        hit = True
        found += names
    return tuple(found) if hit else None


def _source_columns(
    source: exp.Expr, known: KnownColumns, visible: Mapping[str, ColumnNames | None]
) -> ColumnNames | None:
    alias = source.args.get("alias")
    listed = tuple(c.name for c in alias.args.get("columns") or ()) if isinstance(alias, exp.TableAlias) else ()
    if source.args.get("pivots") or source.args.get("joins"):
        return None
    if isinstance(source, exp.Subquery):
        return listed or query_columns(source.this, known, visible)
    if not isinstance(source, exp.Table):
        return None
    cte = source.name.casefold()
    if not source.db and cte in visible:
        return listed or visible[cte]
    return listed or known(source)


@dataclass(frozen=True, slots=True)
class TempTableDefinition:
    """A temporary table, as a query that is bound again at each use; `visible` holds, by casefolded name, the temporary
    tables that the query names, as they were then."""

    name: str
    query: exp.Query
    visible: Mapping[str, "TempTableDefinition"]


@dataclass(frozen=True, slots=True)
class TempTable:
    """A temporary table and what is known of it: the names of its columns, the types that CREATE TABLE gave them, all
    names of tables in its query, and how large and deep it is with all definitions written out. Without a definition it
    was made and holds nothing yet."""

    name: str
    definition: TempTableDefinition | None
    columns: ColumnNames | None
    types: Mapping[str, exp.DataType] = field(default_factory=dict)
    not_null: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    size: int = 0
    depth: int = 0


def temp_name(table: exp.Table) -> str:
    """The casefolded name by which a temporary table is found; empty for names with a schema."""
    return "" if table.args.get("db") or table.args.get("catalog") else table.name.casefold()


def table_reference(name: str, alias: exp.Expr | None = None) -> exp.Table:
    table = exp.Table(this=exp.Identifier(this=name, quoted=True))
    if alias is not None:
        table.set("alias", alias.copy())
    return table


def tables_read(query: exp.Expr) -> frozenset[str]:
    """The names in a query that temporary tables could have."""
    return frozenset(temp_name(t) for t in query.find_all(exp.Table)) - {""}


class TempTables:
    """The temporary tables of one text. None stands for one whose making was refused."""

    def __init__(self, service: ServiceLimits) -> None:
        self.service = service
        self.tables: dict[str, TempTable | None] = {}

    def definitions_in(self, tree: exp.Expr) -> dict[str, TempTableDefinition]:
        """The definitions that a query names; one that is not there is refused."""
        visible: dict[str, TempTableDefinition] = {}
        for table in tree.find_all(exp.Table):
            name = temp_name(table)
            if name.startswith("#") or name in self.tables:
                definition = self.find(table).definition
                if definition is None:
                    message = "This temporary table has no rows yet."
                    raise BindError("empty-temporary", message, "Write INSERT INTO #t SELECT … first.", table)
                visible[name] = definition
        return visible

    def find(self, table: exp.Table) -> TempTable:
        name = temp_name(table)
        if name in self.tables:
            found = self.tables[name]
            if found is None:
                raise BindError(CONSEQUENTIAL, "The making of this table was refused.", "", table)
            return found
        message, advice = "No temporary table of this name is there.", "Make it first: SELECT … INTO #temp."
        raise BindError("unknown-temporary", message, advice, table)

    def define(self, name: str, query: exp.Query, node: exp.Expr, base: TempTable | None = None) -> TempTable:
        """Gives a name its query. `base` is what it was before, with what CREATE TABLE said."""
        visible = self.definitions_in(query)
        size, depth = self.weight(query)
        columns = base.columns if base is not None and base.columns else query_columns(query, self._columns)
        made = TempTable(
            name, TempTableDefinition(name, query, visible), columns, reads=tables_read(query), size=size, depth=depth
        )
        if base is not None:
            made = replace(made, types=base.types, not_null=base.not_null)
        self.store(made, node)
        return made

    def weight(self, query: exp.Query) -> tuple[int, int]:
        """How large and how deep a query is with its temporary tables written out."""
        parts = [t for t in map(self.tables.get, map(temp_name, query.find_all(exp.Table))) if t is not None]
        size = sum(1 for _ in query.find_all(exp.Select)) + sum(t.size for t in parts)
        return size, 1 + max((t.depth for t in parts), default=0)

    def store(self, made: TempTable, node: exp.Expr) -> None:
        """Definitions of definitions must not grow without end."""
        if made.depth > self.service.max_depth:
            message = f"Temporary tables are made from each other more than {self.service.max_depth} deep."
            raise BindError("too-deep", message, "Use fewer steps.", node)
        if made.size > self.service.max_tokens:
            message = f"With its temporary tables written out the text has more than {self.service.max_tokens} queries."
            raise BindError("too-long", message, "Read each temporary table fewer times.", node)
        self.tables[made.name.casefold()] = made

    def _columns(self, table: exp.Table) -> ColumnNames | None:
        found = self.tables.get(temp_name(table))
        return found.columns if found is not None else None


def change_target(table: exp.Expr, temps: TempTables, tree: exp.Expr) -> TempTable:
    """A table that may be changed: one of this text."""
    name = temp_name(table) if isinstance(table, exp.Table) else ""
    if not isinstance(table, exp.Table) or (name not in temps.tables and not name.startswith("#")):
        word = type(tree).__name__.upper()
        raise BindError("statement", f"{word} changes a table that is not temporary.", "Use a #temp table.", tree)
    return temps.find(table)


def present_arguments(node: exp.Expr) -> set[str]:
    return {k for k, v in node.args.items() if v}


def column_names(temp: TempTable, node: exp.Expr) -> ColumnNames:
    if temp.columns is None:
        message = "The columns of this temporary table are not known from its SELECT list."
        raise BindError("columns-unknown", message, "Name each column where the table is made; write no star.", node)
    return temp.columns


def select_all(temp: TempTable, node: exp.Expr, alias: exp.Expr | None = None) -> exp.Select:
    columns = [quoted_column(n) for n in column_names(temp, node)]
    return exp.Select(expressions=columns, from_=exp.From(this=table_reference(temp.name, alias)))


def quoted_column(name: str) -> exp.Column:
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


def aliased(value: exp.Expr, name: str) -> exp.Alias:
    return exp.Alias(this=value, alias=exp.Identifier(this=name, quoted=True))
