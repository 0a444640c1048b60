"""Name resolution: resolves names to catalogue tables, sources of a FROM and their columns, ignoring case."""

import re
from dataclasses import dataclass

from sqlglot import exp

from broker.domain.plans.scalars import ColumnRef, Literal, Scalar, any_of, truth_call
from broker.domain.plans.variable_uses import Years
from broker.domain.projects.project import ResearchProject
from broker.domain.spelling_hints import SpellingHints, near_names, question
from broker.policy.data_catalogue import Catalogue, CatalogueTable, Variable
from broker.query.bound_relations import Ctes
from broker.query.diagnostics import CONSEQUENTIAL, BindError, Respelling
from broker.query.dialects.base import Dialect
from broker.query.symbols import SymbolTable

NAME_ARGS = frozenset({"this", "table", "db", "catalog"})
PHYSICAL_DATABASE = "npd"
"""The database of physical tables. Each project sees its own schema of it."""
YEAR_NAME = re.compile(r"yr|year", re.IGNORECASE)
SHARED_SCHEMA = "dbo"
"""The schema, besides the project's own, that physical names may be written with."""


@dataclass(frozen=True, slots=True)
class ResolvedTable:
    """The table that a name in FROM stands for. A physical name stands for some years of a table: `years` is the filter
    on its rows (None for a catalogue name), `suffix` the possible ending of its columns. `schemas` and `databases` may
    precede the name in front of a column."""

    table: CatalogueTable
    years: Years | None = None
    suffix: str = ""
    schemas: frozenset[str] = frozenset()
    databases: frozenset[str] = frozenset()

    def year_filter(self, scan: int, symbols: SymbolTable) -> Scalar | None:
        """Condition that limits a scan to the years of its name; None for a catalogue name."""
        axis = self.table.year
        if self.years is None or axis is None:
            return None
        variable = self.table.find(axis.variable)
        assert variable is not None
        column = symbols.column(scan, variable)
        values = (Literal(axis.format.write(year), variable.type) for year in sorted(self.years))
        return any_of(truth_call("equal", column, value) for value in values)

    def table_binding(self, node: exp.Table, scan: int) -> "TableBinding":
        """Bind the table under its name in FROM. An alias replaces the whole name."""
        if node.alias:
            return TableBinding(node.alias.casefold(), None, scan, None, suffix=self.suffix)
        return TableBinding(
            node.name.casefold(), min(self.schemas, default=None), scan, None, suffix=self.suffix,
            schemas=self.schemas, databases=self.databases,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableBinding:
    """A named source in FROM: a scan (its columns are added when they are named) or a derived table (its columns are
    given)."""

    name: str
    schema: str | None
    scan: int | None
    columns: dict[str, ColumnRef] | None
    person: int | None = None
    """Id of the person number of its rows."""
    suffix: str = ""
    schemas: frozenset[str] = frozenset()
    databases: frozenset[str] = frozenset()

    def is_named(self, name: str, schema: str, database: str) -> bool:
        """Whether the case-folded words before a column name this source."""
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
        """Variable of a column name. Columns of a physical table may end in its suffix; the catalogue name is accepted
        too."""
        bare = folded.removesuffix(self.suffix.casefold())
        # the physical name of a column has the suffix, the catalogue name has not
        return (table.find(bare) if bare != folded else None) or table.find(folded)

    def column_names(self, symbols: SymbolTable) -> dict[str, str]:
        """Names of its columns, for spelling hints: excludes identifiers, which nobody is granted."""
        if self.scan is None:
            return {name: name for name in self.columns or {}}
        shown = symbols.tables[self.scan].suggestable_names
        return {name + end: name + self.suffix for name in shown for end in {"", self.suffix}}


def is_plain_name(part: object) -> bool:
    """Whether a part of a name is a plain identifier: not a function, a variable or the name of a temporary table."""
    return isinstance(part, exp.Identifier) and not any(v and k not in {"this", "quoted"} for k, v in part.args.items())


def resolve_table(node: exp.Table, catalogue: Catalogue, project: ResearchProject, dialect: Dialect) -> ResolvedTable:
    """Resolve a table name of FROM for this project. A table of another project is refused with the same message as a
    name that does not exist. Raises BindError."""
    parts = [node.args.get(k) for k in ("catalog", "db")]
    if not is_plain_name(node.this) or not all(is_plain_name(part) for part in parts if part):
        raise BindError(
            "table-function", "You can read only tables of the catalogue.", "Name a table as schema.table.", node
        )
    found = _by_catalogue(node, catalogue, project, dialect) or _by_physical(node, catalogue, project)
    if found is None:
        advice = "Write the table as schema.table, as in the catalogue."
        near = _similar_tables(node, catalogue, project)
        first = next((part for part in (*parts, node.this) if part), node.this)
        respelling = Respelling(first, node.this, near[0]) if len(near) == 1 else None
        message = "The catalogue does not have this table."
        raise BindError("unknown-table", message, advice + question(near), node, None, respelling)
    return found


def _by_catalogue(
    node: exp.Table, catalogue: Catalogue, project: ResearchProject, dialect: Dialect
) -> ResolvedTable | None:
    default = project.default_schema
    if node.catalog.casefold() not in {"", dialect.database}:
        return None
    schema = default if not node.db or node.db.casefold() == dialect.default_schema else node.db
    table = catalogue.find(f"{schema}.{node.name}")
    if table is None and not node.db:  # a name without a schema, of a table that the project was granted
        names = [n for n in catalogue.suggestable_tables(project.tables).values() if _bare(n) == node.name.casefold()]
        table = catalogue.find(names[0]) if len(set(names)) == 1 else None
    if table is None:
        return None
    schemas = {table.schema_name.casefold()}
    if dialect.default_schema is not None and table.schema_name.casefold() == default.casefold():
        schemas.add(dialect.default_schema)
    return ResolvedTable(table, schemas=frozenset(schemas), databases=frozenset({dialect.database}))


def _bare(full_name: str) -> str:
    return full_name.rpartition(".")[2].casefold()


def _by_physical(node: exp.Table, catalogue: Catalogue, project: ResearchProject) -> ResolvedTable | None:
    schemas = {project.ident.casefold(), SHARED_SCHEMA}  # each project sees its own schema and the shared one
    if node.catalog.casefold() not in {"", PHYSICAL_DATABASE} or node.db.casefold() not in {"", *schemas}:
        return None
    found = catalogue.find_physical(node.name)
    return ResolvedTable(*found, frozenset(schemas), frozenset({PHYSICAL_DATABASE})) if found else None


def _similar_tables(node: exp.Table, catalogue: Catalogue, project: ResearchProject) -> list[str]:
    """Similar names of granted and public tables. The written schema is ignored unless it is the catalogue's, so that
    the hint reveals nothing about other projects."""
    physical = catalogue.find_physical(node.name)
    # only for granted tables, so that the hint reveals nothing about others
    if physical is not None and physical[0].full_name in project.tables:
        return [f"{PHYSICAL_DATABASE.upper()}.{project.ident}.{node.name}"]
    schemas = {t.schema_name.casefold() for t in catalogue.tables}
    written = f"{node.db}.{node.name}" if node.db.casefold() in schemas else node.name
    return near_names(written, catalogue.suggestable_tables(project.tables))


class Scope:
    """The sources of one SELECT, and the outer scope for correlated columns."""

    def __init__(self, symbols: SymbolTable, outer_scope: "Scope | None" = None, ctes: "Ctes | None" = None) -> None:
        self.sources: list[TableBinding] = []
        self.ctes: Ctes = ctes or {}
        self.using_columns: dict[str, ColumnRef] = {}
        """Columns that USING has merged."""
        self.outer_columns: set[int] = set()
        """Columns of outer rows that this SELECT reads."""
        self.is_incomplete = False
        """Whether a source could not be bound. An unknown name may then be one of its columns."""
        self.columns_of_refused: set[str] | None = set()
        """Case-folded names of the columns that refused sources have; None if they may have any."""
        self._symbols = symbols
        self.outer_scope = outer_scope
        self._hints = SpellingHints()

    def add(self, source: TableBinding, node: exp.Expr) -> None:
        if any(s.name == source.name and s.schema == source.schema for s in self.sources):
            raise BindError(
                "duplicate-name", "Two tables in FROM have the same name.", "Give each table an alias.", node
            )
        self.sources.append(source)

    def resolve(self, node: exp.Column) -> ColumnRef:
        """Resolve a column name. Raises BindError if no column or more than one matches."""
        parts = [node.args.get(k) for k in NAME_ARGS]
        if not all(p is None or is_plain_name(p) for p in parts) or any(
            v and k not in NAME_ARGS for k, v in node.args.items()
        ):
            raise BindError("column-name", "Write a column as alias.variable.", "Use the table's alias.", node)
        words = node.table.casefold(), node.db.casefold(), node.catalog.casefold()
        if not node.table and node.name.casefold() in self.using_columns:  # USING has merged this column
            return self.using_columns[node.name.casefold()]
        sources = [s for s in self.sources if s.is_named(*words)]
        if not sources and node.table:
            names = {s.name: s.name for s in self.sources}
            return self._resolve_outside(
                node, "unknown-table", f"No table in FROM has the name {_printable(node.table)}.", node.table, names
            )
        found = [c for s in sources if (c := s.find(node.name, self._symbols)) is not None]
        if not found:
            names = {spelling: shown for s in sources for spelling, shown in s.column_names(self._symbols).items()}
            message = f"There is no variable {_printable(node.name)} here."
            return self._resolve_outside(node, "unknown-variable", message, node.name, names)
        if len(found) > 1:
            message = f"More than one table in FROM has the variable {_printable(node.name)}."
            raise BindError("ambiguous", message, "Write alias.variable.", node)
        return found[0]

    def source_of(self, column: ColumnRef) -> TableBinding | None:
        """The source, here or outside, that gives a column."""
        scans = self._symbols.scans_of(column.ident)
        for source in self.sources:
            if source.scan in scans or (source.columns and column in source.columns.values()):
                return source
        return self.outer_scope.source_of(column) if self.outer_scope is not None else None

    def _resolve_outside(
        self, node: exp.Column, code: str, message: str, written: str, names: dict[str, str]
    ) -> ColumnRef:
        if self.outer_scope is not None:  # an unknown name may be a column of the outer query
            found = self.outer_scope.resolve(node)
            self.outer_columns.add(found.ident)
            return found
        if self.is_incomplete and self._may_be_of_refused(
            node
        ):  # the name may be a column of the source that was refused
            raise BindError(CONSEQUENTIAL, message, "", node)
        near = self._hints.near(written, names) or self._year_names(written)
        token = node.args["table" if code == "unknown-table" else "this"]
        respelling = Respelling.of(token, near[0]) if len(near) == 1 else None
        advice = "Check the name in the catalogue. Capital letters do not matter." + question(near)
        raise BindError(code, message, advice, node, None, respelling)

    def _may_be_of_refused(self, node: exp.Column) -> bool:
        known, name = self.columns_of_refused, node.name.casefold()
        # a similar name may be the right spelling of the one that was refused there
        return bool(node.table) or known is None or name in known or bool(near_names(name, {k: k for k in known}))

    def note_refused(self, source: exp.Expr) -> None:
        """Note that a source was refused. Its columns are known if it is a SELECT that names them."""
        self.is_incomplete = True
        known = self.ctes.get(source.name.casefold()) if isinstance(source, exp.Table) and not source.db else None
        query = known.query.unnest() if known is not None else source.unnest()
        names = [item.alias_or_name.casefold() for item in query.selects] if isinstance(query, exp.Select) else [""]
        alias = source.args.get("alias")
        has_list = bool((known is not None and known.columns) or (alias is not None and alias.args.get("columns")))
        if "" in names or "*" in names or has_list or source.args.get("pivots") or self.columns_of_refused is None:
            self.columns_of_refused = None
        else:
            self.columns_of_refused |= set(names)

    def _year_names(self, written: str) -> list[str]:
        """The year columns of the sources, if the name is that of a year: each table has its own name for it."""
        if not YEAR_NAME.search(written):
            return []
        tables = [self._symbols.tables[s.scan] for s in self.sources if s.scan in self._symbols.tables]
        return list(dict.fromkeys(t.year.variable for t in tables if t.year is not None))


def _printable(name: str) -> str:
    return name if name.isprintable() and len(name) <= 80 else "that"
