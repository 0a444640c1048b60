"""The outputs of a script: tables that the broker computed of handed rows, and files that people look at. All of them
were named in the header, or stay where they are."""

import json
from collections.abc import Iterable, Mapping, Sequence

from broker.domain.outputs import Assessment, OutputKind, Verdict
from broker.domain.ports import CollectedFile, WorkerPorts
from broker.policy.models import Policies, Profile
from broker.workflow.handed_outputs import Computed, Problem
from broker.workflow.prepared import Prepared, table_prepared
from broker.workflow.scripts import RanScript

UNKNOWN = "application/octet-stream"
UNDECLARED = Problem("undeclared", "The header declares no output of this name.")
Declared = Sequence[tuple[str, str]]


def script_outputs(
    ports: WorkerPorts, ran: RanScript, declared: Declared, policies: Policies, profile: Profile
) -> list[Prepared]:
    stems = {name.rpartition(".")[0].casefold() for name, _ in declared}
    names = {name.casefold() for name, _ in declared}
    made = [_computed(c if c.name.casefold() in stems else _undeclared(c), profile) for c in ran.computed]
    service = policies.service
    files = ports.collector.collect(
        ran.left.files, service.allowed_files, service.max_file_bytes, service.max_file_rows
    )
    made += [_file(f if f.problem or f.name.casefold() in names else _stays(f)) for f in files]
    return list(_each_once(made))


def _undeclared(computed: Computed) -> Computed:
    return Computed(computed.name, computed.kind, "", UNDECLARED)


def _stays(found: CollectedFile) -> CollectedFile:
    return CollectedFile(found.name, found.media_type, found.content, UNDECLARED.code, found.summary)


def _each_once(made: Iterable[Prepared]) -> Iterable[Prepared]:
    """A file that has the name of a computed table is not that table: it stays."""
    seen: set[str] = set()
    for one in made:
        if one.name.casefold() not in seen:
            seen.add(one.name.casefold())
            yield one


def _computed(computed: Computed, profile: Profile) -> Prepared:
    found = computed.found
    if isinstance(found, Assessment):
        return table_prepared(found, f"{computed.name}.csv", profile)
    problem = found if isinstance(found, Problem) else Problem("figure", "Figures are not drawn yet.")
    name = f"{computed.name}.{'svg' if computed.kind == 'figure' else 'csv'}"
    summary = {"handed": computed.kind, "sentence": problem.sentence, "figures": dict(problem.figures)}
    return _withheld(name, problem.code, summary)


def _withheld(name: str, code: str, summary: Mapping[str, object]) -> Prepared:
    staff = json.dumps({"file": name, "problem": code, "summary": summary})
    return Prepared(name, OutputKind.FILE, UNKNOWN, staff.encode(), None, code, Verdict.REFUSE, False)


def _file(found: CollectedFile) -> Prepared:
    """A script's file: a person looks at it, or (type, size or name not allowed) it is withheld."""
    return Prepared(
        name=found.name,
        kind=OutputKind.FILE,
        media_type=found.media_type,
        staff=json.dumps({"file": found.name, "problem": found.problem, "summary": json.loads(found.summary)}).encode(),
        candidate=found.content if found.problem is None else None,
        findings=found.problem or "",
        verdict=Verdict.REVIEW if found.problem is None else Verdict.REFUSE,
        small=False,
    )
