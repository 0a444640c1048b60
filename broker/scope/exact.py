"""What may not be answered exactly at all: data sets that policy keeps to differential privacy. No grant helps here."""

from collections.abc import Sequence

from broker.domain.errors import Refusal
from broker.domain.projects import Project
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.scope.check import place_of


def check_exact(uses: Sequence[Use], project: Project, policies: Policies) -> tuple[Refusal, ...]:
    """One refusal a data set, where the text reads it first. Of tables that were not granted that alone is told."""
    kept = policies.privacy.only_private & project.tables
    first: dict[str, Use] = {}
    for use in sorted(uses, key=place_of):
        if use.table in kept:
            first.setdefault(use.table, use)
    return tuple(
        Refusal(
            "private-only",
            f"About {name} only answers under differential privacy may leave.",
            "Ask the same under differential privacy, or leave the table out.",
            use.line,
            use.column,
        )
        for name, use in first.items()
    )
