"""Accounts, sign-in, sessions and tokens. A change that gives a person more power needs two administrators; so does a
policy set."""

import hashlib
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

from broker.domain.errors import Breach, Forbidden, Invalid, Unknown
from broker.domain.identity.audit import AuditEvent, AuditLine
from broker.domain.identity.people import NO_RELATION, SYSTEM, Action, Person, Role, check_permission, check_roles
from broker.domain.jobs.work_items import WorkKind
from broker.domain.plain_text import check_plain_text
from broker.domain.ports import Credential, Ports, Snapshot, StoredPolicy
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_allotments import check_allotments
from broker.policy.stored_policies import policies_from_json
from broker.workflow.administration.budget_allotment import allot, check_allottable
from broker.workflow.checking.standard_populations import check_standard_populations
from broker.workflow.policies_in_force import policies_if_any
from broker.workflow.timing_channel import check_slots

TOKEN_LIFE = timedelta(days=90)

VerifyPassword = Callable[[str, str], bool]
"""(stored hash, given password) → whether they match."""


PERSON_PUT = "person.put"


def check_administrator(person: Person, action: Action) -> None:
    check_permission(person, action, NO_RELATION, None, "page", "")


def token_hash(token: str) -> str:
    """Return a plain SHA-256. A token is 256 random bits, so nobody can find it from its hash by search."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_token(ports: Ports, person: Person, for_person: str) -> str:
    """Return a new API token, which is shown this once. Nobody, not even an administrator, can make one for somebody
    else."""
    if person.ident != for_person:
        raise Forbidden("own-tokens-only", "You can only create a token for your own account.")
    owner = ports.store.person(for_person)
    # 256 random bits.
    token = secrets.token_urlsafe(32)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "token.made", owner.ident)
    # The store counts and inserts in one transaction, so two requests at once cannot exceed the limit.
    limit = _token_limit(ports)
    ports.store.put_token(token_hash(token), owner.ident, now + TOKEN_LIFE, [event], made=now, most=limit)
    return token


def _token_limit(ports: Ports) -> int | None:
    """Return the most tokens that one person may have. None before a policy is in force: the first administrators need
    a token to put one in force."""
    policies = policies_if_any(ports.store)
    return None if policies is None else policies.service.tokens_per_person


def person_by_token(ports: Ports, token: str) -> Person | None:
    return ports.store.person_by_token(token_hash(token), ports.clock.now())


def sign_in(ports: Ports, ident: str, password: str, verify: VerifyPassword, decoy: str) -> Person:
    """Sign in by password, in the demo. Raises Forbidden; an unknown name takes the same time and answer as a wrong
    password."""
    try:
        person, stored = ports.store.person(ident), ports.store.password_hash(ident)
    except Unknown:
        person, stored = None, None
    # Verify against the decoy even for an unknown name, so that the time does not reveal which names exist.
    fits = verify(stored or decoy, password)
    if person is None or stored is None or not fits or not person.active:
        raise Forbidden("sign-in", "The name or the password is wrong.")
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "person.signed-in", person.ident)])
    return person


def sign_in_by_provider(ports: Ports, ident: str) -> Person:
    """Sign in somebody whom a sign-in provider has identified. Raises Forbidden if they have no active account here."""
    person = _stored(ports, ident)
    if person is None or not person.active:
        raise Forbidden("no-account", "You have no active account here. Ask an administrator for one.")
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "person.signed-in", person.ident)])
    return person


def account_holder(ports: Ports, ident: str) -> str:
    """Return the person who can sign in to an account: its own person, or the administrator who set its first password
    and so knows it. The same holds for that administrator's account, in turn."""
    first = next(iter(ports.store.audit_of(ident, PERSON_PUT)), None)
    if first is None or first.event.actor == SYSTEM.ident or ("password", "set") not in first.event.codes:
        return ident
    return account_holder(ports, first.event.actor)


def is_same_holder(ports: Ports, account: str, other: str) -> bool:
    """Whether one person can sign in to both accounts. Two administrators are compared by this and not by their ids."""
    return account_holder(ports, account) == account_holder(ports, other)


def check_second_administrator(ports: Ports, first: str, person: Person, did: str, does: str) -> None:
    """Raises Forbidden for the administrator who `did` the first step, and for anybody who could sign in as them:
    somebody else has to do the second."""
    # By holder, not by id: one person may be able to sign in to two accounts.
    if is_same_holder(ports, first, person.ident):
        raise Forbidden("second-administrator", f"You {did}, so another administrator has to {does} it.")


