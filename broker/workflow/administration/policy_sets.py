"""What a proposed policy set would change in the one in force, for the second administrator; and putting it there."""

from dataclasses import dataclass

from broker.domain.errors import Conflict, Unknown
from broker.domain.identity.people import Person
from broker.domain.identity.permissions import Action
from broker.domain.ports import Ports, StoredPolicy
from broker.policy.policy_changes import policy_changes
from broker.policy.policy_set import PolicySet
from broker.workflow.administration import user_accounts
from broker.workflow.policies_in_force import policies_in_force, policies_of


@dataclass(frozen=True, slots=True)
class PolicyChangeView:
    """`against` is the set in force that the sentences compare with ('': none is). `second` says whether this
    administrator may be the one who applies it."""

    policy: StoredPolicy
    sentences: tuple[str, ...]
    against: str
    second: bool


def view_policy_change(ports: Ports, person: Person, fingerprint: str) -> PolicyChangeView:
    user_accounts.check_administrator(person, Action.APPLY_POLICY)
    stored = ports.store.policy(fingerprint)
    proposed = policies_of(ports.store, fingerprint)
    try:
        before = policies_in_force(ports.store)
    except Unknown:
        return PolicyChangeView(stored, (f"{len(proposed.projects)} projects; no set is in force yet",), "", True)
    other = user_accounts.account_holder(ports, stored.proposed_by) != user_accounts.account_holder(ports, person.ident)
    sentences = () if before.fingerprint == fingerprint else tuple(policy_changes(before, proposed))
    return PolicyChangeView(stored, sentences, before.fingerprint, other and stored.applied_by is None)


def apply_shown_policy(ports: Ports, person: Person, fingerprint: str, against: str) -> None:
    """Apply a set whose difference to `against` was shown: what changed in between was not looked at."""
    user_accounts.check_administrator(person, Action.APPLY_POLICY)
    try:
        today = ports.store.policy_in_force().fingerprint
    except Unknown:
        today = ""
    if today != against:
        raise Conflict("stale", "Another set was put in force meanwhile. Look at the difference again.")
    user_accounts.apply_policy(ports, person, fingerprint)


def catalogue_and_profiles(ports: Ports, person: Person) -> PolicySet:
    """The set in force, for pages about its profiles and public tables."""
    user_accounts.check_administrator(person, Action.PROPOSE_POLICY)
    return policies_in_force(ports.store)
