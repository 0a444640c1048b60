"""Names to columns: tables of the catalogue, sources of a FROM and their columns, in any case. No meaning."""

import re
from dataclasses import dataclass

from sqlglot import exp

from broker.domain.scalars import Column
from broker.policy.models import Catalogue, Table
from broker.query.book import Book
from broker.query.refusing import FOLLOWS, Stop

NAME_ARGS = frozenset({"this", "table", "db"})


@dataclass(frozen=True, slots=True)
class Source:
    """A named thing in FROM: a scan (columns made as they are named) or a derived table (columns given)."""

    name: str
    schema: str | None
    scan: int | None
    columns: dict[str, Column] | None
    renamed: tuple[str, ...] = ()

    def find(self, name: str, book: Book) -> Column | None:
        folded = name.casefold()
        if self.scan is None:
            return (self.columns or {}).get(folded)
        variable = book.tables[self.scan].find(folded)
        return book.column(self.scan, variable) if variable else None


def is_plain(part: object) -> bool:
    """Whether a part of a name is only a name: not a function, a variable, or a temporary table's."""
    return isinstance(part, exp.Identifier) and not any(v and k not in {"this", "quoted"} for k, v in part.args.items())


def find_table(node: exp.Table, catalogue: Catalogue, default_schema: str) -> Table:
    """The catalogue table that a name in FROM means."""
    if not is_plain(node.this):
        raise Stop("table-function", "Only tables of the catalogue can be read.", "Name a table as schema.table.", node)
    if node.db and not is_plain(node.args["db"]):
        raise Stop("table-function", "Only tables of the catalogue can be read.", "Name a table as schema.table.", node)
    if node.args.get("catalog") or _is_physical(node.name, catalogue):
        message = "A physical table name is not understood yet."
        raise Stop("physical-name", message, "Write the catalogue name, schema.table, and filter on the year.", node)
    schema = node.db or default_schema
    found = catalogue.find(f"{schema}.{node.name}")
    if found is None:
        advice = "Names are schema.table, as `broker` lists them in the catalogue."
        raise Stop("unknown-table", "There is no such table in the catalogue.", advice, node)
    return found


def _is_physical(name: str, catalogue: Catalogue) -> bool:
    patterns = (p.pattern for t in catalogue.tables for p in t.physical)
    bare = any(t.name.casefold() == name.casefold() for t in catalogue.tables)
    return not bare and any(re.fullmatch(p, name, re.IGNORECASE) for p in patterns)


class Names:
    """The sources of one SELECT, and the one outside for what is only reported."""

    def __init__(self, book: Book, outside: "Names | None" = None) -> None:
        self.sources: list[Source] = []
        self.broken = False
        """Whether some source could not be bound, so that an unknown name may be its column."""
        self._book = book
        self._outside = outside

    def add(self, source: Source, node: exp.Expr) -> None:
        if any(s.name == source.name and s.schema == source.schema for s in self.sources):
            raise Stop("duplicate-name", "Two tables in FROM have one name.", "Give each an alias.", node)
        self.sources.append(source)

    def column(self, node: exp.Column) -> Column:
        """The column that a name means; refused if it means none, or more than one."""
        parts = [node.args.get(k) for k in ("this", "table", "db")]
        if not all(p is None or is_plain(p) for p in parts) or any(
            v and k not in NAME_ARGS for k, v in node.args.items()
        ):
            raise Stop("column-name", "A column is named alias.variable.", "Use the table's alias.", node)
        table, schema = node.table.casefold(), node.db.casefold()
        places = [s for s in self.sources if not table or (s.name == table and schema in {"", s.schema})]
        if table and not places:
            return self._elsewhere(node, "unknown-table", f"No table in FROM is called {_shown(node.table)}.")
        found = [c for s in places if (c := s.find(node.name, self._book)) is not None]
        if not found:
            return self._elsewhere(node, "unknown-variable", f"There is no variable {_shown(node.name)} here.")
        if len(found) > 1:
            message = f"{_shown(node.name)} is in more than one table of FROM."
            raise Stop("ambiguous", message, "Write alias.variable.", node)
        return found[0]

    def _elsewhere(self, node: exp.Column, code: str, message: str) -> Column:
        if self._outside is not None:
            return self._outside.column(node)
        if self.broken:
            raise Stop(FOLLOWS, message, "", node)
        raise Stop(code, message, "Names are those of the catalogue, in any case.", node)


def _shown(name: str) -> str:
    return name if name.isprintable() and len(name) <= 80 else "that"
