"""What goes with a private table, for staff as for everybody: its columns, how it was made, and plain words. Nobody
sees more of it than its reader, since there is nothing more to see."""

from collections.abc import Mapping
from typing import Any

from broker.domain.findings import Assessment


def private_record(assessment: Assessment, privacy: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **privacy,
        "name": assessment.name,
        "columns": list(assessment.columns),
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def manifest_profile(privacy: Mapping[str, Any]) -> dict[str, Any]:
    """The method in a release's manifest, and of its parameters those that say most."""
    told = ("method", "unit", "accounting", "spend", "interval_level", "display_floor")
    return {"name": privacy["profile"]} | {name: privacy[name] for name in told}
