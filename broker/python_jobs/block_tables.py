"""The rows in the blocks of a private script: the header's tables, variables and years. Pure; refuses a second kind of
person."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.errors import Refusal
from broker.domain.plans.variable_uses import VariableUse, Years
from broker.policy.data_catalogue import Catalogue, TableKind

ONE_UNIT_ONLY = Refusal(
    "private-unit",
    "A private script can be about pupils or about staff, but not about both.",
    "Use tables about one of them, and public tables.",
)


@dataclass(frozen=True, slots=True)
class BlockTable:
    """A table of the header. `years` is None for a table without years."""

    name: str
    variables: tuple[str, ...]
    years: Years | None


@dataclass(frozen=True, slots=True)
class BlockTables:
    """Tables of the blocks. `public` tables are complete in every block; of a table in `persons`, each block has the
    rows of its own persons. `unit`: whom privacy protects."""

    public: tuple[BlockTable, ...]
    persons: tuple[BlockTable, ...]
    unit: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(t.name for t in (*self.public, *self.persons))


def block_tables(uses: Sequence[VariableUse], catalogue: Catalogue) -> BlockTables | Refusal:
    """Tables of the blocks, or a refusal if they have no unit or several. Tables outside the catalogue are ignored here
    and refused elsewhere."""
    known = {t.full_name: t for t in catalogue.tables}
    names = sorted({u.table for u in uses if u.table in known})
    persons = [n for n in names if known[n].kind is TableKind.PERSON]
    units = {known[n].unit for n in persons}
    if len(units) != 1 or None in units:
        return ONE_UNIT_ONLY
    public = tuple(_block_table(n, uses) for n in names if n not in persons)
    return BlockTables(public, tuple(_block_table(n, uses) for n in persons), str(units.pop()))


def _block_table(name: str, uses: Sequence[VariableUse]) -> BlockTable:
    own = [u for u in uses if u.table == name]
    variables = tuple(dict.fromkeys(u.variable for u in own if u.variable))
    return BlockTable(name, variables, years_of(uses, name))


def years_of(uses: Sequence[VariableUse], table: str) -> Years | None:
    """Years of all uses of one table; None if one of them has no years."""
    years = [use.years for use in uses if use.table == table]
    return None if None in years else frozenset().union(*(y for y in years if y is not None))
