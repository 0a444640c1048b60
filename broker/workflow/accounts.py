"""Accounts: sessions, one's own tokens, and people as administrators keep them. Nobody acts as somebody else.

A session is a token with a short life that the browser keeps in a cookie: it is stored as a hash only, ends by itself,
survives a restart of the web process, and signing out revokes it at once.

Two administrators give power: an account that is new, has a role more or is active again waits, inactive, until a
second administrator asks for exactly the same. So no administrator alone makes a checker, or their own second.
"""

import re
import secrets
from dataclasses import replace
from datetime import date, timedelta

from broker.domain.audit import AuditEvent
from broker.domain.errors import Forbidden, Invalid, Unknown
from broker.domain.people import Person
from broker.domain.permissions import Action, check_roles
from broker.domain.plain_text import check_plain
from broker.domain.ports import Access, Ports
from broker.workflow.administer import PERSON_PUT, check_administrator, holder, token_hash

SESSION_LIFE = timedelta(hours=8)
"""However busy: then one signs in again."""

SESSION_IDLE = timedelta(minutes=30)
"""A session that nobody uses ends by itself."""

IDENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")

ASKED = ("active", "asked")

COMPARED = frozenset({"roles", "accredited-from", "accredited-until"})
"""What both administrators must have asked for."""


def open_session(ports: Ports, person: Person) -> str:
    """A session's secret, told once to the browser that signed in."""
    token = secrets.token_urlsafe(32)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "session.opened", person.ident)
    ports.store.put_token(token_hash(token), person.ident, now + SESSION_LIFE, [event], made=now, session=True)
    return token


def end_token(ports: Ports, person: Person, token: str) -> None:
    """Revoke a session or token of one's own; one that is gone already is fine."""
    event = AuditEvent(ports.clock.now(), person.ident, "token.revoked", person.ident)
    try:
        ports.store.revoke_token(token_hash(token), [event])
    except Unknown:
        return


def person_by_session(ports: Ports, token: str) -> Person | None:
    """Who has this session, if it is good and was used lately; it is used now."""
    return ports.store.person_by_token(token_hash(token), ports.clock.now(), SESSION_IDLE)


def own_accesses(ports: Ports, person: Person, token: str) -> tuple[list[Access], str]:
    """One's sessions and tokens, and which of them asks."""
    now = ports.clock.now()
    found = [a for a in ports.store.accesses(person.ident, now) if a.seen is None or a.seen > now - SESSION_IDLE]
    return found, token_hash(token)


def end_others(ports: Ports, person: Person, token: str, ident: str | None = None) -> int:
    """End one's other sessions and tokens: all of them, or one."""
    event = AuditEvent(ports.clock.now(), person.ident, "token.revoked", person.ident)
    return ports.store.end_accesses(person.ident, token_hash(token), [event], ident)


def list_people(ports: Ports, person: Person) -> list[Person]:
    check_administrator(person, Action.MANAGE_PEOPLE)
    return ports.store.people()


def account(ports: Ports, by: Person, ident: str) -> Person | None:
    """The account as it is now, if there is one."""
    check_administrator(by, Action.MANAGE_PEOPLE)
    return _stored(ports, ident)


def keep_person(ports: Ports, by: Person, person: Person, password_hash: str | None = None) -> Person:
    """Make or change an account; returns it as it is now. Taking power away holds at once, giving it needs two.

    One's own account, and a password that is there, are not an administrator's to change: else one administrator
    could sign in as the second. Raises Forbidden for these, Invalid for a field that no account may have.
    """
    check_administrator(by, Action.MANAGE_PEOPLE)
    if by.ident == person.ident:
        raise Forbidden("own-account", "Another administrator changes your account.")
    check_roles(person)
    before = _stored(ports, person.ident)
    if before is None or _details(before) != _details(person):
        _check_details(person)
    if password_hash is not None and before is not None:
        raise Forbidden("password-is-theirs", "The account exists; its password cannot be set by somebody else.")
    asked = person.active and _gives_power(before, person) and not _is_seconded(ports, by, person)
    kept = replace(person, active=person.active and not asked)
    active = ASKED if asked else ("active", str(kept.active).lower())
    password = (("password", "set"),) if password_hash is not None else ()
    codes = (("roles", _roles(person)), *_accredited(person), active, *password)
    event = AuditEvent(ports.clock.now(), by.ident, PERSON_PUT, person.ident, codes)
    ports.store.put_person(kept, [event], password_hash, before=() if before is None else (before,))
    return kept


def _details(person: Person) -> tuple[object, ...]:
    """Looked at only where they change: an account with an odd one can still be ended."""
    return person.name, person.email, person.accredited_from, person.accredited_until


def _check_details(person: Person) -> None:
    if not IDENT.fullmatch(person.ident):
        raise Invalid("ident", "An id is 1 to 64 small letters, digits, dots and dashes.", "/ident")
    if not 1 <= len(person.name) <= 200:
        raise Invalid("name", "A person needs a name of 1 to 200 characters.", "/name")
    check_plain(person.name, "name", "/name")
    if person.email and not EMAIL.fullmatch(person.email):
        raise Invalid("email", "This is no mail address.", "/email")
    first, last = person.accredited_from, person.accredited_until
    if first and last and first > last:
        raise Invalid("accredited_until", "An accreditation ends after it has begun.", "/accredited_until")


def _stored(ports: Ports, ident: str) -> Person | None:
    try:
        return ports.store.person(ident)
    except Unknown:
        return None


def _roles(person: Person) -> str:
    return "+".join(sorted(person.roles))


def _accredited(person: Person) -> tuple[tuple[str, str], ...]:
    dates = (("from", person.accredited_from), ("until", person.accredited_until))
    return tuple((f"accredited-{name}", day.isoformat()) for name, day in dates if day is not None)


def _gives_power(before: Person | None, after: Person) -> bool:
    """A new account, one more role, activity, or a longer accreditation."""
    if before is None or not before.active or not after.roles <= before.roles:
        return True
    earlier = (before.accredited_from or date.min) > (after.accredited_from or date.min)
    later = (after.accredited_until or date.max) > (before.accredited_until or date.max)
    return earlier or later


def _is_seconded(ports: Ports, by: Person, person: Person) -> bool:
    """Whether the last change of the account is another administrator's wish for exactly this."""
    lines = ports.store.audit_of(person.ident, PERSON_PUT)
    last = lines[-1].event if lines else None
    wanted = {("roles", _roles(person)), *_accredited(person)}
    if last is None or ASKED not in last.codes or {c for c in last.codes if c[0] in COMPARED} != wanted:
        return False
    return holder(ports, last.actor) != holder(ports, by.ident)
