"""Name resolution: names to tables of the catalogue, bindings of a FROM and their columns, in any case."""

from dataclasses import dataclass

from sqlglot import exp

from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType
from broker.domain.plans.variable_uses import Years
from broker.domain.projects.project import ResearchProject
from broker.domain.spelling_hints import SpellingHints, did_you_mean
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable
from broker.query.bound_relations import Ctes
from broker.query.diagnostics import CONSEQUENTIAL, BindError
from broker.query.dialects.base import Dialect
from broker.query.symbols import SymbolTable

NAME_ARGS = frozenset({"this", "table", "db", "catalog"})
PHYSICAL_DATABASE = "npd"
"""The database that holds physical tables; each project sees its own schema of it."""
SHARED_SCHEMA = "dbo"
"""The schema that physical names may be written with beside the project's own."""


@dataclass(frozen=True, slots=True)
class ResolvedTable:
    """What a name in FROM means. A physical name means some years of its table: `years` is the filter that its rows
    must pass, None for a catalogue name. `suffix` is what its columns may end in. `schemas` and `databases` are the
    words that may stand before the name in front of a column."""

    table: CatalogueTable
    years: Years | None = None
    suffix: str = ""
    schemas: frozenset[str] = frozenset()
    databases: frozenset[str] = frozenset()

    def year_filter(self, scan: int, symbols: SymbolTable) -> Scalar | None:
        """The condition that keeps a scan inside the years of its name; None for a catalogue name."""
        axis = self.table.year
        if self.years is None or axis is None:
            return None
        variable = self.table.find(axis.variable)
        assert variable is not None
        column = symbols.column(scan, variable)
        values = (Literal(axis.format.write(year), variable.type) for year in sorted(self.years))
        tests = tuple(Call("equal", (column, value), ScalarType.TRUTH) for value in values)
        return tests[0] if len(tests) == 1 else Call("or", tests, ScalarType.TRUTH)

    def table_binding(self, node: exp.Table, scan: int) -> "TableBinding":
        """The table under the name that a FROM gives it. An alias takes the place of the whole name."""
        if node.alias:
            return TableBinding(node.alias.casefold(), None, scan, None, suffix=self.suffix)
        return TableBinding(
            node.name.casefold(), min(self.schemas, default=None), scan, None, suffix=self.suffix,
            schemas=self.schemas, databases=self.databases,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableBinding:
    """A named thing in FROM: a scan (columns made as they are named) or a derived table (columns given)."""

    name: str
    schema: str | None
    scan: int | None
    columns: dict[str, ColumnRef] | None
    person: int | None = None
    """The id of the person number of its rows."""
    suffix: str = ""
    schemas: frozenset[str] = frozenset()
    databases: frozenset[str] = frozenset()

    def is_named(self, name: str, schema: str, database: str) -> bool:
        """Whether the words before a column, folded, name this source."""
        if name and name != self.name:
            return False
        return schema in {"", self.schema} | self.schemas and database in {""} | self.databases

    def find(self, name: str, symbols: SymbolTable) -> ColumnRef | None:
        folded = name.casefold()
        if self.scan is None:
            return (self.columns or {}).get(folded)
        variable = self._variable(folded, symbols.tables[self.scan])
        return symbols.column(self.scan, variable) if variable else None

    def _variable(self, folded: str, table: CatalogueTable) -> Variable | None:
        """A physical table's columns end in its suffix; the catalogue's name is understood too."""
        bare = folded.removesuffix(self.suffix.casefold())
        return (table.find(bare) if bare != folded else None) or table.find(folded)

    def column_names(self, symbols: SymbolTable) -> dict[str, str]:
        """What its columns are called here, but for identifiers that nobody is granted."""
        if self.scan is None:
            return {name: name for name in self.columns or {}}
        shown = symbols.tables[self.scan].suggestable_names
        return {name + end: name + self.suffix for name in shown for end in {"", self.suffix}}


def is_plain_name(part: object) -> bool:
    """Whether a part of a name is only a name: not a function, a variable, or a temporary table's."""
    return isinstance(part, exp.Identifier) and not any(v and k not in {"this", "quoted"} for k, v in part.args.items())


def resolve_table(node: exp.Table, catalogue: Catalogue, project: ResearchProject, dialect: Dialect) -> ResolvedTable:
    """What a name in FROM means to this project. A table that is another project's answers like one that nobody has."""
    parts = [node.args.get(k) for k in ("catalog", "db")]
    if not is_plain_name(node.this) or not all(is_plain_name(part) for part in parts if part):
        raise BindError(
            "table-function", "Only tables of the catalogue can be read.", "Name a table as schema.table.", node
        )
    found = _by_catalogue(node, catalogue, project, dialect) or _by_physical(node, catalogue, project)
    if found is None:
        advice = "Names are schema.table, as `broker` lists them in the catalogue."
        advice += _similar_tables(node, catalogue, project)
        raise BindError("unknown-table", "There is no such table in the catalogue.", advice, node)
    return found


def _by_catalogue(
    node: exp.Table, catalogue: Catalogue, project: ResearchProject, dialect: Dialect
) -> ResolvedTable | None:
    default = project.default_schema
    if node.catalog.casefold() not in {"", dialect.database}:
        return None
    schema = default if not node.db or node.db.casefold() == dialect.default_schema else node.db
    table = catalogue.find(f"{schema}.{node.name}")
    if table is None:
        return None
    schemas = {table.schema_name.casefold()}
    if dialect.default_schema is not None and table.schema_name.casefold() == default.casefold():
        schemas.add(dialect.default_schema)
    return ResolvedTable(table, schemas=frozenset(schemas), databases=frozenset({dialect.database}))


def _by_physical(node: exp.Table, catalogue: Catalogue, project: ResearchProject) -> ResolvedTable | None:
    schemas = {project.ident.casefold(), SHARED_SCHEMA}
    if node.catalog.casefold() not in {"", PHYSICAL_DATABASE} or node.db.casefold() not in {"", *schemas}:
        return None
    found = catalogue.find_physical(node.name)
    return ResolvedTable(*found, frozenset(schemas), frozenset({PHYSICAL_DATABASE})) if found else None


def _similar_tables(node: exp.Table, catalogue: Catalogue, project: ResearchProject) -> str:
    """Tables that were granted, and public ones. The schema and the database that were written change nothing unless
    they are the catalogue's, so that the answer tells of no other project."""
    physical = catalogue.find_physical(node.name)
    if physical is not None and physical[0].full_name in project.tables:
        return f" Did you mean {PHYSICAL_DATABASE.upper()}.{project.ident}.{node.name}?"
    schemas = {t.schema_name.casefold() for t in catalogue.tables}
    written = f"{node.db}.{node.name}" if node.db.casefold() in schemas else node.name
    return did_you_mean(written, catalogue.suggestable_tables(project.tables))


class Scope:
    """The sources of one SELECT, and the one outside for what is only reported."""

    def __init__(self, symbols: SymbolTable, outer_scope: "Scope | None" = None, ctes: "Ctes | None" = None) -> None:
        self.sources: list[TableBinding] = []
        self.ctes: Ctes = ctes or {}
        self.using_columns: dict[str, ColumnRef] = {}
        """Columns that a USING made one."""
        self.outer_columns: set[int] = set()
        """Columns of the rows outside that this SELECT reads."""
        self.is_incomplete = False
        """Whether some source could not be bound, so that an unknown name may be its column."""
        self._symbols = symbols
        self._outer_scope = outer_scope
        self._hints = SpellingHints()

    def add(self, source: TableBinding, node: exp.Expr) -> None:
        if any(s.name == source.name and s.schema == source.schema for s in self.sources):
            raise BindError("duplicate-name", "Two tables in FROM have one name.", "Give each an alias.", node)
        self.sources.append(source)

    def resolve(self, node: exp.Column) -> ColumnRef:
        """The column that a name means; refused if it means none, or more than one."""
        parts = [node.args.get(k) for k in NAME_ARGS]
        if not all(p is None or is_plain_name(p) for p in parts) or any(
            v and k not in NAME_ARGS for k, v in node.args.items()
        ):
            raise BindError("column-name", "A column is named alias.variable.", "Use the table's alias.", node)
        words = node.table.casefold(), node.db.casefold(), node.catalog.casefold()
        if not node.table and node.name.casefold() in self.using_columns:
            return self.using_columns[node.name.casefold()]
        sources = [s for s in self.sources if s.is_named(*words)]
        if not sources and node.table:
            names = {s.name: s.name for s in self.sources}
            return self._resolve_outside(
                node, "unknown-table", f"No table in FROM is called {_printable(node.table)}.", node.table, names
            )
        found = [c for s in sources if (c := s.find(node.name, self._symbols)) is not None]
        if not found:
            names = {spelling: shown for s in sources for spelling, shown in s.column_names(self._symbols).items()}
            message = f"There is no variable {_printable(node.name)} here."
            return self._resolve_outside(node, "unknown-variable", message, node.name, names)
        if len(found) > 1:
            message = f"{_printable(node.name)} is in more than one table of FROM."
            raise BindError("ambiguous", message, "Write alias.variable.", node)
        return found[0]

    def source_of(self, column: ColumnRef) -> TableBinding | None:
        """The source that gives a column, here or outside."""
        scans = self._symbols.scans_of(column.ident)
        for source in self.sources:
            if source.scan in scans or (source.columns and column in source.columns.values()):
                return source
        return self._outer_scope.source_of(column) if self._outer_scope is not None else None

    def _resolve_outside(
        self, node: exp.Column, code: str, message: str, written: str, names: dict[str, str]
    ) -> ColumnRef:
        if self._outer_scope is not None:
            found = self._outer_scope.resolve(node)
            self.outer_columns.add(found.ident)
            return found
        if self.is_incomplete:
            raise BindError(CONSEQUENTIAL, message, "", node)
        advice = "Names are those of the catalogue, in any case." + self._hints.suggest(written, names)
        raise BindError(code, message, advice, node)


def _printable(name: str) -> str:
    return name if name.isprintable() and len(name) <= 80 else "that"
