"""Approved projects and their grants."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.domain.plans.variable_uses import Years


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

    table: str
    loss: float
    delta: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ProjectApproval:
    """How a project got its data, for the public register; it decides nothing. `reference`: the data owner's number of
    the decision. `benefit`: the public benefit. `processors`: who handles data or results besides the organisation.
    `first_shared`: the day from which jobs could run."""

    reference: str = ""
    approved: date | None = None
    benefit: str = ""
    processors: tuple[str, ...] = ()
    first_shared: date | None = None


MAX_VOTES = 2
"""Two checkers who look independently are the most that a project can require."""


@dataclass(frozen=True, slots=True)
class ResearchProject:
    """A project as policy defines it: public facts for the register, members, grants, and how its outputs are released.
    `votes`: checkers who must agree before an output is released (0: policy may release automatically).
    `default_schema`: schema of table names without one; '' means that names need a schema. `privacy`: privacy profile
    of releases under differential privacy ('': none are possible). `privacy_raised`: two administrators have agreed to
    the profile's larger maximum for one release."""

    ident: str
    title: str
    organisation: str
    organisation_type: str
    gateway: str
    purpose: str
    expires: date
    mode: ProtectionMode
    profile: str
    votes: int
    dialect: str
    researchers: frozenset[str]
    grants: tuple[Grant, ...]
    default_schema: str = ""
    budgets: tuple[ProjectBudget, ...] = ()
    privacy: str = ""
    privacy_raised: bool = False
    approval: ProjectApproval = ProjectApproval()

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
