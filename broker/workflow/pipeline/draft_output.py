"""An output before it has a row in the store, the step from an assessed table to one, and its contents in the store.
Decides nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from broker.disclosure.records.released_tables import released_csv
from broker.disclosure.records.staff_record_json import staff_record_from_bytes, staff_record_to_bytes
from broker.domain.findings import Assessment, Verdict
from broker.domain.jobs.job import Output, OutputKind
from broker.domain.ports import ContentStore, Ports
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


@dataclass(frozen=True, slots=True)
class StoredContent:
    """The hashes of a draft in the store: of its staff record, of what would leave, and keyed hashes of what people
    decide on."""

    evidence_digest: str
    release_hash: str | None
    staff_hash: str
    findings_hash: str


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


def store_content(content_store: ContentStore, draft: DraftOutput) -> StoredContent:
    """Store the contents of a draft for staff."""
    staff, candidate = staff_record_to_bytes(draft.record), draft.candidate
    return StoredContent(
        content_store.put("staff", staff),
        None if candidate is None else content_store.put("staff", candidate),
        # Votes bind to this hash, so they hold for exactly what staff saw and what would leave.
        content_store.keyed_hash(sha256(staff + (candidate or b"")).digest()),
        content_store.keyed_hash(draft.findings.encode()),
    )


def staff_record_of(ports: Ports, output: Output) -> StaffRecord:
    """Return the staff record of an output. The caller must have checked that the person may see it."""
    return staff_record_from_bytes(ports.content_store.get("staff", ports.store.evidence_digest(output.ident)))
