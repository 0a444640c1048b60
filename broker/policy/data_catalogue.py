"""The catalogue as frozen models: tables, variables, code lists, year formats, and how people write years. No I/O, no
rules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from broker.domain import stated_values
from broker.domain.plans.scalars import ScalarType, Value
from broker.domain.plans.variable_uses import IDENTIFIERS, VariableClass, Years
from broker.policy.band_rules import BandRules
from broker.policy.code_lists import CodeList, Codeset, CodeYears
from broker.policy.policy_model import PolicyModel
from broker.policy.written_years import WrittenYears

MAX_LISTED_VALUES = 5000
"""Most whole numbers that a variable may list one by one."""
STORED_TYPES = frozenset({ScalarType.INT, ScalarType.FLAG, ScalarType.DECIMAL, ScalarType.TEXT, ScalarType.DATE})
NUMBERS = frozenset({ScalarType.INT, ScalarType.DECIMAL})
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IS_NAME = stated_values.Condition(NAME.fullmatch, "{value!r} is no name of a variable.", "variable-name")
_HAS_VARIABLES = stated_values.Condition(len, "A table needs variables.", "empty-list")
_HAS_TABLES = stated_values.Condition(len, "There is no table in the catalogue.", "policy-file")
_STORED_SENTENCE = f"A stored variable is {', '.join(sorted(STORED_TYPES))}, not {{value}}."
_IS_STORED = stated_values.Condition(STORED_TYPES.__contains__, _STORED_SENTENCE, "variable-type")
_IS_IDENTIFIABILITY = stated_values.Condition(
    re.compile(r"[1-5][A-E]").fullmatch, "Identifiability is a digit 1-5 and a letter A-E.", "identifiability"
)


@dataclass(frozen=True, kw_only=True)
class Variable(PolicyModel):
    """One variable of the catalogue.

    - `codes`: code list of a categorical variable; None if it has none.
    - `code_years`: of codes that do not exist in every year.
    - `low`, `high`: bounds of a number (inclusive), and the ends of a list of whole numbers.
    - `decimals`: decimal places of a fixed-point number; None if it is not one.
    - `missing`: NULL can occur, or with `missing_until` in years up to that one.
    - `default_item`: a plain request for the table includes it.
    - `register_key`: public register column ("ref.schools.LA") whose values are the list of this variable.
    - `band_grid`, `band_width`: of a quasi-identifier that is a number: bands of it are coarse enough to group by if
      their edges are multiples of the first, and at least the second apart.
    - `band_months`: the same for a date, in calendar months.
    - `most`: most distinct values in one file (ingest verifies it), if there is no list or range."""

    name: Annotated[str, _IS_NAME]
    type: Annotated[ScalarType, _IS_STORED]
    cls: Annotated[VariableClass, stated_values.Key("class")]
    identifiability: Annotated[str | None, stated_values.Key("dfe"), _IS_IDENTIFIABILITY] = None
    default_item: Annotated[bool, stated_values.Key("default")] = False
    codeset: str | None = None
    codes: CodeList | None = None
    code_years: Annotated[tuple[CodeYears, ...], stated_values.NOT_STATED] = ()
    low: Annotated[float | None, stated_values.OR_NULL] = None
    high: Annotated[float | None, stated_values.OR_NULL] = None
    decimals: stated_values.Whole | None = None
    missing: bool = True
    missing_until: int | None = None
    listed: bool = False
    register_key: Annotated[str | None, stated_values.Key("register")] = None
    most: stated_values.Positive | None = None
    band_grid: float | None = None
    band_width: float | None = None
    band_months: stated_values.Positive | None = None
    description: Annotated[str, stated_values.Key("about")] = ""

    def faults(self, stated: stated_values.Keys) -> stated_values.Faults:
        if {"codeset", "codes"} <= stated:
            yield "codes", "codes", "A variable has either a codeset or codes of its own."
        if {"codeset", "codes"} & stated and self.type is not ScalarType.TEXT:
            yield "type", "codes", "A variable with a code list is text."
        if self.missing_until is not None and not self.missing:
            yield "missing_until", "missing", "A variable that is never missing has no last year in which it is."
        if (self.type is ScalarType.DECIMAL) != (self.decimals is not None):
            yield "decimals", "decimals", "Decimals belong to variables of type decimal, and to no other."
        if (self.low is None) != (self.high is None):
            yield "", "bounds", "A bound needs its other side: give low and high."
        yield from self._faults_of_bands()
        if self.low is not None and self.high is not None:
            yield from self._faults_of_bounds(self.low, self.high)
        elif self.listed:
            yield "listed", "bounds", "A listed variable needs low and high."

    def _faults_of_bands(self) -> stated_values.Faults:
        bands = self.bands
        is_number = bands.grid is not None or bands.width is not None
        if is_number and not (bands.grid and bands.width and bands.grid > 0 and not bands.width % bands.grid):
            yield "", "bands", "Bands of a number need band_grid and band_width, a multiple of it."
        if (is_number or bands.months) and self.cls is not VariableClass.QUASI:
            yield "", "bands", "Only quasi-identifiers have bands."
        if (is_number and self.type not in NUMBERS) or (bands.months and self.type is not ScalarType.DATE):
            yield "", "bands", "Numbers have band_grid and band_width, and dates have band_months."

    @cached_property
    def bands(self) -> BandRules:
        """Which bands of the variable are coarse enough."""
        return BandRules.of(self.band_grid, self.band_width, self.band_months, self.low, self.high)

    def _faults_of_bounds(self, low: float, high: float) -> stated_values.Faults:
        if self.type not in NUMBERS:
            yield "low", "bounds", "Only numbers have bounds."
        if low > high:
            yield "low", "empty-range", f"The range {low:g}..{high:g} is empty."
        if self.type is ScalarType.INT and (low % 1 or high % 1):
            yield "low", "bounds", "The bounds of a whole number are whole."

    @cached_property
    def values(self) -> tuple[int | str, ...] | None:
        """All values of a row besides NULL, in order, if a code list or a list of whole numbers defines them; None
        otherwise. Ingest refuses any other value."""
        if self.codes is not None:
            # codes are text, also those of a whole number
            return tuple(int(c) if self.type.is_whole else c for c in self.codes)
        if self.type is ScalarType.FLAG:
            return (0, 1)
        if not self.listed or self.low is None or self.high is None or self.high - self.low > MAX_LISTED_VALUES:
            return None
        return tuple(range(int(self.low), int(self.high) + 1))

    @property
    def changes_by_year(self) -> bool:
        """Whether values, or NULL, cannot occur in every year."""
        return bool(self.code_years) or self.missing_until is not None

    def years_of(self, value: Value, years: Years) -> Years:
        """Those of some years in which a row can have the value."""
        ends = next((of for of in self.code_years if of.code == value), None)
        return years if ends is None else frozenset(year for year in years if ends.include(year))

    def can_be_missing(self, years: Years | None) -> bool:
        """Whether NULL can occur in one of the years; None: in any year."""
        until = self.missing_until
        return self.missing and (until is None or years is None or any(year <= until for year in years))

    @property
    def possible_value_count(self) -> int | None:
        """Number of distinct values that are possible, from a list or from a range with its decimal places; None if
        unknown."""
        if self.values is not None:
            return len(self.values)
        if self.low is None or self.high is None:
            return None
        steps = 10 ** (self.decimals or 0)
        # decimals, because binary fractions would miscount the steps
        return int((Decimal(repr(self.high)) - Decimal(repr(self.low))) * steps) + 1


class PrivacyUnit(StrEnum):
    """The persons that privacy protects."""

    PUPIL = "pupil"
    STAFF = "staff"


class TableKind(StrEnum):
    PERSON = "person"
    PUBLIC = "public"


class YearFormat(StrEnum):
    """How a table writes a year. The integer is always the first calendar year.

    - ACADEMIC: '2022/2023' → 2022 (text)
    - TAX: 202223 → 2022 (integer)
    - CALENDAR: 2022 → 2022 (integer; the November census of that autumn)
    - ENDING: 2023 → 2022 (integer; the year in which the reporting year ends)"""

    ACADEMIC = "academic"
    TAX = "tax"
    CALENDAR = "calendar"
    ENDING = "ending"

    def write(self, year: int) -> str | int:
        """Value of the table's year column for `year`."""
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
class YearAxis(PolicyModel):
    """The column that holds the year, its format, and the years that exist."""

    variable: Annotated[str, stated_values.Named.OWN_VARIABLE]
    format: YearFormat
    years: WrittenYears


