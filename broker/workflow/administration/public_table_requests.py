"""Public tables: one administrator requests one, a second confirms it, then a worker runs the recipe.

An attacker knows what others have published. So entering a table in the release history, or leaving it out, decides
what can be released afterwards. A request cannot be changed: it is confirmed as it is, or withdrawn.
"""

import re
from contextlib import suppress

from broker.disclosure.published_tables import read_figures, read_rounding
from broker.domain.errors import Invalid, Unknown
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person
from broker.domain.ports import Ports
from broker.domain.public_tables import PublicTable, PublishedTable
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.workflow.administration.user_accounts import check_administrator, check_second_administrator
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
    """Return the snapshots on which a recipe can run, newest first."""
    return [s.ident for s in ports.store.snapshots() if s.retired is None]


def request_public_table(ports: Ports, by: Person, published: PublishedTable) -> str:
    """Request the registration of a table and return its id. Raises Invalid if it cannot be a public table."""
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
    check_second_administrator(ports, found.by, by, "requested this public table", "confirm")
    now = ports.clock.now()
    ports.store.confirm_public_table(ident, by.ident, now, AuditEvent(now, by.ident, "public-table.confirmed", ident))


def withdraw_public_table(ports: Ports, by: Person, ident: str) -> None:
    """Withdraw a request. Any administrator may do this until the table is confirmed."""
    check_administrator(by, Action.MANAGE_PUBLIC_TABLES)
    now = ports.clock.now()
    ports.store.withdraw_public_table(ident, now, AuditEvent(now, by.ident, "public-table.withdrawn", ident))


def _check(ports: Ports, published: PublishedTable, ident: str) -> None:
    """Check all that can be checked without data. Raises Invalid."""
    if not NAME.fullmatch(published.name):
        raise Invalid("name", "Enter a name of 1 to 100 letters, digits, blanks and , . ( ) / & : _ -.", "/name")
    if not 0 < len(published.source) <= MAX_SOURCE_LENGTH or not published.source.isprintable():
        message = f"Enter who published the table and where it can be read, in at most {MAX_SOURCE_LENGTH} characters."
        raise Invalid("source", message, "/source")
    if published.dialect not in SQL_DIALECTS:
        raise Invalid("dialect", f"Write the recipe in {' or '.join(SQL_DIALECTS)}.", "/dialect")
    if published.snapshot not in usable_snapshots(ports):
        raise Invalid("snapshot", "Choose a snapshot that is not retired.", "/snapshot")
    # Checked at the request, so that the second administrator never confirms a table that cannot run.
    ready = check_recipe(published, ident, policies_in_force(ports.store))
    read_rounding(published.rounding, ready.recipe)
    read_figures(published.figures, ready.recipe)


def public_table_names(ports: Ports, entries: list[str]) -> dict[str, str]:
    """Return the names of the public tables behind entries of the release history, by id. Entries of releases are left
    out."""
    found: dict[str, str] = {}
    for ident in dict.fromkeys(entries):
        with suppress(Unknown):
            found[ident] = ports.store.public_table(ident).published.name
    return found
