"""What a submission touches: variables, their classes, and uses of them in years."""

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


class Usage(StrEnum):
    """The ways in which a variable can be used; `ROWS` is the use of a table without any of its variables."""

    READ = "read"
    FILTERED = "filtered"
    GROUPED = "grouped"
    JOINED = "joined"
    ORDERED = "ordered"
    RELEASED = "released"


INSTITUTION_CODES = ("urn", "laestab")
"""How names of variables that tell a row's institution end, the preferred code first."""


def institution_code(variable: str) -> str | None:
    """Which code of institutions a variable holds by its name, if any: `KS4_URN` holds URNs."""
    ending = variable.casefold().rpartition(".")[2].rpartition("_")[2]
    return ending if ending in INSTITUTION_CODES else None


@dataclass(frozen=True, slots=True, order=True)
class VariableUse:
    """A (table, variable) that a submission touches, the years in which it may, and how.

    `table` is `schema.table`; `variable` is None for a use of the table's rows alone
    (`SELECT COUNT(*) FROM t`). `years` is None for tables without a year axis.
    `line` and `column` are the first place in the submitted text.
    """

    table: str
    variable: str | None
    years: Years | None
    how: frozenset[Usage]
    line: int | None = None
    column: int | None = None

    @property
    def full_name(self) -> str:
        return self.table if self.variable is None else f"{self.table}.{self.variable}"