def initialise_broker(ports: Ports, people: list[tuple[Person, str | None]]) -> None:
    """Store the first people of an empty store, at least two administrators among them. Raises Forbidden once there
    are accounts."""
    if ports.store.people():
        raise Forbidden("already-founded", "The broker already has accounts. Ask an administrator to add more.")
    # With one administrator nothing that needs two could ever happen.
    if sum(1 for person, _ in people if Role.ADMINISTRATOR in person.roles) < 2:
        raise Invalid(
            "administrators",
            "A broker needs at least two administrators: one proposes a change and another applies it.",
        )
    for person, _ in people:
        check_roles(person)
    for person, password_hash in people:
        codes = (("roles", _roles(person)), ("active", "true"))
        event = AuditEvent(ports.clock.now(), SYSTEM.ident, PERSON_PUT, person.ident, codes)
        ports.store.put_person(person, [event], password_hash)


def propose_policy(ports: Ports, person: Person, policies: PolicySet) -> StoredPolicy:
    """Store a parsed policy set as proposed, for the second administrator."""
    check_administrator(person, Action.PROPOSE_POLICY)
    _check_names(policies)
    check_allotments(policies)
    check_standard_populations(policies)
    check_slots(ports, policies)
    now = ports.clock.now()
    stored = StoredPolicy(policies.fingerprint, person.ident, now, None, None, policies.text)
    ports.store.propose_policy(stored, [AuditEvent(now, person.ident, "policy.proposed", policies.fingerprint)])
    return stored


def _check_names(policies: PolicySet) -> None:
    """Raises Invalid for names in a set that refer to nothing. Once in force, every use of such a project
    would fail."""
    profiles = {p.name for p in policies.profiles}
    tables = {t.full_name: {v.name for v in t.variables} for t in policies.catalogue.tables}
    for project in policies.projects:
        if project.profile not in profiles:
            raise Invalid("policy", f"Project {project.ident} names disclosure rules that do not exist.", "/content")
        if any(g.variable not in tables.get(g.table, ()) for g in project.grants):
            raise Invalid(
                "policy", f"Project {project.ident} has a grant of a variable that does not exist.", "/content"
            )


def apply_policy(ports: Ports, person: Person, fingerprint: str) -> None:
    """Put a proposed set in force, and its caps in the ledger.

    Raises Forbidden for the administrator who proposed it and for anybody who could sign in as them, Conflict if the
    ledger cannot follow the set.
    """
    check_administrator(person, Action.APPLY_POLICY)
    stored = ports.store.policy(fingerprint)
    check_second_administrator(ports, stored.proposed_by, person, "proposed this policy set", "apply")
    policies = policies_from_json(stored.content, fingerprint)
    check_allottable(ports, policies)
    check_slots(ports, policies)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "policy.applied", fingerprint)
    ports.store.apply_policy(fingerprint, person.ident, now, [event], _changed_projects(ports, policies))
    ports.store.wake(WorkKind.RELEASE)  # what rests may go on under the new set
    try:
        allot(ports, policies, person.ident)
    except Breach:
        # The ledger accepts nothing until its lost entries are restored. Its caps follow then.
        return


def _changed_projects(ports: Ports, policies: PolicySet) -> frozenset[str]:
    """Return the projects that differ from those in the set in force, including new and dropped ones."""
    before = policies_if_any(ports.store)
    known = {} if before is None else {p.ident: p for p in before.projects}
    changed = {p.ident for p in policies.projects if known.get(p.ident) != p}
    return frozenset(changed | (known.keys() - {p.ident for p in policies.projects}))


def put_snapshot(ports: Ports, snapshot: Snapshot) -> None:
    """Store an ingested snapshot; jobs run on it from now. Storing the same data again changes nothing."""
    with suppress(Unknown):
        ports.store.snapshot(snapshot.ident)
        return
    event = AuditEvent(ports.clock.now(), SYSTEM.ident, "snapshot.put", snapshot.ident)
    ports.store.put_snapshot(snapshot, [event])


def audit_lines(ports: Ports, person: Person, first: int = 1, limit: int = 200) -> list[AuditLine]:
    check_administrator(person, Action.VERIFY_AUDIT)
    return list(ports.store.audit(first, limit))


SESSION_LIFE = timedelta(hours=8)
"""However much a session is used, its person has to sign in again after this."""

SESSION_IDLE = timedelta(minutes=30)
"""A session that nobody uses ends after this."""

CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/._-]{0,39}")
"""The number of a decision that was made elsewhere."""
IDENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")

AWAITS_SECOND = ("active", "asked")

SECONDED_CODES = frozenset({"roles", "accredited-from", "accredited-until"})
"""Codes in which the requests of both administrators must agree."""


def open_session(ports: Ports, person: Person) -> str:
    """Return the secret of a new session; only the browser that signed in gets it, once."""
    token = secrets.token_urlsafe(32)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "session.opened", person.ident)
    ports.store.put_token(token_hash(token), person.ident, now + SESSION_LIFE, [event], made=now, session=True)
    return token