@dataclass(frozen=True, kw_only=True)
class PhysicalName(PolicyModel):
    """A table name of the secure research service: a regular expression for the bare name. A group `year` holds the
    year as written; `year_offset` is added to get the first calendar year (Spring_Census_2019 is 2018: -1). A fixed
    name without a group covers `years`. `suffix` is the ending of each column name, with `{yy}` for the last two digits
    of the written year."""

    pattern: str
    year_offset: int = -1
    years: WrittenYears | None = None
    suffix: str = ""

    def faults(self, stated: stated_values.Keys) -> stated_values.Faults:
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            yield "pattern", "pattern", f"{self.pattern!r} is no regular expression: {error}."
            return
        if ("year" in groups) == (self.years is not None):
            yield "pattern", "pattern", "A name has either a group `year` or the years that it covers."

    def read(self, name: str) -> "tuple[Years, str] | None":
        """Return the years that a name (ignoring case) covers, and the ending of its columns. None if the name does not
        match."""
        match = re.fullmatch(self.pattern, name, re.IGNORECASE | re.ASCII)
        if match is None:
            return None
        if self.years is not None:
            return self.years, self.suffix
        written = match["year"]
        return frozenset({int(written) + self.year_offset}), self.suffix.replace("{yy}", written[-2:])


@dataclass(frozen=True, kw_only=True)
class MainRecord(PolicyModel):
    """Defines which of a person's rows of one year is the main record. Rows are ordered by these expressions (variable,
    ascending?, NULL first?); then a salted hash breaks ties."""

    variable: Annotated[str, stated_values.Named.OWN_VARIABLE]
    ascending: bool = True
    nulls_first: bool = True


