"""Approved projects and their grants."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from broker.domain.plans.variable_uses import Years
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.domain.stated_values import STATED, Condition, Distinct, Faults, Key, Keys, Named, at_least


class ProtectionMode(StrEnum):
    """Protection that a project must, or may, use."""

    DISCLOSURE_CONTROL = "disclosure-control"
    DIFFERENTIAL_PRIVACY = "differential-privacy"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Grant:
    """One (table, variable, years) that a project may use, and why. `years` is None for tables without years.
    `link_key`: grants joining, counting distinct persons and matching only, never release or grouping. `group_quasi`: a
    quasi-identifier may be a group key. `default_items`: the request was for the table's default items, not for this
    variable by name."""

    table: str
    variable: str
    years: Years | None
    justification: str
    link_key: bool = False
    group_quasi: bool = False
    default_items: bool = False


@dataclass(frozen=True, slots=True)
class ProjectBudget:
    """What a project may spend under differential privacy: an allotment of the unit's cap, for everything about the
    `unit` or for one `table` (`unit` is then empty: the catalogue has it). `loss` is in the unit's accounting."""

    table: Annotated[str, Named.PERSON_TABLE]
    loss: float
    delta: float = 0.0
    unit: str = ""

    @property
    def table_or_unit(self) -> str:
        return self.table or self.unit


@dataclass(frozen=True, slots=True)
class ProjectApproval:
    """How a project got its data, for the public register; it decides nothing. `reference`: the data owner's number of
    the decision. `benefit`: the public benefit. `processors`: who handles data or results besides the organisation.
    `first_shared`: the day from which jobs could run."""

    reference: Annotated[str, STATED] = ""
    approved: Annotated[date | None, STATED] = None
    benefit: Annotated[str, STATED] = ""
    processors: tuple[str, ...] = ()
    first_shared: date | None = None

    def faults(self, stated: Keys) -> Faults:
        if self.approved and self.first_shared and self.first_shared < self.approved:
            yield "first_shared", "policy-range", "Nothing is shared before it was approved."


MAX_VOTES = 2
"""Two checkers who look independently are the most that a project can require."""
_AT_MOST_TWO = Condition(lambda votes: votes <= MAX_VOTES, f"At most {MAX_VOTES} votes can be required.")
_IS_DIALECT = Condition(
    SQL_DIALECTS.__contains__, f"{{value!r}} is none of {', '.join(SQL_DIALECTS)}.", "unknown-dialect"
)


@dataclass(frozen=True, slots=True)
class ResearchProject:
    """A project as policy defines it: public facts for the register, members, grants, and how its outputs are released.
    `votes`: checkers who must agree before an output is released (0: policy may release automatically).
    `default_schema`: schema of table names without one; '' means that names need a schema. `privacy`: privacy profile
    of releases under differential privacy ('': none are possible). `privacy_raised`: two administrators have agreed to
    the profile's larger maximum for one release."""

    ident: Annotated[str, Key("project")]
    title: str
    organisation: str
    organisation_type: Annotated[str, Key("organisation")]
    gateway: str
    purpose: str
    expires: date
    mode: ProtectionMode
    profile: str
    votes: Annotated[int, at_least(0), _AT_MOST_TWO]
    dialect: Annotated[str, _IS_DIALECT]
    researchers: frozenset[str]
    grants: tuple[Grant, ...]
    default_schema: str = ""
    budgets: Annotated[tuple[ProjectBudget, ...], Distinct("budget", "table_or_unit")] = ()
    privacy: str = ""
    privacy_raised: bool = False
    approval: ProjectApproval = ProjectApproval()

    def faults(self, stated: Keys) -> Faults:
        # without a profile, no job of the project could be private
        if not self.privacy and (self.mode is ProtectionMode.DIFFERENTIAL_PRIVACY or "budgets" in stated):
            yield "", "missing-key", "A project that may be private names its privacy profile in 'privacy'."
        if self.privacy and self.mode is ProtectionMode.DISCLOSURE_CONTROL:
            yield "privacy", "mode", "A project under disclosure control alone has no privacy profile."

    def is_live(self, today: date) -> bool:
        return today <= self.expires

    def granted_years(self, table: str, variable: str) -> Years | bool | None:
        """The granted years of a variable; None if it was granted without years; False if it was not granted."""
        found = [g for g in self.grants if g.table == table and g.variable == variable]
        if not found:
            return False
        if any(g.years is None for g in found):
            return None
        return frozenset().union(*(g.years for g in found if g.years is not None))

    @property
    def tables(self) -> frozenset[str]:
        return frozenset(g.table for g in self.grants)
