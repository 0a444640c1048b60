"""Temporary tables while a text is read: the query behind each name, and its columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from broker.policy.service_limits import ServiceLimits
from broker.query.bound_relations import CteDefinition, column_list
from broker.query.diagnostics import CONSEQUENTIAL, BindError
from broker.query.tree_walks import find_nodes

ColumnNames = tuple[str, ...]
KnownColumns = Callable[[exp.Table], ColumnNames | None]
"""Returns the columns of a temporary table."""


def query_columns(
    query: exp.Expr, known: KnownColumns, outer: Mapping[str, ColumnNames | None] | None = None
) -> ColumnNames | None:
    """Column names of a query, in order; None if a name is unknown or occurs twice."""
    visible = dict(outer or {})
    while True:
        clause = query.args.get("with_")
        for cte in clause.expressions if clause is not None else ():
            # a CTE sees only those before it
            visible[cte.alias.casefold()] = column_list(cte) or query_columns(cte.this, known, visible)
        if isinstance(query, exp.Select):
            break
        if not isinstance(query, exp.SetOperation | exp.Subquery):
            return None
        query = query.this  # a set operation has the names of its first branch
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
    """Columns of a plain `*` or `x.*`; None if unknown."""
    star = item.this if isinstance(item, exp.Column) else item
    if not isinstance(star, exp.Star) or any(star.args.values()) or query.args.get("laterals"):
        return None
    wanted = item.text("table").casefold()
    found: list[str] = []
    hit = False
    for clause in [query.args.get("from_"), *(query.args.get("joins") or [])]:
        # USING and NATURAL merge columns, so the star is not expanded
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
    listed = column_list(source)
    if source.args.get("pivots") or source.args.get("joins"):
        return None
    if isinstance(source, exp.Subquery):
        return listed or query_columns(source.this, known, visible)
    if not isinstance(source, exp.Table):
        return None
    cte = source.name.casefold()
    if not source.db and cte in visible:  # a CTE hides a temporary table with its name
        return listed or visible[cte]
    return listed or known(source)


@dataclass(frozen=True, slots=True)
class TempTable:
    """A temporary table: the names of its columns, the types that CREATE TABLE gave them, all table names in its query,
    and its size and depth with all definitions expanded. The definition sees the temporary tables that the query names,
    as they were then. Without one, the table exists but has no rows yet."""

    name: str
    definition: CteDefinition | None = None
    columns: ColumnNames | None = None
    types: Mapping[str, exp.DataType] = field(default_factory=dict)
    not_null: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    size: int = 0
    depth: int = 0


def temp_name(table: exp.Table) -> str:
    """Case-folded name under which a temporary table is found; empty for names with a schema."""
    return "" if table.args.get("db") or table.args.get("catalog") else table.name.casefold()


def table_reference(name: str, alias: exp.Expr | None = None) -> exp.Table:
    table = exp.Table(this=exp.Identifier(this=name, quoted=True))
    if alias is not None:
        table.set("alias", alias.copy())
    return table


def without_alias(table: exp.Table) -> exp.Table:
    found = table.copy()
    for key in ("alias", "joins", "hints"):
        found.set(key, None)
    found.parent = table.parent
    return found


def tables_read(query: exp.Expr) -> frozenset[str]:
    """Table names in a query that temporary tables could have."""
    return frozenset(temp_name(t) for t in find_nodes(query, exp.Table)) - {""}


class TempTables:
    """The temporary tables of one text. None marks one whose definition was refused."""

    def __init__(self, service: ServiceLimits) -> None:
        self.service = service
        self.tables: dict[str, TempTable | None] = {}

    def definitions_in(self, tree: exp.Expr) -> dict[str, CteDefinition]:
        """Definitions that a query names. Raises BindError if one does not exist."""
        visible: dict[str, CteDefinition] = {}
        for table in find_nodes(tree, exp.Table):
            name = temp_name(table)
            # a name with # must exist; any other name may be one of the catalogue
            if name.startswith(("#", "@")) or name in self.tables:
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
                raise BindError(CONSEQUENTIAL, "The statement that makes this table was refused.", "", table)
            return found
        message, advice = "There is no temporary table with this name.", "Make the table first: SELECT … INTO #temp."
        raise BindError("unknown-temporary", message, advice, table)

    def define(self, table: TempTable, query: exp.Expr, node: exp.Expr) -> None:
        """Give a table its query. It keeps what CREATE TABLE declared."""
        definition = CteDefinition(query, (), self.definitions_in(query))
        size, depth = self.weight(query)
        columns = table.columns or query_columns(query, self._columns)  # CREATE TABLE has fixed the names
        reads = tables_read(query)
        made = replace(table, definition=definition, columns=columns, reads=reads, size=size, depth=depth)
        self.store(made, node)

    def weight(self, query: exp.Expr) -> tuple[int, int]:
        """Size and depth of a query with its temporary tables expanded."""
        parts = [t for t in map(self.tables.get, map(temp_name, find_nodes(query, exp.Table))) if t is not None]
        size = sum(1 for _ in find_nodes(query, exp.Select)) + sum(t.size for t in parts)
        return size, 1 + max((t.depth for t in parts), default=0)

    def store(self, made: TempTable, node: exp.Expr) -> None:
        """Store a table. Raises BindError if definitions of definitions grow beyond the limits."""
        if made.depth > self.service.max_depth:
            message = f"Temporary tables are made from each other more than {self.service.max_depth} levels deep."
            raise BindError("too-deep", message, "Use fewer steps.", node)
        if made.size > self.service.max_tokens:
            message = (
                f"The text has more than {self.service.max_tokens} queries once its temporary tables are written out."
            )
            raise BindError("too-long", message, "Read each temporary table fewer times.", node)
        self.tables[made.name.casefold()] = made

    def _columns(self, table: exp.Table) -> ColumnNames | None:
        found = self.tables.get(temp_name(table))
        return found.columns if found is not None else None


def change_target(table: exp.Expr, temps: TempTables, tree: exp.Expr) -> TempTable:
    """Return the table that a statement changes. Raises BindError unless it is a temporary table of this text."""
    name = temp_name(table) if isinstance(table, exp.Table) else ""
    if not isinstance(table, exp.Table) or (name not in temps.tables and not name.startswith(("#", "@"))):
        word = type(tree).__name__.upper()
        raise BindError("statement", f"{word} changes a table that is not temporary.", "Use a #temp table.", tree)
    return temps.find(table)


def column_names(temp: TempTable, node: exp.Expr) -> ColumnNames:
    if temp.columns is None:
        message = "The SELECT list of this temporary table does not name its columns."
        raise BindError(
            "columns-unknown", message, "Name each column where you make the table, and do not use a star.", node
        )
    return temp.columns


def select_all(temp: TempTable, node: exp.Expr, alias: exp.Expr | None = None) -> exp.Select:
    columns = [quoted_column(n) for n in column_names(temp, node)]
    return exp.Select(expressions=columns, from_=exp.From(this=table_reference(temp.name, alias)))


def named_subquery(query: exp.Expr, name: str, alias: exp.Expr | None = None) -> exp.Subquery:
    """A derived table with a name, or with an alias that the text gives it."""
    return exp.Subquery(this=query, alias=alias or exp.TableAlias(this=exp.to_identifier(name)))


def quoted_column(name: str) -> exp.Column:
    return exp.Column(this=exp.Identifier(this=name, quoted=True))


def aliased(value: exp.Expr, name: str) -> exp.Alias:
    return exp.Alias(this=value, alias=exp.Identifier(this=name, quoted=True))