MAX_RANK = 255
"""A stored rank is one byte. Rows from this rank on share it, and no rank filter selects them."""


@dataclass(frozen=True, kw_only=True)
class RowRanking(PolicyModel):
    """Numbers the rows of a person and year separately for each value of `within`, which are listed variables of the
    table. A query for some values then gets the first rows with these values, not the remainder of the first rows of
    all. `rows`: rows of one value that count, unless a query names fewer."""

    within: tuple[Annotated[str, stated_values.Named.LISTED_VARIABLE], ...]
    rows: stated_values.Positive

    def faults(self, stated: stated_values.Keys) -> stated_values.Faults:
        if not self.within or len(set(self.within)) < len(self.within):
            yield "within", "ranking", "Rows are ranked within listed variables, each once."

    @property
    def column(self) -> str:
        """Column of the vault with these ranks."""
        return "__r_" + "_".join(self.within)


@dataclass(frozen=True, kw_only=True)
class CatalogueTable(PolicyModel):
    """One table: what its rows are, which column links persons, and how it states the year."""

    schema_name: Annotated[str, stated_values.Key("table")]
    name: Annotated[str, stated_values.Key("table")]
    kind: TableKind
    description: Annotated[str, stated_values.Key("about"), stated_values.STATED] = ""
    unit: PrivacyUnit | None = None
    link_key: Annotated[str | None, stated_values.Named.OWN_VARIABLE] = None
    key_domain: str | None = None
    second_key: Annotated[str | None, stated_values.Named.OWN_VARIABLE] = None
    second_key_domain: str | None = None
    year: YearAxis | None = None
    physical: tuple[PhysicalName, ...] = ()
    max_rows_per_unit_year: stated_values.Positive = 1
    main_record: tuple[MainRecord, ...] = ()
    rankings: tuple[RowRanking, ...] = ()
    grantable: bool = True
    unique_key: Annotated[str | None, stated_values.Named.OWN_VARIABLE] = None
    """Unique column of a public table: a join on it multiplies no rows."""
    variables: Annotated[tuple[Variable, ...], _HAS_VARIABLES, stated_values.Distinct("variable", "name")]

    def faults(self, stated: stated_values.Keys) -> stated_values.Faults:
        if self.kind is TableKind.PERSON and not (self.unit and self.link_key and self.key_domain):
            yield "", "link-key", "A table of persons needs unit, link_key and key_domain."
        if self.kind is TableKind.PUBLIC and (self.link_key or self.unit):
            yield "", "link-key", "A public table has neither link_key nor unit."
        if bool(self.second_key) != bool(self.second_key_domain):
            yield "", "link-key", "second_key and second_key_domain belong together."
        columns = [r.column for r in self.rankings]
        if len(set(columns)) < len(columns) or any(r.rows > self.max_ranked_rows for r in self.rankings):
            yield "rankings", "ranking", "A ranking stands once, with no more rows than the table has."
        for key in ("link_key", "second_key"):
            variable = self.find(getattr(self, key) or "")
            if variable is not None and variable.cls is not VariableClass.IDENTIFIER:
                yield key, "link-key", f"The link key {variable.name} has to be of class identifier."
        axis = self.year and self.find(self.year.variable)
        # academic years are text, all other formats are integers
        wanted = ScalarType.TEXT if self.year and self.year.format is YearFormat.ACADEMIC else ScalarType.INT
        if self.year and axis and axis.type is not wanted:
            yield "year", "year-format", f"A year of format {self.year.format} is stored as {wanted}."

    @property
    def full_name(self) -> str:
        return f"{self.schema_name}.{self.name}"

    @cached_property
    def _by_name(self) -> dict[str, Variable]:
        return {v.name.casefold(): v for v in self.variables}

    def find(self, name: str) -> Variable | None:
        """A variable by name, ignoring case; None if unknown."""
        return self._by_name.get(name.casefold())

    @property
    def suggestable_names(self) -> list[str]:
        """Names that spelling hints may contain: all but identifiers, which nobody is granted."""
        return [v.name for v in self.variables if self.can_grant(v)]

    def can_grant(self, variable: Variable) -> bool:
        """Whether a project may be granted a variable: link keys can be granted, other identifiers cannot."""
        return variable.cls not in IDENTIFIERS or self.is_link_key(variable.name)

    @cached_property
    def _key_domains(self) -> dict[str, str | None]:
        keys = ((self.link_key, self.key_domain), (self.second_key, self.second_key_domain))
        return {key.casefold(): domain for key, domain in keys if key}

    def is_link_key(self, name: str) -> bool:
        return name.casefold() in self._key_domains

    def domain_of_key(self, name: str) -> str | None:
        return self._key_domains.get(name.casefold())

    @property
    def years(self) -> Years | None:
        return self.year.years if self.year else None

    @property
    def max_ranked_rows(self) -> int:
        """Most rows of a person and year that count, limited to those that ranks can distinguish."""
        return min(self.max_rows_per_unit_year, MAX_RANK)


