"""Turns the comparison of a job into staff records with overlaps, findings, and tables that wait for the release
history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from broker.disclosure.differencing.member_tables import Comparison, MemberTable, to_bytes
from broker.domain.findings import Assessment, Finding, Verdict, add_findings
from broker.domain.jobs.outputs import Output
from broker.domain.ports import OutputRecord, PendingHistoryEntry, Ports, WorkerPorts
from broker.domain.release_history import (
    OVERLAP_WORDS,
    HistoryEntry,
    HistorySource,
    NewHistoryEntry,
    OverlapKind,
    new_entry_to_json,
)
from broker.policy.disclosure_rules import DisclosureRules
from broker.workflow.checking.standard_populations import NearPopulation
from broker.workflow.pipeline.prepared_output import PreparedOutput, prepare_table
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


KIND_ORDER = [kind.value for kind in (
    OverlapKind.DIFFERENCE, OverlapKind.COVERED, OverlapKind.IDENTICAL, OverlapKind.NESTED, OverlapKind.APART,
    OverlapKind.DISJOINT,
)]  # fmt: skip
"""Order of overlaps on a checker's page: what a checker has to know first comes first."""


def with_comparison_findings(judged: Assessment, found: ComparisonResult, number: int) -> Assessment:
    """Add the findings on an output as a whole."""
    more = [NOT_REPAIRED] if number in found.refused else []
    if number in found.over_cap:
        # If figures are left, hiding the others suffices; otherwise the output is refused.
        leaves = any(where[0] == number for where in found.tables)
        more.append(replace(OVER_CAP, verdict=Verdict.SUPPRESS) if leaves else OVER_CAP)
    return add_findings(judged, *more)


def prepare_compared(
    judged: Assessment, name: str, profile: DisclosureRules, record: Mapping[str, Any]
) -> PreparedOutput:
    """Prepare the output as before its comparison, with the comparison in its staff record. If the whole output is
    over the cap, nothing can leave."""
    made = prepare_table(judged, name, profile.name)
    staff = json.dumps(json.loads(made.staff) | {"memory": dict(record)}).encode()
    leaves = not any(f.rule == OVER_CAP.rule and f.verdict is Verdict.REFUSE for f in judged.findings)
    return replace(made, staff=staff, candidate=made.candidate if leaves else None)


def comparison_record(compared: JobComparison, found: ComparisonResult, number: int, project: str) -> dict[str, Any]:
    """Return what checkers see of the comparison: the project's own overlapping releases and how they overlap; of
    other projects, only whether there is one."""
    overlaps: list[dict[str, Any]] = []
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
    numbers = [
        e.output for e in compared.entries.values() if e.source is HistorySource.PUBLIC and not compared.has_members(e)
    ]
    overlaps.sort(key=lambda one: (KIND_ORDER.index(one["how"]), one["persons"] or 0))
    standard = [_standard_population(near) for near in compared.near_standard() if near.output == number]
    said = {"version": str(found.version), "overlaps": overlaps, "others": others, "numbers_only": numbers}
    return said | {"standard": standard}


def _standard_population(near: NearPopulation) -> dict[str, str]:
    return {name: getattr(near.population, name) for name in ("name", "about", "where")}


def _is_of_another(entry: HistoryEntry, project: str) -> bool:
    """Whether the entry is another project's release. A public table is nobody's."""
    return entry.source is HistorySource.RELEASE and entry.project != project


def _overlap_records(
    entry: HistoryEntry, project: str, kind: OverlapKind, persons: int | None, exact: bool
) -> list[dict[str, Any]]:
    # Details of other projects' releases are not for this project's checkers.
    if entry.project != project and entry.source is not HistorySource.PUBLIC:
        return []
    release = {"release": entry.release, "output": entry.output, "table": entry.table, "source": entry.source.value}
    return [release | {"how": kind.value, "words": OVERLAP_WORDS[kind], "persons": persons, "exact": exact}]


def store_pending_tables(ports: WorkerPorts, tables: Sequence[MemberTable]) -> tuple[PendingHistoryEntry, ...]:
    """Store the members of tables in files that only a worker can read. The files name no release yet."""
    files = history_ports(ports).files
    made = []
    for table in tables:
        stored = files.put(new_entry_to_json(NewHistoryEntry(table.entry, table.figures)), to_bytes(table.members))
        made.append(PendingHistoryEntry(table.entry.table, stored.name, stored.digest))
    return tuple(made)


def compared_output_record(
    ports: Ports, before: Output, made: PreparedOutput, version: str, pending: tuple[PendingHistoryEntry, ...]
) -> OutputRecord:
    """Store the content of a compared output for staff, and return the output's new record."""
    digest = ports.content_store.put("staff", made.staff)
    if made.candidate is not None:
        ports.content_store.put("staff", made.candidate)
    after = replace(
        before,
        size=len(made.candidate or b""),
        release_hash=None if made.candidate is None else sha256(made.candidate).hexdigest(),
        staff_hash=ports.content_store.keyed_hash(sha256(made.staff + (made.candidate or b"")).digest()),
        findings_hash=ports.content_store.keyed_hash(made.findings.encode()),
        verdict=made.verdict,
        memory_version=version,
    )
    return OutputRecord(after, digest, pending)


def leaks(comparisons: Sequence[Comparison]) -> bool:
    return not all(c.is_clean for c in comparisons)
