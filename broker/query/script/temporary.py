"""Temporary tables while a text is read: what each name stands for at the moment. Reads no data and binds nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from broker.policy.service import Service
from broker.query.refusing import FOLLOWS, Stop
from broker.query.script.columns import Names, columns_of


@dataclass(frozen=True, slots=True)
class Definition:
    """A temporary table, as a query that is bound again at each use; `seen` holds, by casefolded name, the temporary
    tables that the query names, as they were then."""

    name: str
    query: exp.Query
    seen: Mapping[str, "Definition"]


@dataclass(frozen=True, slots=True)
class Temp:
    """A temporary table and what is known of it: the names of its columns, the types that CREATE TABLE gave them, all
    names of tables in its query, and how large and deep it is with all definitions written out. Without a definition it
    was made and holds nothing yet."""

    name: str
    definition: Definition | None
    columns: Names | None
    types: Mapping[str, exp.DataType] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    size: int = 0
    depth: int = 0


def name_of(table: exp.Table) -> str:
    """The casefolded name by which a temporary table is found; empty for names with a schema."""
    return "" if table.args.get("db") or table.args.get("catalog") else table.name.casefold()


def reference(name: str, alias: exp.Expr | None = None) -> exp.Table:
    table = exp.Table(this=exp.Identifier(this=name, quoted=True))
    if alias is not None:
        table.set("alias", alias.copy())
    return table


def reads_of(query: exp.Expr) -> frozenset[str]:
    """The names in a query that temporary tables could have."""
    return frozenset(name_of(t) for t in query.find_all(exp.Table)) - {""}


class Temps:
    """The temporary tables of one text. None stands for one whose making was refused."""

    def __init__(self, dialect: str, service: Service) -> None:
        self.dialect, self.service = dialect, service
        self.found: dict[str, Temp | None] = {}

    def seen_by(self, tree: exp.Expr) -> dict[str, Definition]:
        """The definitions that a query names; one that is not there is refused."""
        seen: dict[str, Definition] = {}
        for table in tree.find_all(exp.Table):
            name = name_of(table)
            if name.startswith("#") or name in self.found:
                definition = self.of(table).definition
                if definition is None:
                    message = "This temporary table has no rows yet."
                    raise Stop("empty-temporary", message, "Write INSERT INTO #t SELECT … first.", table)
                seen[name] = definition
        return seen

    def of(self, table: exp.Table) -> Temp:
        name = name_of(table)
        if name in self.found:
            found = self.found[name]
            if found is None:
                raise Stop(FOLLOWS, "The making of this table was refused.", "", table)
            return found
        message, advice = "No temporary table of this name is there.", "Make it first: SELECT … INTO #temp."
        raise Stop("unknown-temporary", message, advice, table)

    def define(self, name: str, query: exp.Query, node: exp.Expr, base: Temp | None = None) -> Temp:
        """Gives a name its query. `base` is what it was before, with what CREATE TABLE said."""
        seen = self.seen_by(query)
        size, depth = self.weight(query)
        columns = base.columns if base is not None and base.columns else columns_of(query, self._columns)
        made = Temp(name, Definition(name, query, seen), columns, reads=reads_of(query), size=size, depth=depth)
        if base is not None:
            made = replace(made, types=base.types, needed=base.needed)
        self.keep(made, node)
        return made

    def weight(self, query: exp.Query) -> tuple[int, int]:
        """How large and how deep a query is with its temporary tables written out."""
        parts = [t for t in map(self.found.get, map(name_of, query.find_all(exp.Table))) if t is not None]
        size = sum(1 for _ in query.find_all(exp.Select)) + sum(t.size for t in parts)
        return size, 1 + max((t.depth for t in parts), default=0)

    def keep(self, made: Temp, node: exp.Expr) -> None:
        """Definitions of definitions must not grow without end."""
        if made.depth > self.service.max_depth:
            message = f"Temporary tables are made from each other more than {self.service.max_depth} deep."
            raise Stop("too-deep", message, "Use fewer steps.", node)
        if made.size > self.service.max_tokens:
            message = f"With its temporary tables written out the text has more than {self.service.max_tokens} queries."
            raise Stop("too-long", message, "Read each temporary table fewer times.", node)
        self.found[made.name.casefold()] = made

    def _columns(self, table: exp.Table) -> Names | None:
        found = self.found.get(name_of(table))
        return found.columns if found is not None else None
