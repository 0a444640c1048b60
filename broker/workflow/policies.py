"""The policy in force, parsed once for each fingerprint."""

from functools import lru_cache

from broker.domain.ports import Store
from broker.policy.models import Policies
from broker.policy.stored import policies_from_json


@lru_cache(maxsize=8)
def _parsed(fingerprint: str, content: str) -> Policies:
    return policies_from_json(content)


def policies_in_force(store: Store) -> Policies:
    stored = store.policy_in_force()
    return _parsed(stored.fingerprint, stored.content)


def policies_of(store: Store, fingerprint: str) -> Policies:
    """The set under which something was decided, whatever is in force today."""
    stored = store.policy(fingerprint)
    return _parsed(stored.fingerprint, stored.content)
