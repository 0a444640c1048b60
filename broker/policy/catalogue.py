"""The catalogue as one frozen model: all tables and code lists, found by the names they answer to. No I/O, no rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from broker.domain.variables import Years
from broker.policy.base import Model
from broker.policy.tables import Table, TableKind
from broker.policy.variables import Codeset


@dataclass(frozen=True, kw_only=True)
class Catalogue(Model):
    """All tables and code lists."""

    version: int
    codesets: tuple[Codeset, ...]
    tables: tuple[Table, ...]

    @cached_property
    def _by_name(self) -> dict[str, Table]:
        return {t.full_name.casefold(): t for t in self.tables}

    def find(self, full_name: str) -> Table | None:
        """A table by `schema.table` in any case."""
        return self._by_name.get(full_name.casefold())

    def find_physical(self, name: str) -> tuple[Table, Years, str] | None:
        """The table behind a physical name, the years of it that the name covers and the table has, and the suffix of
        its columns. A name that covers no such year, or that two tables claim, means nothing."""
        read = [(t, found) for t in self.tables for p in t.physical if (found := p.read(name)) is not None]
        if len(read) != 1:
            return None
        table, (covered, suffix) = read[0]
        years = covered & (table.years or frozenset())
        return (table, years, suffix) if years else None

    def table(self, full_name: str) -> Table:
        found = self.find(full_name)
        if found is None:
            raise KeyError(full_name)
        return found

    def suggested(self, granted: frozenset[str]) -> dict[str, str]:
        """Tables that may be suggested for a mistyped one, by full and by bare name: those granted, and public ones."""
        known = [t for t in self.tables if t.full_name in granted or t.kind is TableKind.PUBLIC]
        return {t.name: t.full_name for t in known} | {t.full_name: t.full_name for t in known}

    def persons(self) -> Iterator[Table]:
        return (t for t in self.tables if t.kind is TableKind.PERSON)
