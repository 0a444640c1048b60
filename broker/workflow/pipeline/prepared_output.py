"""An output before it has a row in the store, and the step from an assessed table to one. Decides nothing."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker.disclosure.records.assessment_json import assessment_to_json
from broker.disclosure.records.released_tables import released_csv
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.outputs import OutputKind

if TYPE_CHECKING:
    from broker.disclosure.differencing.member_tables import MemberTable


@dataclass(frozen=True, slots=True)
class PreparedOutput:
    """What staff see, what would leave, and the rules' verdict."""

    name: str
    kind: OutputKind
    media_type: str
    staff: bytes
    candidate: bytes | None
    findings: str
    verdict: Verdict
    small: bool
    memory_version: str | None = None
    tables: "tuple[MemberTable, ...]" = ()
    """Tables that enter the release history with this output's release, if it was compared while it was prepared."""
    history_changed: bool = False


def prepare_table(assessment: Assessment, name: str, profile: str) -> PreparedOutput:
    """Prepare a table that was judged by the rules of this name."""
    staff = json.dumps(assessment_to_json(assessment))
    findings = json.dumps([[f.rule, f.verdict.value, f.column] for f in assessment.findings])
    return PreparedOutput(
        name=name,
        kind=OutputKind.TABLE,
        media_type="text/csv",
        staff=staff.encode(),
        candidate=released_csv(assessment),
        findings=findings + profile,
        verdict=assessment.verdict,
        small=assessment.small,
    )
