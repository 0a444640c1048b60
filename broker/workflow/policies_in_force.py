"""Finds the policy set in force, and the one under which a job was judged. Each fingerprint is parsed once."""

from dataclasses import dataclass, field
from functools import lru_cache

from broker.domain.errors import Unknown
from broker.domain.jobs.job import Job
from broker.domain.ports import Store
from broker.policy.policy_set import PolicySet


@dataclass(frozen=True, slots=True)
class _StoredSet:
    """A set by its fingerprint, which is the hash of its text; `store` is where to read the text the first time."""

    fingerprint: str
    store: Store = field(compare=False, repr=False)


@lru_cache(maxsize=8)
def _parsed(stored: _StoredSet) -> PolicySet:
    from broker.policy.stored_policies import policies_from_json

    return policies_from_json(stored.store.policy(stored.fingerprint).content, stored.fingerprint)


def policies_in_force(store: Store) -> PolicySet:
    return policies_of(store, store.fingerprint_in_force())


def policies_if_any(store: Store) -> PolicySet | None:
    """Return the set in force; None if there is none yet, because the broker is being set up."""
    try:
        return policies_in_force(store)
    except Unknown:
        return None


def policies_of(store: Store, fingerprint: str) -> PolicySet:
    """Return the set under which something was decided, whatever set is in force today."""
    return _parsed(_StoredSet(fingerprint, store))


def policies_assessed(store: Store, job: Job) -> PolicySet:
    """Return the set under which a job's outputs were judged."""
    return policies_of(store, job.assessed_policy or job.policy)


def rules_unchanged(store: Store, job: Job, today: PolicySet) -> bool:
    """Whether the project still exists with exactly the disclosure rules that judged the job's outputs."""
    then = policies_assessed(store, job)
    before, now = then.project(job.submission.project), today.project(job.submission.project)
    return (
        before is not None
        and now is not None
        and then.disclosure_rules(before.profile) == today.disclosure_rules(now.profile)
    )
