"""What a proposed policy set would change in the one in force, for the second administrator; and putting it there."""

from dataclasses import dataclass

from broker.domain.errors import Conflict, Unknown
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports, StoredPolicy
from broker.policy.changes import differences
from broker.policy.models import Policies
from broker.workflow import administer
from broker.workflow.policies import policies_in_force, policies_of


@dataclass(frozen=True, slots=True)
class PlanView:
    """`against` is the set in force that the sentences compare with ('': none is). `second` says whether this
    administrator may be the one who applies it."""

    policy: StoredPolicy
    sentences: tuple[str, ...]
    against: str
    second: bool


def look(ports: Ports, person: Person, fingerprint: str) -> PlanView:
    administer.check_administrator(person, Action.APPLY_POLICY)
    stored = ports.store.policy(fingerprint)
    proposed = policies_of(ports.store, fingerprint)
    try:
        before = policies_in_force(ports.store)
    except Unknown:
        return PlanView(stored, (f"{len(proposed.projects)} projects; no set is in force yet",), "", True)
    other = administer.holder(ports, stored.proposed_by) != administer.holder(ports, person.ident)
    sentences = () if before.fingerprint == fingerprint else tuple(differences(before, proposed))
    return PlanView(stored, sentences, before.fingerprint, other and stored.applied_by is None)


def apply_seen(ports: Ports, person: Person, fingerprint: str, against: str) -> None:
    """Apply a set whose difference to `against` was shown: what changed in between was not looked at."""
    administer.check_administrator(person, Action.APPLY_POLICY)
    try:
        today = ports.store.policy_in_force().fingerprint
    except Unknown:
        today = ""
    if today != against:
        raise Conflict("stale", "Another set was put in force meanwhile. Look at the difference again.")
    administer.apply_policy(ports, person, fingerprint)


def catalogue_and_profiles(ports: Ports, person: Person) -> Policies:
    """The set in force, for pages about its profiles and public tables."""
    administer.check_administrator(person, Action.PROPOSE_POLICY)
    return policies_in_force(ports.store)
