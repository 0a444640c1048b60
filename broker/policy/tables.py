"""A table of the catalogue as frozen models: its rows, its persons, its years and its names. No I/O and no rules."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from broker.domain.variables import VariableClass, Years
from broker.policy.base import Model
from broker.policy.variables import Variable


class Unit(StrEnum):
    """Whom privacy protects."""

    PUPIL = "pupil"
    STAFF = "staff"


class TableKind(StrEnum):
    PERSON = "person"
    PUBLIC = "public"


class YearFormat(StrEnum):
    """How a table writes a year. The integer is always the first calendar year.

    ACADEMIC  '2022/2023' → 2022 (text)
    TAX       202223 → 2022 (integer)
    CALENDAR  2022 → 2022 (integer; the November census of that autumn)
    ENDING    2023 → 2022 (integer; the year in which the reporting year ends)
    """

    ACADEMIC = "academic"
    TAX = "tax"
    CALENDAR = "calendar"
    ENDING = "ending"

    def write(self, year: int) -> str | int:
        """The value that the table's year column has in `year`."""
        match self:
            case YearFormat.ACADEMIC:
                return f"{year}/{year + 1}"
            case YearFormat.TAX:
                return year * 100 + (year + 1) % 100
            case YearFormat.CALENDAR:
                return year
            case YearFormat.ENDING:
                return year + 1


@dataclass(frozen=True, kw_only=True)
class YearAxis(Model):
    """Which column holds the year, how it is written, and the years that exist."""

    variable: str
    format: YearFormat
    years: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class PhysicalName(Model):
    """A name that the secure research service gives to a table: a regular expression over the bare table name.

    A group `year` holds the year as written, `year_offset` is added to make the first calendar year
    (Spring_Census_2019 is 2018: -1). Fixed names without a group cover `years`. `suffix` is what each column's
    name ends in, with `{yy}` for the two last digits of the written year.
    """

    pattern: str
    year_offset: int = -1
    years: frozenset[int] | None = None
    suffix: str = ""

    def read(self, name: str) -> "tuple[Years, str] | None":
        """The years that a name, in any case, stands for, and what its columns end in; None if it is another name."""
        found = re.fullmatch(self.pattern, name, re.IGNORECASE | re.ASCII)
        if found is None:
            return None
        if self.years is not None:
            return self.years, self.suffix
        written = found["year"]
        return frozenset({int(written) + self.year_offset}), self.suffix.replace("{yy}", written[-2:])


@dataclass(frozen=True, kw_only=True)
class MainRecord(Model):
    """Which of a person's rows of one year is the main record: rows are ordered by these expressions
    (variable, ascending?, NULL first?) before a salted hash breaks ties."""

    variable: str
    ascending: bool = True
    nulls_first: bool = True


MOST_RANKED = 255
"""A stored rank is one byte. Rows of this rank or a later one share it, and no rank filter reaches them."""


@dataclass(frozen=True, kw_only=True)
class Ranking(Model):
    """Rows of a person and year that are numbered apart for each value of `within`, which are listed variables of the
    table: whoever asks for some values has the first rows of these, and not what is left of the first rows of all.
    `rows`: how many of one value count, unless a query names fewer."""

    within: tuple[str, ...]
    rows: int

    @property
    def column(self) -> str:
        """The vault's column of these ranks."""
        return "__r_" + "_".join(self.within)


@dataclass(frozen=True, kw_only=True)
class Table(Model):
    """One table: what its rows are, which column links a person, how it tells the year."""

    schema_name: str
    name: str
    kind: TableKind
    description: str = ""
    unit: Unit | None = None
    link_key: str | None = None
    key_domain: str | None = None
    second_key: str | None = None
    second_key_domain: str | None = None
    year: YearAxis | None = None
    physical: tuple[PhysicalName, ...] = ()
    max_rows_per_unit_year: int = 1
    main_record: tuple[MainRecord, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    grantable: bool = True
    unique_key: str | None = None
    """Public tables: the column that is unique, so that a join on it multiplies nothing."""
    variables: tuple[Variable, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema_name}.{self.name}"

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        return {v.name.casefold(): v for v in self.variables}

    def find(self, name: str) -> Variable | None:
        """A variable by its name in any case."""
        return self._by_name.get(name.casefold())

    @property
    def suggested(self) -> list[str]:
        """Names that may be suggested for a mistyped one: all but identifiers that nobody is granted."""
        hidden = {VariableClass.IDENTIFIER, VariableClass.INSTANT_IDENTIFIER}
        return [v.name for v in self.variables if v.cls not in hidden or self.is_link_key(v.name)]

    def is_link_key(self, name: str) -> bool:
        keys = {k.casefold() for k in (self.link_key, self.second_key) if k}
        return name.casefold() in keys

    def domain_of_key(self, name: str) -> str | None:
        if self.link_key and name.casefold() == self.link_key.casefold():
            return self.key_domain
        if self.second_key and name.casefold() == self.second_key.casefold():
            return self.second_key_domain
        return None

    @property
    def years(self) -> Years | None:
        return self.year.years if self.year else None

    @property
    def most_ranked(self) -> int:
        """Rows of a person and year that count, where nothing says fewer: no more than ranks can tell apart."""
        return min(self.max_rows_per_unit_year, MOST_RANKED)
