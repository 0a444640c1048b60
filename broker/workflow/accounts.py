"""Accounts: sessions, one's own tokens, and people as administrators keep them. Nobody acts as somebody else.

A session is a token with a short life that the browser keeps in a cookie: it is stored as a hash only, ends by itself,
survives a restart of the web process, and signing out revokes it at once.
"""

import secrets
from datetime import timedelta

from broker.domain.audit import AuditEvent
from broker.domain.errors import Forbidden, Invalid, Unknown
from broker.domain.people import Person, Role
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.workflow.administer import check_administrator, put_person, token_hash

SESSION_LIFE = timedelta(hours=8)


def open_session(ports: Ports, person: Person) -> str:
    """A session's secret, told once to the browser that signed in."""
    token = secrets.token_urlsafe(32)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "session.opened", person.ident)
    ports.store.put_token(token_hash(token), person.ident, now + SESSION_LIFE, [event])
    return token


def end_token(ports: Ports, person: Person, token: str) -> None:
    """Revoke a session or token of one's own; one that is gone already is fine."""
    event = AuditEvent(ports.clock.now(), person.ident, "token.revoked", person.ident)
    try:
        ports.store.revoke_token(token_hash(token), [event])
    except Unknown:
        return


def list_people(ports: Ports, person: Person) -> list[Person]:
    check_administrator(person, Action.MANAGE_PEOPLE)
    return ports.store.people()


def keep_person(ports: Ports, by: Person, person: Person, password_hash: str | None = None) -> None:
    """Make or change an account. One's own roles, and a password that is there, are not an administrator's to change:
    else one administrator could sign in as the second."""
    check_administrator(by, Action.MANAGE_PEOPLE)
    if Role.SYSTEM in person.roles:
        raise Invalid("roles", "Nobody can be given the role of the broker itself.", "/roles")
    if by.ident == person.ident:
        raise Forbidden("own-account", "Another administrator changes your account.")
    if password_hash is not None and _exists(ports, person.ident):
        raise Forbidden("password-is-theirs", "The account exists; its password cannot be set by somebody else.")
    put_person(ports, by, person, password_hash)


def _exists(ports: Ports, ident: str) -> bool:
    try:
        ports.store.person(ident)
    except Unknown:
        return False
    return True
