"""Tables that a script handed over, compared with memory while their rows are there: after it they are gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from broker.disclosure.differencing.tables import Table
from broker.disclosure.judge_job import judge_job
from broker.disclosure.judged_tables import Remembered
from broker.disclosure.needs import needs_of
from broker.domain.handed import HandedRows
from broker.domain.jobs import FailureCode
from broker.domain.outputs import Assessment, JobEvidence
from broker.domain.plans import Plan
from broker.domain.ports import HandedTo, SandboxEnd, Vaults, WorkerPorts
from broker.domain.ports.memory import TableMembers, Where
from broker.domain.projects import Project
from broker.policy.models import Policies, Profile, TableKind
from broker.workflow.failing import Failed
from broker.workflow.limits import members_limits
from broker.workflow.remembering.asked import Asked, Found, HandedFrom
from broker.workflow.remembering.compare import Comparing
from broker.workflow.remembering.reading import Read
from broker.workflow.remembering.tables import Of, memory_of
from broker.workflow.remembering.written import told_of, with_findings


@dataclass(frozen=True, slots=True)
class HandedTables:
    """Planned tables of the same handed rows with their evidence, and the tables of the same job that were compared
    before them."""

    plan: Plan
    rows: HandedRows
    to: HandedTo
    evidence: JobEvidence
    vaults: Vaults
    beside: Sequence[Table]


@dataclass(frozen=True, slots=True)
class ComparedTable:
    """What came of it: `told` is for checkers, `tables` go into memory with the release."""

    judged: Assessment
    version: str
    told: Mapping[str, Any]
    tables: tuple[Table, ...]


def compare_handed(
    ports: WorkerPorts, given: HandedTables, project: Project, policies: Policies
) -> tuple[ComparedTable, ...]:
    """One for each output of the plan, in its order."""
    profile = policies.profile(project.profile)
    registers = given.vaults.registers(given.to.vault)

    def judge(said: Mapping[Where, Remembered]) -> Sequence[Assessment]:
        return judge_job(given.plan, given.evidence, profile, registers, remembered=said)

    of = Of(project.ident, given.to.vault.snapshot, profile, ports.clock.now())
    members = {m.where: m for m in _members(ports, given, profile, policies)}
    comparing = Comparing(ports, Asked(of, given.plan, members, judge, policies, given.beside, _from(given, policies)))
    found = comparing.run(judge({}))
    return tuple(_compared(comparing, found, n, project.ident) for n in range(len(given.plan.outputs)))


def _from(given: HandedTables, policies: Policies) -> HandedFrom:
    """Rows are of persons of the script's inputs: of which one, where there is one table and year."""
    person = {t.full_name for t in policies.catalogue.tables if t.kind is TableKind.PERSON}
    years = ((u.table, y) for u in given.to.inputs if u.table in person for y in (u.years or [None]))
    every = frozenset(years)
    return HandedFrom(sha256(given.to.content).hexdigest(), Read(every, every if len(every) == 1 else frozenset()))


def _compared(comparing: Comparing, found: Found, number: int, project: str) -> ComparedTable:
    judged = with_findings(found.assessments[number], found, number)
    tables = tuple(t for where, t in found.tables.items() if where[0] == number)
    return ComparedTable(judged, str(found.version), told_of(comparing, found, number, project), tables)


def _members(ports: WorkerPorts, given: HandedTables, profile: Profile, policies: Policies) -> list[TableMembers]:
    memory, limits, to = memory_of(ports), members_limits(policies), given.to
    numbers = memory.populations.numbers(to.vault)
    found: list[TableMembers] = []
    for where in memory.engine.shown(given.plan):
        request = memory.engine.prepare_handed_members(given.plan, given.rows, to, limits, needs_of(profile), [where])
        result = ports.sandbox.run(request)
        if result.end is not SandboxEnd.ENDED:
            raise Failed(FailureCode(result.end.value))
        found += memory.engine.read_handed_members(given.plan, result.frames, numbers, [where])
    return found
