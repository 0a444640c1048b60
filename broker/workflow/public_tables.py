"""Public tables: one administrator asks, a second one confirms, then a worker runs the recipe (`remembering.public`).

What somebody published elsewhere is something that an attacker knows, so to take one into the memory, or to leave one
out, decides what can leave afterwards. What was asked for cannot be changed: it is confirmed as it is, or withdrawn.
"""

import re

from broker.disclosure.published.figures import read_figures, read_rounding
from broker.domain.audit import AuditEvent
from broker.domain.errors import Forbidden, Invalid, Unknown
from broker.domain.idents import new_ident
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.domain.public_tables import PublicTable, Published
from broker.workflow.administer import check_administrator, holder
from broker.workflow.policies import policies_in_force
from broker.workflow.public_recipes import readied

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.()/&:_-]{0,99}")
MOST_SOURCE = 500
DIALECTS = ("duckdb", "tsql")


def all_public_tables(ports: Ports, person: Person) -> list[PublicTable]:
    check_administrator(person, Action.KEEP_PUBLIC_TABLES)
    return ports.store.public_tables()


def public_table(ports: Ports, person: Person, ident: str) -> PublicTable:
    check_administrator(person, Action.KEEP_PUBLIC_TABLES)
    return ports.store.public_table(ident)


def snapshots(ports: Ports) -> list[str]:
    """Those that a recipe can be run on, newest first."""
    return [s.ident for s in ports.store.snapshots() if s.retired is None]


def ask(ports: Ports, by: Person, given: Published) -> str:
    """Ask for a table to be registered; gives its id. Raises Invalid for what cannot be a public table."""
    check_administrator(by, Action.KEEP_PUBLIC_TABLES)
    now = ports.clock.now()
    ident = new_ident()
    _check(ports, given, ident)
    event = AuditEvent(now, by.ident, "public-table.asked", ident, (("snapshot", given.snapshot),))
    ports.store.ask_public_table(PublicTable(ident, given, by.ident, now), event)
    return ident


def confirm(ports: Ports, by: Person, ident: str) -> None:
    check_administrator(by, Action.KEEP_PUBLIC_TABLES)
    found = ports.store.public_table(ident)
    if holder(ports, found.by) == holder(ports, by.ident):
        raise Forbidden("second-administrator", "Whoever asked for a public table cannot confirm it.")
    now = ports.clock.now()
    ports.store.confirm_public_table(ident, by.ident, now, AuditEvent(now, by.ident, "public-table.confirmed", ident))


def withdraw(ports: Ports, by: Person, ident: str) -> None:
    """Either of them may, until it is confirmed."""
    check_administrator(by, Action.KEEP_PUBLIC_TABLES)
    now = ports.clock.now()
    ports.store.withdraw_public_table(ident, now, AuditEvent(now, by.ident, "public-table.withdrawn", ident))


def _check(ports: Ports, given: Published, ident: str) -> None:
    """Everything that can be known without data."""
    if not NAME.fullmatch(given.name):
        raise Invalid("name", "A name is 1 to 100 letters, digits, blanks and , . ( ) / & : _ -.", "/name")
    if not 0 < len(given.source) <= MOST_SOURCE or not given.source.isprintable():
        message = f"Say in at most {MOST_SOURCE} characters who published it, and where it can be read."
        raise Invalid("source", message, "/source")
    if given.dialect not in DIALECTS:
        raise Invalid("dialect", f"The recipe is written in {' or '.join(DIALECTS)}.", "/dialect")
    if given.snapshot not in snapshots(ports):
        raise Invalid("snapshot", "Choose a snapshot that is not retired.", "/snapshot")
    ready = readied(given, ident, policies_in_force(ports.store))
    read_rounding(given.rounding, ready.recipe)
    read_figures(given.figures, ready.recipe)


def named(ports: Ports, entries: list[str]) -> dict[str, str]:
    """The names of public tables that entries of the memory are of, by their ids."""
    found: dict[str, str] = {}
    for ident in dict.fromkeys(entries):
        try:
            found[ident] = ports.store.public_table(ident).published.name
        except Unknown:
            continue
    return found
