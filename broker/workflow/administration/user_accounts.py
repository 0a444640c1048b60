"""Accounts, sign-in, sessions and tokens; what gives power needs two administrators, and so does a policy set."""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from broker.domain.errors import Breach, Forbidden, Invalid, Unknown
from broker.domain.identity.audit import AuditEvent, AuditLine
from broker.domain.identity.people import SYSTEM, Person, Role
from broker.domain.identity.permissions import NO_RELATION, Action, check_permission, check_roles
from broker.domain.plain_text import check_plain_text
from broker.domain.ports import Credential, Ports, Snapshot, StoredPolicy
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_allotments import check_allotments
from broker.policy.stored_policies import policies_from_json, policies_to_json
from broker.workflow.administration.budget_allotment import allot, check_allottable
from broker.workflow.checking.standard_populations import check_standard_populations
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.timing_channel import check_slots

TOKEN_LIFE = timedelta(days=90)

VerifyPassword = Callable[[str, str], bool]
"""(stored hash, given password) → whether they fit."""


PERSON_PUT = "person.put"


def check_administrator(person: Person, action: Action) -> None:
    check_permission(person, action, NO_RELATION, None, "page", "")


def token_hash(token: str) -> str:
    """Tokens are 256 random bits, so a plain SHA-256 of one cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(ports: Ports, person: Person, for_person: str) -> str:
    """A new API token, told once. Nobody, administrators included, gets a token of somebody else."""
    if person.ident != for_person:
        raise Forbidden("own-tokens-only", "A token is made by the person whose it is.")
    owner = ports.store.person(for_person)
    token = secrets.token_urlsafe(32)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "token.made", owner.ident)
    limit = _token_limit(ports)
    ports.store.put_token(token_hash(token), owner.ident, now + TOKEN_LIFE, [event], made=now, most=limit)
    return token


def _token_limit(ports: Ports) -> int | None:
    """None before a policy is in force: the first administrators need one to put it there."""
    try:
        return policies_in_force(ports.store).service.tokens_per_person
    except Unknown:
        return None


def person_by_token(ports: Ports, token: str) -> Person | None:
    return ports.store.person_by_token(token_hash(token), ports.clock.now())


def sign_in(ports: Ports, ident: str, password: str, verify: VerifyPassword, decoy: str) -> Person:
    """Demo sign-in by password. An unknown name takes the same time and answer as a wrong password."""
    try:
        person, stored = ports.store.person(ident), ports.store.password_hash(ident)
    except Unknown:
        person, stored = None, None
    fits = verify(stored or decoy, password)
    if person is None or stored is None or not fits or not person.active:
        raise Forbidden("sign-in", "The name or the password is wrong.")
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "person.signed-in", person.ident)])
    return person


def sign_in_by_provider(ports: Ports, ident: str) -> Person:
    """Somebody whom a sign-in provider vouches for. Who has no active account here learns only that."""
    try:
        person = ports.store.person(ident)
    except Unknown:
        person = None
    if person is None or not person.active:
        raise Forbidden("no-account", "You have no active account here. Ask an administrator for one.")
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "person.signed-in", person.ident)])
    return person


def account_holder(ports: Ports, ident: str) -> str:
    """Who can sign in to an account: whoever set its first password knows it, and may have an account like that too."""
    first = next(iter(ports.store.audit_of(ident, PERSON_PUT)), None)
    if first is None or first.event.actor == SYSTEM.ident or ("password", "set") not in first.event.codes:
        return ident
    return account_holder(ports, first.event.actor)


def initialise_broker(ports: Ports, people: list[tuple[Person, str | None]]) -> None:
    """The first people of an empty store, administrators among them; refused once anybody is there."""
    if ports.store.people():
        raise Forbidden("already-founded", "The broker has people already; an administrator adds more.")
    if sum(1 for person, _ in people if Role.ADMINISTRATOR in person.roles) < 2:
        raise Invalid("administrators", "A broker starts with two administrators: one proposes, the other applies.")
    for person, _ in people:
        check_roles(person)
    for person, password_hash in people:
        codes = (("roles", "+".join(sorted(person.roles))), ("active", "true"))
        event = AuditEvent(ports.clock.now(), SYSTEM.ident, PERSON_PUT, person.ident, codes)
        ports.store.put_person(person, [event], password_hash)


def propose_policy(ports: Ports, person: Person, policies: PolicySet) -> StoredPolicy:
    """Put a parsed policy set before the second administrator."""
    check_administrator(person, Action.PROPOSE_POLICY)
    _check_names(policies)
    check_allotments(policies)
    check_standard_populations(policies)
    check_slots(ports, policies)
    now = ports.clock.now()
    stored = StoredPolicy(policies.fingerprint, policies_to_json(policies), person.ident, now, None, None)
    ports.store.propose_policy(stored, [AuditEvent(now, person.ident, "policy.proposed", policies.fingerprint)])
    return stored


def _check_names(policies: PolicySet) -> None:
    """Names that a set's models leave dangling: once in force, every look at such a project would fail."""
    profiles = {p.name for p in policies.profiles}
    tables = {t.full_name: {v.name for v in t.variables} for t in policies.catalogue.tables}
    for project in policies.projects:
        if project.profile not in profiles:
            raise Invalid("policy", f"Project {project.ident} names no profile that exists.", "/content")
        if any(g.variable not in tables.get(g.table, ()) for g in project.grants):
            raise Invalid("policy", f"Project {project.ident} is granted a variable that does not exist.", "/content")