@dataclass(frozen=True, kw_only=True)
class Catalogue(PolicyModel):
    """All tables and code lists."""

    version: stated_values.Positive
    codesets: tuple[Codeset, ...]
    tables: Annotated[tuple[CatalogueTable, ...], _HAS_TABLES, stated_values.Distinct("table", "full_name")]

    @cached_property
    def _by_name(self) -> dict[str, CatalogueTable]:
        return {t.full_name.casefold(): t for t in self.tables}

    def find(self, full_name: str) -> CatalogueTable | None:
        """A table by `schema.table`, ignoring case; None if unknown."""
        return self._by_name.get(full_name.casefold())

    def find_physical(self, name: str) -> tuple[CatalogueTable, Years, str] | None:
        """Table of a physical name, the years that the name covers and the table has, and the ending of its columns.
        None if the name covers no such year, or two tables match it."""
        matches = [(t, found) for t in self.tables for p in t.physical if (found := p.read(name)) is not None]
        if len(matches) != 1:  # a name that two tables claim is ambiguous
            return None
        table, (covered, suffix) = matches[0]
        years = covered & (table.years or frozenset())
        return (table, years, suffix) if years else None

    def table(self, full_name: str) -> CatalogueTable:
        found = self.find(full_name)
        if found is None:
            raise KeyError(full_name)
        return found

    def variables_named(self, name: str) -> Iterator[tuple[CatalogueTable, Variable]]:
        """The variables of a name, also after its table, or its schema and table; ignoring case."""
        before, _, last = name.casefold().rpartition(".")
        for table in self.tables:
            variable = table.find(last)
            if variable is not None and before in {"", table.name.casefold(), table.full_name.casefold()}:
                yield table, variable

    def suggestable_tables(self, granted: frozenset[str]) -> dict[str, str]:
        """Tables that spelling hints may contain, by full and by bare name: granted and public ones."""
        known = [t for t in self.tables if t.full_name in granted or t.kind is TableKind.PUBLIC]
        return {t.name: t.full_name for t in known} | {t.full_name: t.full_name for t in known}
