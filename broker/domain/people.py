"""Who acts: people and the roles that they hold. A role is a named set with a sentence."""

from dataclasses import dataclass
from enum import StrEnum


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
    """A person with an account. `ident` is what policies, audit and API call them."""

    ident: str
    name: str
    roles: frozenset[Role]
    active: bool = True


SYSTEM = Person("broker", "The broker", frozenset({Role.SYSTEM}))
