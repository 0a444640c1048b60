"""What comparing makes of outputs: a staff record with what overlaps, findings, and what goes into memory later."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from broker.disclosure.differencing.members import to_bytes
from broker.disclosure.differencing.tables import Comparison, Table
from broker.domain.findings import Assessment, Finding, Verdict, worst
from broker.domain.outputs import Output
from broker.domain.ports import OutputRecord, Ports, ToRemember, WorkerPorts
from broker.domain.release_history import OVERLAP_WORDS, Entry, OverlapKind, Source
from broker.domain.remembered import NewEntry, about
from broker.policy.profiles import Profile
from broker.workflow.prepared import Prepared, table_prepared
from broker.workflow.release_history.asked import Found
from broker.workflow.release_history.compare import Comparing
from broker.workflow.release_history.tables import memory_of
from broker.workflow.standard_populations import Near

NOT_MENDED = Finding(
    "X5",
    Verdict.REFUSE,
    "With what was released before, it would tell about a few persons, and no repair was found that leaves a table.",
)
CROWDED = Finding(
    "X6",
    Verdict.REFUSE,
    "So many exact figures on one reference population are released that more of them would tell about everybody in "
    "it: what tells of this population is hidden, and only differential privacy gives answers about it.",
)


IN_ORDER = [kind.value for kind in (
    OverlapKind.DIFFERENCE, OverlapKind.COVERED, OverlapKind.IDENTICAL, OverlapKind.NESTED, OverlapKind.APART,
    OverlapKind.DISJOINT,
)]  # fmt: skip
"""What a checker has to know first."""


def with_findings(judged: Assessment, found: Found, number: int) -> Assessment:
    """The findings on an output as a whole."""
    more = [NOT_MENDED] if number in found.refused else []
    if number in found.crowded:
        leaves = any(where[0] == number for where in found.tables)
        more.append(replace(CROWDED, verdict=Verdict.SUPPRESS) if leaves else CROWDED)
    verdict = worst([judged.verdict, *(f.verdict for f in more)])
    return replace(judged, findings=(*judged.findings, *more), verdict=verdict)


def prepared_again(judged: Assessment, name: str, profile: Profile, told: Mapping[str, Any]) -> Prepared:
    """As it was prepared before it was compared, with what memory says. Beyond the cap nothing can leave."""
    made = table_prepared(judged, name, profile)
    staff = json.dumps(json.loads(made.staff) | {"memory": dict(told)}).encode()
    leaves = not any(f.rule == CROWDED.rule and f.verdict is Verdict.REFUSE for f in judged.findings)
    return replace(made, staff=staff, candidate=made.candidate if leaves else None)


def told_of(compared: Comparing, found: Found, number: int, project: str) -> dict[str, Any]:
    """What checkers are told: of the project's own releases which overlap and how, of others that there is one."""
    told: list[dict[str, Any]] = []
    others = False
    for where, same in found.identical.items():
        if where[0] == number:
            others |= _is_of_another(same, project)
            told += _own(same, project, OverlapKind.IDENTICAL, None, True)
    for where, comparisons in found.comparisons.items():
        for one in comparisons if where[0] == number else ():
            entry = compared.entries.get(one.overlap.entry)
            if entry is not None and one.overlap.kind is not OverlapKind.DISJOINT:
                others |= _is_of_another(entry, project)
                told += _own(entry, project, one.overlap.kind, one.overlap.persons, one.overlap.exact)
    numbers = [e.output for e in compared.entries.values() if e.source is Source.PUBLIC and not compared.has_members(e)]
    told.sort(key=lambda one: (IN_ORDER.index(one["how"]), one["persons"] or 0))
    standard = [_offered(near) for near in compared.near_standard() if near.output == number]
    said = {"version": str(found.version), "overlaps": told, "others": others, "numbers_only": numbers}
    return said | {"standard": standard}


def _offered(near: Near) -> dict[str, str]:
    return {name: getattr(near.population, name) for name in ("name", "about", "where")}


def _is_of_another(entry: Entry, project: str) -> bool:
    """A public table is everybody's."""
    return entry.source is Source.RELEASE and entry.project != project


def _own(entry: Entry, project: str, kind: OverlapKind, persons: int | None, exact: bool) -> list[dict[str, Any]]:
    if entry.project != project and entry.source is not Source.PUBLIC:
        return []
    told = {"release": entry.release, "output": entry.output, "table": entry.table, "source": entry.source.value}
    return [told | {"how": kind.value, "words": OVERLAP_WORDS[kind], "persons": persons, "exact": exact}]


def kept_for_release(ports: WorkerPorts, tables: Sequence[Table]) -> tuple[ToRemember, ...]:
    """Files of members, which nobody can read before or after but a worker. They name no release yet."""
    files = memory_of(ports).files
    made = []
    for table in tables:
        stored = files.put(about(NewEntry(table.entry, table.figures)), to_bytes(table.members))
        made.append(ToRemember(table.entry.table, stored.name, stored.digest))
    return tuple(made)


def record_of(ports: Ports, before: Output, made: Prepared, version: str, kept: tuple[ToRemember, ...]) -> OutputRecord:
    """The output as it is after comparing, with its content on the staff shelf."""
    digest = ports.shelf.put("staff", made.staff)
    if made.candidate is not None:
        ports.shelf.put("staff", made.candidate)
    after = replace(
        before,
        size=len(made.candidate or b""),
        release_hash=None if made.candidate is None else sha256(made.candidate).hexdigest(),
        staff_hash=ports.shelf.keyed_hash(sha256(made.staff + (made.candidate or b"")).digest()),
        findings_hash=ports.shelf.keyed_hash(made.findings.encode()),
        verdict=made.verdict,
        memory_version=version,
    )
    return OutputRecord(after, digest, kept)


def leaks(comparisons: Sequence[Comparison]) -> bool:
    return not all(c.is_clean for c in comparisons)
