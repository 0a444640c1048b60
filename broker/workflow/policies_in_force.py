"""Finds the policy set in force, and the one under which a job was judged. Each fingerprint is parsed once."""

from broker.domain.errors import Unknown
from broker.domain.jobs.job import Job
from broker.domain.ports import Store
from broker.policy.policy_set import PolicySet

MOST_PARSED = 8
_parsed: dict[str, PolicySet] = {}
"""Sets by their fingerprints, which are the hashes of their texts."""


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
    found = _parsed.get(fingerprint)
    if found is None:
        from broker.policy.stored_policies import policies_from_json

        found = policies_from_json(store.policy(fingerprint).content, fingerprint)
        if len(_parsed) >= MOST_PARSED:
            _parsed.clear()
        _parsed[fingerprint] = found
    return found


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