def apply_policy(ports: Ports, person: Person, fingerprint: str) -> None:
    """Put a proposed set in force, and its caps in the ledger; the administrator who proposed it cannot, nor whoever
    could sign in as them. Conflict if the ledger cannot follow it."""
    check_administrator(person, Action.APPLY_POLICY)
    stored = ports.store.policy(fingerprint)
    proposer = stored.proposed_by
    if account_holder(ports, proposer) == account_holder(ports, person.ident):
        raise Forbidden("second-administrator", "Whoever proposed a policy set cannot apply it, by no account.")
    policies = policies_from_json(stored.content, fingerprint)
    check_allottable(ports, policies)
    check_slots(ports, policies)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "policy.applied", fingerprint)
    ports.store.apply_policy(fingerprint, person.ident, now, [event], _changed_projects(ports, policies))
    try:
        allot(ports, policies, person.ident)
    except Breach:
        # The ledger stands still until what it has lost is entered again. Its caps follow when it moves.
        return


def _changed_projects(ports: Ports, policies: PolicySet) -> frozenset[str]:
    """Projects of which the set says something else than the one in force."""
    try:
        before = policies_in_force(ports.store)
    except Unknown:
        return frozenset(p.ident for p in policies.projects)
    known = {p.ident: p for p in before.projects}
    changed = {p.ident for p in policies.projects if known.get(p.ident) != p}
    return frozenset(changed | (known.keys() - {p.ident for p in policies.projects}))


def put_snapshot(ports: Ports, snapshot: Snapshot) -> None:
    """Make an ingested snapshot the one that jobs run on from now. The same data again change nothing."""
    try:
        ports.store.snapshot(snapshot.ident)
    except Unknown:
        pass
    else:
        return
    event = AuditEvent(ports.clock.now(), SYSTEM.ident, "snapshot.put", snapshot.ident)
    ports.store.put_snapshot(snapshot, [event])


def audit_lines(ports: Ports, person: Person, first: int = 1, limit: int = 200) -> list[AuditLine]:
    check_administrator(person, Action.VERIFY_AUDIT)
    return list(ports.store.audit(first, limit))


SESSION_LIFE = timedelta(hours=8)
"""However busy: then one signs in again."""

SESSION_IDLE = timedelta(minutes=30)
"""A session that nobody uses ends by itself."""

IDENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")

AWAITS_SECOND = ("active", "asked")

SECONDED_CODES = frozenset({"roles", "accredited-from", "accredited-until"})
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


def own_accesses(ports: Ports, person: Person, token: str) -> tuple[list[Credential], str]:
    """One's sessions and tokens, and which of them asks."""
    now = ports.clock.now()
    found = [a for a in ports.store.credentials(person.ident, now) if a.seen is None or a.seen > now - SESSION_IDLE]
    return found, token_hash(token)


def end_other_accesses(ports: Ports, person: Person, token: str, ident: str | None = None) -> int:
    """End one's other sessions and tokens: all of them, or one."""
    event = AuditEvent(ports.clock.now(), person.ident, "token.revoked", person.ident)
    return ports.store.revoke_credentials(person.ident, token_hash(token), [event], ident)


def list_people(ports: Ports, person: Person) -> list[Person]:
    check_administrator(person, Action.MANAGE_PEOPLE)
    return ports.store.people()


def account(ports: Ports, by: Person, ident: str) -> Person | None:
    """The account as it is now, if there is one."""
    check_administrator(by, Action.MANAGE_PEOPLE)
    return _stored(ports, ident)


def save_person(ports: Ports, by: Person, person: Person, password_hash: str | None = None) -> Person:
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
    awaits_second = person.active and _gives_power(before, person) and not _is_seconded(ports, by, person)
    saved = replace(person, active=person.active and not awaits_second)
    active = AWAITS_SECOND if awaits_second else ("active", str(saved.active).lower())
    password = (("password", "set"),) if password_hash is not None else ()
    codes = (("roles", _roles(person)), *_accredited(person), active, *password)
    event = AuditEvent(ports.clock.now(), by.ident, PERSON_PUT, person.ident, codes)
    ports.store.put_person(saved, [event], password_hash, before=() if before is None else (before,))
    return saved


def _details(person: Person) -> tuple[object, ...]:
    """Looked at only where they change: an account with an odd one can still be ended."""
    return person.name, person.email, person.accredited_from, person.accredited_until


def _check_details(person: Person) -> None:
    if not IDENT.fullmatch(person.ident):
        raise Invalid("ident", "An id is 1 to 64 small letters, digits, dots and dashes.", "/ident")
    if not 1 <= len(person.name) <= 200:
        raise Invalid("name", "A person needs a name of 1 to 200 characters.", "/name")
    check_plain_text(person.name, "name", "/name")
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
    if last is None or AWAITS_SECOND not in last.codes or {c for c in last.codes if c[0] in SECONDED_CODES} != wanted:
        return False
    return account_holder(ports, last.actor) != account_holder(ports, by.ident)