def end_token(ports: Ports, person: Person, token: str) -> None:
    """Revoke the caller's own session or token. Does nothing if it is already gone."""
    event = AuditEvent(ports.clock.now(), person.ident, "token.revoked", person.ident)
    with suppress(Unknown):
        ports.store.revoke_token(token_hash(token), [event])


def person_by_session(ports: Ports, token: str) -> Person | None:
    """Return the person of a session that is valid and was used recently. This call counts as use."""
    return ports.store.person_by_token(token_hash(token), ports.clock.now(), SESSION_IDLE)


def own_accesses(ports: Ports, person: Person, token: str) -> tuple[list[Credential], str]:
    """Return the caller's sessions and tokens, and the hash of the one that makes this request."""
    now = ports.clock.now()
    found = [a for a in ports.store.credentials(person.ident, now) if a.seen is None or a.seen > now - SESSION_IDLE]
    return found, token_hash(token)


def end_other_accesses(ports: Ports, person: Person, token: str, ident: str | None = None) -> int:
    """Revoke the caller's other sessions and tokens: all, or only `ident`. Returns how many were revoked."""
    event = AuditEvent(ports.clock.now(), person.ident, "token.revoked", person.ident)
    return ports.store.revoke_credentials(person.ident, token_hash(token), [event], ident)


def list_people(ports: Ports, person: Person) -> list[Person]:
    check_administrator(person, Action.MANAGE_PEOPLE)
    return ports.store.people()


def account(ports: Ports, by: Person, ident: str) -> Person | None:
    """Return the account as it is now, or None."""
    check_administrator(by, Action.MANAGE_PEOPLE)
    return _stored(ports, ident)


def save_person(ports: Ports, by: Person, person: Person, password_hash: str | None = None) -> Person:
    """Create or change an account and return it as it is now. Taking power away takes effect at once; giving power
    needs two administrators.

    Raises Forbidden for one's own account and for an existing password: otherwise one administrator could sign in as
    the second. Raises Invalid for values that no account may have.
    """
    check_administrator(by, Action.MANAGE_PEOPLE)
    if by.ident == person.ident:
        raise Forbidden("own-account", "Ask another administrator to change your account.")
    check_roles(person)
    before = _stored(ports, person.ident)
    # An account with an invalid detail from earlier can still be closed.
    if before is None or _details(before) != _details(person):
        _check_details(person)
    if password_hash is not None and before is not None:
        raise Forbidden("password-is-theirs", "This account exists. Only its owner can change the password.")
    awaits_second = person.active and _gives_power(before, person) and not _is_seconded(ports, by, person)
    # Until the second administrator agrees, the account is stored as inactive.
    saved = replace(person, active=person.active and not awaits_second)
    active = AWAITS_SECOND if awaits_second else ("active", str(saved.active).lower())
    password = (("password", "set"),) if password_hash is not None else ()
    codes = (("roles", _roles(person)), *_accredited(person), active, *password)
    event = AuditEvent(ports.clock.now(), by.ident, PERSON_PUT, person.ident, codes)
    ports.store.put_person(saved, [event], password_hash, before=() if before is None else (before,))
    return saved


def _details(person: Person) -> tuple[object, ...]:
    """Checked only if they change, so that an account with an invalid detail can still be closed."""
    return person.name, person.email, person.accredited_from, person.accredited_until


def _check_details(person: Person) -> None:
    if not IDENT.fullmatch(person.ident):
        raise Invalid("ident", "Enter an id of 1 to 64 small letters, digits, dots and dashes.", "/ident")
    if not 1 <= len(person.name) <= 200:
        raise Invalid("name", "Enter a name of 1 to 200 characters.", "/name")
    check_plain_text(person.name, "name", "/name")
    if person.email and not EMAIL.fullmatch(person.email):
        raise Invalid("email", "Enter an email address in the correct format.", "/email")
    first, last = person.accredited_from, person.accredited_until
    if first and last and first > last:
        raise Invalid("accredited_until", "The accreditation must end after it begins.", "/accredited_until")


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
    """Whether the change creates or reactivates an account, adds a role, or lengthens the accreditation."""
    if before is None or not before.active or not after.roles <= before.roles:
        return True
    earlier = (before.accredited_from or date.min) > (after.accredited_from or date.min)
    later = (after.accredited_until or date.max) > (before.accredited_until or date.max)
    return earlier or later


def _is_seconded(ports: Ports, by: Person, person: Person) -> bool:
    """Whether the last change of the account is another administrator's request for exactly this."""
    lines = ports.store.audit_of(person.ident, PERSON_PUT)
    last = lines[-1].event if lines else None
    wanted = {("roles", _roles(person)), *_accredited(person)}
    if last is None or AWAITS_SECOND not in last.codes or {c for c in last.codes if c[0] in SECONDED_CODES} != wanted:
        return False
    return not is_same_holder(ports, last.actor, by.ident)
