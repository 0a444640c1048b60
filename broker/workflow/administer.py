"""What administrators do: people, tokens, policies by two, snapshots, the audit log; and signing in."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta

from broker.domain.audit import AuditEvent, AuditLine
from broker.domain.errors import Breach, Forbidden, Invalid, Unknown
from broker.domain.people import SYSTEM, Person, Role
from broker.domain.permissions import NO_RELATION, Action, check_may, check_roles
from broker.domain.ports import Ports, Snapshot, StoredPolicy
from broker.policy.allotments import check_allotments
from broker.policy.models import Policies
from broker.policy.stored import policies_from_json, policies_to_json
from broker.workflow.allot import allot, check_allottable
from broker.workflow.policies import policies_in_force
from broker.workflow.silence import check_slots
from broker.workflow.standard_populations import check_standard

TOKEN_LIFE = timedelta(days=90)

VerifyPassword = Callable[[str, str], bool]
"""(stored hash, given password) → whether they fit."""


PERSON_PUT = "person.put"


def check_administrator(person: Person, action: Action) -> None:
    check_may(person, action, NO_RELATION, None, "page", "")


def token_hash(token: str) -> str:
    """Tokens are 256 random bits, so a plain SHA-256 of one cannot be searched."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(ports: Ports, person: Person, for_person: str) -> str:
    """A new API token, told once. Nobody, administrators included, gets a token of somebody else."""
    if person.ident != for_person:
        raise Forbidden("own-tokens-only", "A token is made by the person whose it is.")
    holder = ports.store.person(for_person)
    token = secrets.token_urlsafe(32)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "token.made", holder.ident)
    most = _most_tokens(ports)
    ports.store.put_token(token_hash(token), holder.ident, now + TOKEN_LIFE, [event], made=now, most=most)
    return token


def _most_tokens(ports: Ports) -> int | None:
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


def sign_in_vouched(ports: Ports, ident: str) -> Person:
    """Somebody whom a sign-in provider vouches for. Who has no active account here learns only that."""
    try:
        person = ports.store.person(ident)
    except Unknown:
        person = None
    if person is None or not person.active:
        raise Forbidden("no-account", "You have no active account here. Ask an administrator for one.")
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "person.signed-in", person.ident)])
    return person


def holder(ports: Ports, ident: str) -> str:
    """Who can sign in to an account: whoever set its first password knows it, and may have an account like that too."""
    made = next(iter(ports.store.audit_of(ident, PERSON_PUT)), None)
    if made is None or made.event.actor == SYSTEM.ident or ("password", "set") not in made.event.codes:
        return ident
    return holder(ports, made.event.actor)


def found_broker(ports: Ports, people: list[tuple[Person, str | None]]) -> None:
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


def propose_policy(ports: Ports, person: Person, policies: Policies) -> StoredPolicy:
    """Put a parsed policy set before the second administrator."""
    check_administrator(person, Action.PROPOSE_POLICY)
    _check_names(policies)
    check_allotments(policies)
    check_standard(policies)
    check_slots(ports, policies)
    now = ports.clock.now()
    stored = StoredPolicy(policies.fingerprint, policies_to_json(policies), person.ident, now, None, None)
    ports.store.propose_policy(stored, [AuditEvent(now, person.ident, "policy.proposed", policies.fingerprint)])
    return stored


def _check_names(policies: Policies) -> None:
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
    if holder(ports, proposer) == holder(ports, person.ident):
        raise Forbidden("second-administrator", "Whoever proposed a policy set cannot apply it, by no account.")
    policies = policies_from_json(stored.content, fingerprint)
    check_allottable(ports, policies)
    check_slots(ports, policies)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "policy.applied", fingerprint)
    ports.store.apply_policy(fingerprint, person.ident, now, [event], _decided_on(ports, policies))
    try:
        allot(ports, policies, person.ident)
    except Breach:
        # The ledger stands still until what it has lost is entered again. Its caps follow when it moves.
        return


def _decided_on(ports: Ports, policies: Policies) -> frozenset[str]:
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
