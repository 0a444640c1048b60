"""What a submission uses: variables, their classes, and their uses in years."""

from dataclasses import dataclass
from enum import StrEnum

Years = frozenset[int]
"""Years by their first calendar year (2022 for '2022/2023', tax year 202223 and SWC 2022)."""


class VariableClass(StrEnum):
    """How a variable may be treated at all, before any grant."""

    INSTANT_IDENTIFIER = "instant-identifier"
    IDENTIFIER = "identifier"
    SENSITIVE = "sensitive"
    STANDARD = "standard"
    QUASI = "quasi"
    PUBLIC = "public"


IDENTIFIERS = frozenset({VariableClass.INSTANT_IDENTIFIER, VariableClass.IDENTIFIER})
"""Classes of which nothing is granted but link keys."""


class Usage(StrEnum):
    """The ways in which a variable can be used."""

    READ = "read"
    FILTERED = "filtered"
    GROUPED = "grouped"
    JOINED = "joined"
    ORDERED = "ordered"
    RELEASED = "released"


INSTITUTION_CODES = ("urn", "laestab")
"""Endings of the names of variables that identify a row's institution, the preferred code first."""


def institution_code(variable: str) -> str | None:
    """The code of institutions that a variable holds, by its name: `KS4_URN` holds URNs. None for other variables."""
    ending = variable.casefold().rpartition(".")[2].rpartition("_")[2]
    return ending if ending in INSTITUTION_CODES else None


@dataclass(frozen=True, slots=True, order=True)
class VariableUse:
    """A use of (table, variable): the years in which a submission may read it, and how. `table` is `schema.table`.
    `variable` is None for a use of the rows alone (`SELECT COUNT(*) FROM t`). `years` is None for tables without years.
    `line` and `column` are the first position in the submitted text."""

    table: str
    variable: str | None
    years: Years | None
    how: frozenset[Usage]
    line: int | None = None
    column: int | None = None

    @property
    def full_name(self) -> str:
        return self.table if self.variable is None else f"{self.table}.{self.variable}"
