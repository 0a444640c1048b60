"""Tables that a script handed over, compared with memory while their rows are there: after it they are gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from broker.disclosure.differencing.tables import Table
from broker.disclosure.judge_job import judge_job
from broker.disclosure.judged_tables import Remembered
from broker.disclosure.needs import needs_of
from broker.domain.evidence import JobEvidence
from broker.domain.findings import Assessment
from broker.domain.handed import HandedRows
from broker.domain.jobs import FailureCode
from broker.domain.plans import Plan
from broker.domain.ports import HandedTo, SandboxEnd, Vaults, WorkerPorts
from broker.domain.ports.release_history import TableMembers, Where
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.workflow.failing import Failed
from broker.workflow.limits import members_limits
from broker.workflow.release_history.asked import Asked, Found, HandedFrom
from broker.workflow.release_history.compare import Comparing
from broker.workflow.release_history.tables import Of, memory_of
from broker.workflow.release_history.written import told_of, with_findings


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
    """What came of it: `told` is for checkers, `tables` go into memory with the release. `changed`: what was
    known before changed one of them."""

    judged: Assessment
    version: str
    told: Mapping[str, Any]
    tables: tuple[Table, ...]
    changed: bool


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
    asked = Asked(of, given.plan, members, judge, policies, given.beside, _from(given))
    comparing = Comparing(ports, asked)
    found = comparing.run(judge({}))
    return tuple(_compared(comparing, found, n, project.ident) for n in range(len(given.plan.outputs)))


def _from(given: HandedTables) -> HandedFrom:
    """The tables that the rows' pseudonyms stand in, in the years that the script may read."""
    tables = {key.table for key in given.rows.keys}
    uses = [use for use in given.to.inputs if use.table in tables]
    places = frozenset((use.table, year) for use in uses for year in (use.years if use.years is not None else (None,)))
    return HandedFrom(sha256(given.to.content).hexdigest(), places)


def _compared(comparing: Comparing, found: Found, number: int, project: str) -> ComparedTable:
    judged = with_findings(found.assessments[number], found, number)
    tables = tuple(t for where, t in found.tables.items() if where[0] == number)
    return ComparedTable(judged, str(found.version), told_of(comparing, found, number, project), tables, found.changed)


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
