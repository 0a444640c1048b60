"""An output before it has a row in the store, the step from an assessed table to one, and how its staff record is read.
Decides nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from broker.disclosure.records.released_tables import released_csv
from broker.disclosure.records.staff_record_json import staff_record_from_bytes
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import Output, OutputKind
from broker.domain.ports import Ports
from broker.domain.staff_records import ComparisonRecord, StaffRecord

if TYPE_CHECKING:
    from broker.evidence.member_tables import MemberTable


@dataclass(frozen=True, slots=True)
class DraftOutput:
    """What staff see, what would leave, and the rules' verdict. `candidate` None: nothing can leave."""

    name: str
    kind: OutputKind
    media_type: str
    record: StaffRecord
    candidate: bytes | None
    findings: str
    verdict: Verdict
    small: bool
    memory_version: str | None = None
    tables: "tuple[MemberTable, ...]" = ()
    """Tables that enter the release history with this output's release, if it was compared while it was drafted."""
    history_changed: bool = False


def draft_table(
    assessment: Assessment,
    name: str,
    profile: str,
    comparison: ComparisonRecord | None = None,
    privacy: Mapping[str, Any] | None = None,
) -> DraftOutput:
    """Draft a table that was judged by the rules of this name."""
    findings = json.dumps([[f.rule, f.verdict.value, f.column] for f in assessment.findings])
    return DraftOutput(
        name=name,
        kind=OutputKind.TABLE,
        media_type="text/csv",
        record=StaffRecord(assessment, comparison, privacy),
        candidate=released_csv(assessment),
        findings=findings + profile,
        verdict=assessment.verdict,
        small=assessment.small,
    )


def staff_record_of(ports: Ports, output: Output) -> StaffRecord:
    """Return the staff record of an output. The caller must have checked that the person may see it."""
    return staff_record_from_bytes(ports.content_store.get("staff", ports.store.evidence_digest(output.ident)))


def candidate_of(ports: Ports, output: Output) -> bytes | None:
    """Return what would leave, for somebody who may see the output; None if nothing can."""
    return None if output.release_hash is None else ports.content_store.get("staff", output.release_hash)
