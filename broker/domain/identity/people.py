"""Who acts: people and the roles that they hold. A role is a named set with a sentence."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from broker.domain.errors import Conflict


class Role(StrEnum):
    """What a person may be. SYSTEM is the broker itself acting for nobody."""

    RESEARCHER = "researcher"
    CHECKER = "checker"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


ROLE_SENTENCES: dict[Role, str] = {
    Role.RESEARCHER: "Sends jobs for the projects that name them, and collects what was released.",
    Role.CHECKER: "Looks at outputs with their evidence, and votes on them.",
    Role.ADMINISTRATOR: "Keeps people, policies and snapshots, and can stop or recall anything; reads no output.",
    Role.SYSTEM: "The broker's own steps.",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A person with an account. `ident` is what policies, audit and API call them; the dates are those of
    their accreditation as a researcher, both included; `email` is where notices go."""

    ident: str
    name: str
    roles: frozenset[Role]
    active: bool = True
    accredited_from: date | None = None
    accredited_until: date | None = None
    email: str = ""

    def check_accredited(self, today: date) -> None:
        """Conflict("not-accredited") outside the dates of an accreditation; where none is kept, nothing is asked."""
        if self.accredited_from is not None and today < self.accredited_from:
            raise Conflict("not-accredited", f"Your accreditation begins on {self.accredited_from:%-d %B %Y}.")
        if self.accredited_until is not None and today > self.accredited_until:
            raise Conflict("not-accredited", f"Your accreditation ended on {self.accredited_until:%-d %B %Y}.")


SYSTEM = Person("broker", "The broker", frozenset({Role.SYSTEM}))
