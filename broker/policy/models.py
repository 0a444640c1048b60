"""Policy as frozen models: catalogue, projects, profiles, combination rules. No I/O; every threshold lives here as data."""

import hashlib
import json
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

from broker.domain.projects import Project
from broker.domain.scalars import Type
from broker.domain.variables import VariableClass, Years


class Model(BaseModel):
    """Every policy model is frozen and refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


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


class Codeset(Model):
    """A code list: codes in the spelling that the vault stores, in the order that tables show them."""

    name: str
    codes: tuple[str, ...]
    labels: dict[str, str] = {}


class Variable(Model):
    """One variable as the catalogue describes it.

    `codes` is the code list of a categorical variable (None: free); `low`/`high` the bounds of a number
    (inclusive) and the width of a list of whole numbers; `decimals` the digits of a fixed-point score (None: not
    fixed-point); `missing` whether NULL can occur; `default_item` whether a plain request for the table gives it;
    `register_key` names the public register column ("ref.schools.LA") whose values are the list of this variable.
    """

    name: str
    type: Type
    cls: VariableClass
    identifiability: str | None = None
    default_item: bool = False
    codeset: str | None = None
    codes: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    decimals: int | None = None
    missing: bool = True
    listed: bool = False
    register_key: str | None = None
    description: str = ""

    @property
    def is_group_list(self) -> bool:
        """Whether rows of a released table can be listed from the catalogue alone."""
        return self.codes is not None or self.type is Type.FLAG or (self.listed and self.low is not None)


class YearAxis(Model):
    """Which column holds the year, how it is written, and the years that exist."""

    variable: str
    format: YearFormat
    years: frozenset[int]


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


class MainRecord(Model):
    """Which of a person's rows of one year is the main record: rows are ordered by these expressions
    (variable, ascending?, NULL first?) before a salted hash breaks ties."""

    variable: str
    ascending: bool = True
    nulls_first: bool = True


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

    def table(self, full_name: str) -> Table:
        found = self.find(full_name)
        if found is None:
            raise KeyError(full_name)
        return found

    def persons(self) -> Iterator[Table]:
        return (t for t in self.tables if t.kind is TableKind.PERSON)


class CombinationRule(Model):
    """What may not meet in one job. `any_of` and `with_any` hold "class:x", "table:schema.table" or
    "variable:name" (in any table, any case); the rule is broken when the job uses one of each side, in one of
    `years` of a table on the `any_of` side where `years` is given. `under_gateway` limits it to projects whose
    gateway contains the text; `replace` and `default_items_only` state the other two forms of the DfE's rules."""

    id: str
    note: str
    any_of: tuple[str, ...] = ()
    with_any: tuple[str, ...] = ()
    years: frozenset[int] | None = None
    under_gateway: str | None = None
    replace: dict[str, str] = {}
    default_items_only: bool = False


class ZeroPolicy(StrEnum):
    """What a zero cell needs: a person's look, suppression like a small cell, or nothing."""

    REVIEW = "review"
    SUPPRESS = "suppress"
    PUBLISH = "publish"


class Profile(Model):
    """A set of disclosure rules with its parameters; the only place where thresholds stand.

    t                   least distinct persons behind a released statistic (F1, M1)
    zeros, full         what zero cells (F2) and full cells (F3: one category holds the share `full_share`) need
    p_percent           M3: the remainder after the two largest contributors, in percent of the largest
    dominance_n, dominance_k   M2 (n,k): None switches it off
    round_base          conventional rounding of counts (1: none)
    mean_digits, percent_digits, sum_digits   significant digits after the decimal point of released figures
                        (`sum_digits` negative rounds to tens, hundreds)
    min_interval        least width of what an attacker derives about a suppressed count
    max_listed_rows     largest cross product of code lists that is written out; beyond it only cells that pass
    small_quota         jobs of wholly small populations that a project may have before a person looks at all
    protects_institutions, min_institutions   F6 and M3 on schools (Digital Economy Act)
    """

    name: str
    source: str
    t: int
    zeros: ZeroPolicy = ZeroPolicy.REVIEW
    full: ZeroPolicy = ZeroPolicy.REVIEW
    full_share: float = 1.0
    p_percent: float | None = 10.0
    dominance_n: int = 2
    dominance_k: float | None = None
    round_base: int = 5
    mean_digits: int = 1
    percent_digits: int = 1
    sum_digits: int = 0
    min_interval: int = 10
    dof: int = 10
    max_listed_rows: int = 20000
    small_quota: int = 3
    protects_institutions: bool = False
    min_institutions: int = 3
    suppressed_symbol: Literal["c"] = "c"


class Service(Model):
    """Limits and defaults of the service itself: caps on text, on jobs, on files. Bytes and seconds."""

    text_bytes: int
    max_tokens: int
    max_depth: int
    max_scans: int
    sql_wall_seconds: int
    python_wall_seconds: int
    memory_bytes: int
    output_bytes: int
    output_files: int
    processes: int
    threads: int
    scratch_bytes: int
    allowed_files: tuple[str, ...]
    max_file_bytes: int
    max_file_rows: int
    max_attempts: int
    jobs_per_project: int
    withheld_told_after_hours: int = 48
    """A withheld output looks like one in review until then: a decision by a person could have been made."""


class Policies(Model):
    """Everything that policy says, as one value with one fingerprint."""

    catalogue: Catalogue
    projects: tuple[Project, ...]
    profiles: tuple[Profile, ...]
    combinations: tuple[CombinationRule, ...]
    service: Service

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of all policies."""
        return hashlib.sha256(canonical_json(self.model_dump(mode="json")).encode()).hexdigest()

    def project(self, ident: str) -> Project | None:
        return next((p for p in self.projects if p.ident == ident), None)

    def profile(self, name: str) -> Profile:
        return next(p for p in self.profiles if p.name == name)


def canonical_json(value: object) -> str:
    """JSON with sorted keys; lists that stand for sets are sorted by the dumper below."""
    return json.dumps(_sorted_sets(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _sorted_sets(value: object) -> object:
    if isinstance(value, dict):
        return {k: _sorted_sets(v) for k, v in value.items()}
    if isinstance(value, list):
        items = [_sorted_sets(v) for v in value]
        return sorted(items) if items and all(isinstance(i, (int, str)) for i in items) else items
    return value
