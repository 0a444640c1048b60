"""Public tables: one administrator requests one, a second confirms it, then a worker runs the recipe.

What somebody published elsewhere is something that an attacker knows, so to take one into the memory, or to leave one
out, decides what can leave afterwards. What was asked for cannot be changed: it is confirmed as it is, or withdrawn.
"""

import re

from broker.disclosure.published_tables import read_figures, read_rounding
from broker.domain.errors import Forbidden, Invalid, Unknown
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person
from broker.domain.identity.permissions import Action
from broker.domain.ports import Ports
from broker.domain.public_tables import PublicTable, PublishedTable
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.workflow.administration.user_accounts import account_holder, check_administrator
from broker.workflow.checking.public_table_recipes import check_recipe
from broker.workflow.policies_in_force import policies_in_force

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.()/&:_-]{0,99}")
MAX_SOURCE_LENGTH = 500


def all_public_tables(ports: Ports, person: Person) -> list[PublicTable]:
    check_administrator(person, Action.MANAGE_PUBLIC_TABLES)
    return ports.store.public_tables()


def public_table(ports: Ports, person: Person, ident: str) -> PublicTable:
    check_administrator(person, Action.MANAGE_PUBLIC_TABLES)
    return ports.store.public_table(ident)


def usable_snapshots(ports: Ports) -> list[str]:
    """Those that a recipe can be run on, newest first."""
    return [s.ident for s in ports.store.snapshots() if s.retired is None]


def request_public_table(ports: Ports, by: Person, published: PublishedTable) -> str:
    """Ask for a table to be registered; gives its id. Raises Invalid for what cannot be a public table."""
    check_administrator(by, Action.MANAGE_PUBLIC_TABLES)
    now = ports.clock.now()
    ident = new_ident()
    _check(ports, published, ident)
    event = AuditEvent(now, by.ident, "public-table.asked", ident, (("snapshot", published.snapshot),))
    ports.store.request_public_table(PublicTable(ident, published, by.ident, now), event)
    return ident


def confirm_public_table(ports: Ports, by: Person, ident: str) -> None:
    check_administrator(by, Action.MANAGE_PUBLIC_TABLES)
    found = ports.store.public_table(ident)
    if account_holder(ports, found.by) == account_holder(ports, by.ident):
        raise Forbidden("second-administrator", "Whoever asked for a public table cannot confirm it.")
    now = ports.clock.now()
    ports.store.confirm_public_table(ident, by.ident, now, AuditEvent(now, by.ident, "public-table.confirmed", ident))


def withdraw_public_table(ports: Ports, by: Person, ident: str) -> None:
    """Either of them may, until it is confirmed."""
    check_administrator(by, Action.MANAGE_PUBLIC_TABLES)
    now = ports.clock.now()
    ports.store.withdraw_public_table(ident, now, AuditEvent(now, by.ident, "public-table.withdrawn", ident))


def _check(ports: Ports, published: PublishedTable, ident: str) -> None:
    """Everything that can be known without data."""
    if not NAME.fullmatch(published.name):
        raise Invalid("name", "A name is 1 to 100 letters, digits, blanks and , . ( ) / & : _ -.", "/name")
    if not 0 < len(published.source) <= MAX_SOURCE_LENGTH or not published.source.isprintable():
        message = f"Say in at most {MAX_SOURCE_LENGTH} characters who published it, and where it can be read."
        raise Invalid("source", message, "/source")
    if published.dialect not in SQL_DIALECTS:
        raise Invalid("dialect", f"The recipe is written in {' or '.join(SQL_DIALECTS)}.", "/dialect")
    if published.snapshot not in usable_snapshots(ports):
        raise Invalid("snapshot", "Choose a snapshot that is not retired.", "/snapshot")
    ready = check_recipe(published, ident, policies_in_force(ports.store))
    read_rounding(published.rounding, ready.recipe)
    read_figures(published.figures, ready.recipe)


def public_table_names(ports: Ports, entries: list[str]) -> dict[str, str]:
    """The names of public tables that entries of the memory are of, by their ids."""
    found: dict[str, str] = {}
    for ident in dict.fromkeys(entries):
        try:
            found[ident] = ports.store.public_table(ident).published.name
        except Unknown:
            continue
    return found
