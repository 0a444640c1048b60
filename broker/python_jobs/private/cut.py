"""Which rows the blocks of a private script are made of: the header's tables, variables and years. Pure; refuses a
second kind of person."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.errors import Refusal
from broker.domain.variables import Use, Years
from broker.policy.catalogue import Catalogue
from broker.policy.tables import TableKind

UNIT = Refusal(
    "private-unit",
    "A private script is about one kind of person to whom something is promised: pupils, or staff.",
    "Name tables of one of them, and public ones.",
)


@dataclass(frozen=True, slots=True)
class CutTable:
    """A table of the header. `years` is None for a table without a year axis."""

    name: str
    variables: tuple[str, ...]
    years: Years | None


@dataclass(frozen=True, slots=True)
class Cut:
    """`public` tables are whole in every block; of `persons` tables a block has the rows of its own persons."""

    public: tuple[CutTable, ...]
    persons: tuple[CutTable, ...]
    unit: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(t.name for t in (*self.public, *self.persons))


def cut_of(uses: Sequence[Use], catalogue: Catalogue) -> Cut | Refusal:
    """Of tables that the catalogue has; others are refused elsewhere."""
    known = {t.full_name: t for t in catalogue.tables}
    names = sorted({u.table for u in uses if u.table in known})
    persons = [n for n in names if known[n].kind is TableKind.PERSON]
    units = {known[n].unit for n in persons}
    if len(units) != 1 or None in units:
        return UNIT
    public = tuple(_table(n, uses) for n in names if n not in persons)
    return Cut(public, tuple(_table(n, uses) for n in persons), str(units.pop()))


def _table(name: str, uses: Sequence[Use]) -> CutTable:
    own = [u for u in uses if u.table == name]
    variables = tuple(dict.fromkeys(u.variable for u in own if u.variable))
    years: Years | None = frozenset()
    for use in own:
        years = None if years is None or use.years is None else years | use.years
    return CutTable(name, variables, years)
