"""How many values public registers have in a snapshot. Of what ingest proved it reads what is about public tables only:
a check may know nothing of persons, not even how many there are."""

import json
from collections.abc import Mapping

from broker.domain.ports import Snapshot
from broker.policy.models import Policies, TableKind


def register_sizes(snapshot: Snapshot, policies: Policies) -> Mapping[str, int]:
    """By full variable name; nothing where the snapshot does not say it."""
    facts = json.loads(snapshot.facts)
    public = [t.full_name for t in policies.catalogue.tables if t.kind is TableKind.PUBLIC]
    return {
        f"{name}.{variable}": int(size)
        for name in public
        for found in facts.get(name, {}).values()
        for variable, size in found.get("values", {}).items()
    }
