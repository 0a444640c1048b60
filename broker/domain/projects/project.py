"""Approved projects and what they were granted."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.domain.plans.variable_uses import Years


class ProtectionMode(StrEnum):
    """Which way of being safe a project must, or may, use."""

    DISCLOSURE_CONTROL = "disclosure-control"
    DIFFERENTIAL_PRIVACY = "differential-privacy"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Grant:
    """One (table, variable, years) that a project may use, and why.

    `years` is None for tables without a year axis. `link_key` grants joining, counting distinct and
    matching only: never release, never a group. `group_quasi` lets a quasi-identifier be a group key.
    `default_items` says that the table was asked for by its default items, and not this variable by its name.
    """

    table: str
    variable: str
    years: Years | None
    justification: str
    link_key: bool = False
    group_quasi: bool = False
    default_items: bool = False


@dataclass(frozen=True, slots=True)
class ProjectBudget:
    """What a project may spend under differential privacy: an allotment of the cap per unit. Of all that is about the
    `unit`, or of one `table` (then `unit` is empty: the catalogue has it). `loss` is in the unit's accounting."""

    table: str
    loss: float
    delta: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class ProjectApproval:
    """How a project came to its data, for the public register: it decides nothing. `reference` is the data owner's
    number of the decision, `benefit` what the public gains, `processors` who handles data or results beside the
    organisation, `first_shared` the day from which jobs could run."""

    reference: str = ""
    approved: date | None = None
    benefit: str = ""
    processors: tuple[str, ...] = ()
    first_shared: date | None = None


@dataclass(frozen=True, slots=True)
class ResearchProject:
    """A project as policy states it: public facts for the register, members, grants, and how its outputs leave.

    `votes` is how many checkers must agree before an output leaves (0 = what policy lets go automatically).
    `default_schema` is where a bare table name is looked for; '' means that names need their schema.
    `privacy` names the privacy profile of what leaves under differential privacy ('': nothing can); `privacy_raised`
    says that two administrators have agreed to the profile's larger maximum for one release.
    """

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
        """The years granted of a variable; None where granted without a year axis; False where not granted."""
        found = [g for g in self.grants if g.table == table and g.variable == variable]
        if not found:
            return False
        if any(g.years is None for g in found):
            return None
        return frozenset().union(*(g.years for g in found if g.years is not None))

    @property
    def tables(self) -> frozenset[str]:
        return frozenset(g.table for g in self.grants)
