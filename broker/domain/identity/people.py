"""Who acts: people and their roles. Each role has a name and a sentence."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.domain.errors import Conflict


class Role(StrEnum):
    """Roles of a person. SYSTEM is the broker acting on its own behalf."""

    RESEARCHER = "researcher"
    CHECKER = "checker"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


ROLE_SENTENCES: dict[Role, str] = {
    Role.RESEARCHER: "Submits jobs for their projects, and downloads released results.",
    Role.CHECKER: "Reviews outputs with their evidence, and votes on them.",
    Role.ADMINISTRATOR: "Manages people, policies and snapshots, and can stop or recall anything. Cannot read outputs.",
    Role.SYSTEM: "The broker's own steps.",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account. `ident` is their name in policies, audit and API. The dates limit their accreditation
    as a researcher, both included. `email` receives notices."""

    ident: str
    name: str
    roles: frozenset[Role]
    active: bool = True
    accredited_from: date | None = None
    accredited_until: date | None = None
    email: str = ""

    def check_accredited(self, today: date) -> None:
        """Raises Conflict("not-accredited") outside the dates of an accreditation. Without stored dates, there is no
        check."""
        if self.accredited_from is not None and today < self.accredited_from:
            raise Conflict("not-accredited", f"Your accreditation begins on {self.accredited_from:%-d %B %Y}.")
        if self.accredited_until is not None and today > self.accredited_until:
            raise Conflict("not-accredited", f"Your accreditation ended on {self.accredited_until:%-d %B %Y}.")


SYSTEM = Person("broker", "The broker", frozenset({Role.SYSTEM}))
