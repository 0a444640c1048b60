"""Turns the comparison of a job into staff records with overlaps, findings, and tables that wait for the release
history."""

from dataclasses import dataclass, replace
from hashlib import sha256

from broker.disclosure.records.staff_record_json import staff_record_to_bytes
from broker.domain.findings import Assessment, Finding, Verdict, add_findings
from broker.domain.jobs.job import Output
from broker.domain.ports import OutputRecord, PendingHistoryEntry, WorkerPorts
from broker.domain.release_history import HistoryEntry, HistorySource, NewHistoryEntry, OverlapKind, new_entry_to_json
from broker.domain.staff_records import ComparisonRecord, NearPopulationRecord, OverlapRecord
from broker.evidence.member_tables import MemberTable, to_bytes
from broker.policy.disclosure_rules import DisclosureRules
from broker.workflow.pipeline.draft_output import DraftOutput, draft_table
from broker.workflow.release_history.comparison_rounds import JobComparison
from broker.workflow.release_history.history_tables import ComparisonResult, history_ports

NOT_REPAIRED = Finding(
    "X5",
    Verdict.REFUSE,
    "Together with earlier releases, this output would reveal something about a few persons. No repair was "
    "found that leaves a table.",
)
OVER_CAP = Finding(
    "X6",
    Verdict.REFUSE,
    "The limit of exact figures about one reference population is reached, and more of them could reveal "
    "individuals. Figures about this population are hidden. Only differentially private answers about it are "
    "still available.",
)


KIND_ORDER = (
    OverlapKind.DIFFERENCE, OverlapKind.COVERED, OverlapKind.IDENTICAL, OverlapKind.NESTED, OverlapKind.APART,
    OverlapKind.DISJOINT,
)  # fmt: skip
"""Order of overlaps on a checker's page: what a checker has to know first comes first."""


def _with_comparison_findings(judged: Assessment, found: ComparisonResult, number: int) -> Assessment:
    """Add the findings on an output as a whole."""
    more = [NOT_REPAIRED] if number in found.refused else []
    if number in found.over_cap:
        # If figures are left, hiding the others suffices; otherwise the output is refused.
        leaves = any(where[0] == number for where in found.tables)
        more.append(replace(OVER_CAP, verdict=Verdict.SUPPRESS) if leaves else OVER_CAP)
    return add_findings(judged, *more)


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """A compared table. `record` is for checkers; `tables` enter the release history with the release; `changed`:
    whether the release history changed one of them."""

    judged: Assessment
    record: ComparisonRecord
    tables: tuple[MemberTable, ...]
    changed: bool


def compared_table(compared: JobComparison, found: ComparisonResult, number: int, project: str) -> ComparedTable:
    """Return what came of the comparison of one output."""
    return ComparedTable(
        judged=_with_comparison_findings(found.assessments[number], found, number),
        record=_comparison_record(compared, found, number, project),
        tables=tuple(table for where, table in found.tables.items() if where[0] == number),
        changed=found.hides,
    )


def draft_compared(judged: Assessment, name: str, profile: DisclosureRules, compared: ComparedTable) -> DraftOutput:
    """Draft the output as before its comparison, with the comparison in its staff record. If the whole output is over
    the cap, nothing can leave."""
    draft = draft_table(judged, name, profile.name, compared.record)
    leaves = not any(f.rule == OVER_CAP.rule and f.verdict is Verdict.REFUSE for f in judged.findings)
    return with_history(replace(draft, candidate=draft.candidate if leaves else None), compared)


def with_history(made: DraftOutput, compared: ComparedTable | None) -> DraftOutput:
    """Add what enters the release history: a table enters with whatever output shows its figures."""
    if compared is None:
        return made
    # A table that cannot leave discloses nothing, so it does not enter the release history.
    tables = () if made.candidate is None else compared.tables
    return replace(made, memory_version=compared.record.version, tables=tables, history_changed=compared.changed)


def _comparison_record(compared: JobComparison, found: ComparisonResult, number: int, project: str) -> ComparisonRecord:
    """Return what checkers see of the comparison: the project's own overlapping releases and how they overlap; of
    other projects, only whether there is one."""
    overlaps: list[OverlapRecord] = []
    others = False
    for where, same in found.identical.items():
        if where[0] == number:
            others |= _is_of_another(same, project)
            overlaps += _overlap_records(same, project, OverlapKind.IDENTICAL, None, True)
    for where, comparisons in found.comparisons.items():
        for one in comparisons if where[0] == number else ():
            entry = compared.entries.get(one.overlap.entry)
            # Tables about different persons do not matter to a checker.
            if entry is not None and one.overlap.kind is not OverlapKind.DISJOINT:
                others |= _is_of_another(entry, project)
                overlaps += _overlap_records(entry, project, one.overlap.kind, one.overlap.persons, one.overlap.exact)
    # Public tables without members are compared with nothing, but checkers should know of them.
    numbers = (
        e.output for e in compared.entries.values() if e.source is HistorySource.PUBLIC and not compared.has_members(e)
    )
    near = (n.population for n in compared.near_standard() if n.output == number)
    return ComparisonRecord(
        version=str(found.version),
        overlaps=tuple(sorted(overlaps, key=lambda one: (KIND_ORDER.index(one.kind), one.persons or 0))),
        others=others,
        numbers_only=tuple(numbers),
        standard=tuple(NearPopulationRecord(p.name, p.about, p.where) for p in near),
    )


def _is_of_another(entry: HistoryEntry, project: str) -> bool:
    """Whether the entry is another project's release. A public table is nobody's."""
    return entry.source is HistorySource.RELEASE and entry.project != project


def _overlap_records(
    entry: HistoryEntry, project: str, kind: OverlapKind, persons: int | None, exact: bool
) -> list[OverlapRecord]:
    # Details of other projects' releases are not for this project's checkers.
    if entry.project != project and entry.source is not HistorySource.PUBLIC:
        return []
    return [OverlapRecord(entry.release, entry.output, entry.table, entry.source, kind, persons, exact)]


def store_draft(ports: WorkerPorts, output: Output, draft: DraftOutput) -> OutputRecord:
    """Store the contents of a draft for staff, and return the record of its output with their hashes. The members of
    its tables are stored in files that only a worker can read, and that name no release yet."""
    content_store, staff, candidate = ports.content_store, staff_record_to_bytes(draft.record), draft.candidate
    evidence_digest = content_store.put("staff", staff)
    after = replace(
        output,
        size=len(candidate or b""),
        release_hash=None if candidate is None else content_store.put("staff", candidate),
        # Votes bind to this hash, so they hold for exactly what staff saw and what would leave.
        staff_hash=content_store.keyed_hash(sha256(staff + (candidate or b"")).digest()),
        findings_hash=content_store.keyed_hash(draft.findings.encode()),
        verdict=draft.verdict,
        memory_version=draft.memory_version,
    )
    return OutputRecord(after, evidence_digest, tuple(_store_pending(ports, table) for table in draft.tables))


def _store_pending(ports: WorkerPorts, table: MemberTable) -> PendingHistoryEntry:
    about = new_entry_to_json(NewHistoryEntry(table.entry, table.figures))
    stored = history_ports(ports).files.put(about, to_bytes(table.members))
    return PendingHistoryEntry(table.entry.table, stored.name, stored.digest)
