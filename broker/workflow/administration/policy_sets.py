"""Shows the second administrator what a proposed policy set changes, and puts it in force."""

from dataclasses import dataclass

from broker.domain.errors import Conflict, Unknown
from broker.domain.identity.people import Action, Person
from broker.domain.ports import Ports, StoredPolicy
from broker.policy.policy_changes import policy_changes
from broker.policy.policy_set import PolicySet
from broker.workflow.administration import user_accounts
from broker.workflow.policies_in_force import policies_if_any, policies_in_force, policies_of


@dataclass(frozen=True, slots=True)
class PolicyChangeView:
    """A proposed set and its changes. `against` is the fingerprint of the set in force that `sentences` compare with
    ('': none).

    `second` says whether this administrator may apply it.
    """

    policy: StoredPolicy
    sentences: tuple[str, ...]
    against: str
    second: bool


def view_policy_change(ports: Ports, person: Person, fingerprint: str) -> PolicyChangeView:
    user_accounts.check_administrator(person, Action.APPLY_POLICY)
    stored = ports.store.policy(fingerprint)
    proposed = policies_of(ports.store, fingerprint)
    before = policies_if_any(ports.store)
    if before is None:
        return PolicyChangeView(stored, (f"{len(proposed.projects)} projects; no set is in force yet",), "", True)
    # By holder, not by id: one person may be able to sign in to two accounts.
    other = not user_accounts.is_same_holder(ports, stored.proposed_by, person.ident)
    sentences = () if before.fingerprint == fingerprint else tuple(policy_changes(before, proposed))
    return PolicyChangeView(stored, sentences, before.fingerprint, other and stored.applied_by is None)


def apply_shown_policy(ports: Ports, person: Person, fingerprint: str, against: str) -> None:
    """Apply a set whose changes against `against` were shown. Raises Conflict("stale") if another set is in force by
    now, because nobody has seen the changes against that one."""
    user_accounts.check_administrator(person, Action.APPLY_POLICY)
    try:
        today = ports.store.fingerprint_in_force()
    except Unknown:
        today = ""
    if today != against:
        raise Conflict("stale", "Another policy set was put in force in the meantime. Check the changes again.")
    user_accounts.apply_policy(ports, person, fingerprint)


def catalogue_and_profiles(ports: Ports, person: Person) -> PolicySet:
    """Return the set in force, for pages about its disclosure rules and public tables."""
    user_accounts.check_administrator(person, Action.PROPOSE_POLICY)
    return policies_in_force(ports.store)
