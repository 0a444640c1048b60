"""A SQL job's outputs compared with memory: planned again, looked at again, and made again as memory lets them leave.

Who is in a cell is asked in a second, trusted look at the vault, one table at a time. The evidence is asked for again
only where something has to be mended.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.disclosure.judge_job import judge_job
from broker.disclosure.judged_tables import Remembered
from broker.disclosure.needs import needs_of
from broker.disclosure.records.stored_form import assessment_from_json
from broker.domain.evidence import JobEvidence
from broker.domain.findings import Assessment
from broker.domain.jobs import FailureCode, Job, Kind
from broker.domain.outputs import Output
from broker.domain.plans import Plan
from broker.domain.ports import OutputRecord, SandboxEnd, SandboxRequest, SandboxResult, Vault, WorkerPorts
from broker.domain.ports.release_history import TableMembers, Where
from broker.domain.projects import Project
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.workflow.check import check_submission
from broker.workflow.cohorts import saved_then
from broker.workflow.failing import Failed
from broker.workflow.limits import limits_for, members_limits
from broker.workflow.policies import policies_assessed, policies_in_force
from broker.workflow.relations import project_or_unknown
from broker.workflow.release_history.asked import Asked
from broker.workflow.release_history.compare import Comparing
from broker.workflow.release_history.tables import Of, memory_of
from broker.workflow.release_history.written import (
    kept_for_release,
    prepared_again,
    record_of,
    told_of,
    with_findings,
)


@dataclass(slots=True)
class SqlTables:
    """One SQL job's comparison: its plan under the policy that it was judged by, on the snapshot that it was made
    of. `changed`: whether what was known before changed anything."""

    ports: WorkerPorts
    job: Job
    attempt: int
    changed: bool = False

    def compared(self, outputs: Sequence[Output]) -> list[OutputRecord]:
        plan, vault = self._plan(), self._vault()
        numbers = {planned.name: n for n, planned in enumerate(plan.outputs)}
        by_number = {numbers[o.name]: o for o in outputs}
        members = {m.where: m for m in self._members(plan, vault, frozenset(by_number))}
        judge = _Judge(self, plan, vault)
        of = Of(self.project.ident, vault.snapshot, self.profile, self.ports.clock.now())
        asked = Asked(of, plan, members, judge, policies_in_force(self.ports.store))
        comparing = Comparing(self.ports, asked)
        found = comparing.run(self._judged(plan, outputs, judge))
        self.changed = found.changed
        made = []
        for output in outputs:
            number = numbers[output.name]
            told = told_of(comparing, found, number, of.project)
            judged = with_findings(found.assessments[number], found, number)
            prepared = prepared_again(judged, output.name, self.profile, told)
            tables = [t for w, t in found.tables.items() if w[0] == number]
            leaves = [] if prepared.candidate is None else tables
            kept = kept_for_release(self.ports, leaves)
            made.append(record_of(self.ports, output, prepared, str(found.version), kept))
        return made

    @property
    def policies(self) -> Policies:
        return policies_assessed(self.ports.store, self.job)

    @property
    def project(self) -> Project:
        return project_or_unknown(self.policies, self.job.submission.project)

    @property
    def profile(self) -> Profile:
        return self.policies.profile(self.project.profile)

    def _plan(self) -> Plan:
        """The canonical text as it was judged; a plan that comes out otherwise is not the one that was."""
        s, saved = self.job.submission, saved_then(self.ports, self.job)
        day = (self.job.ended or self.job.created).date()
        checked = check_submission(self.job.canonical, s.kind, s.dialect, self.project, self.policies, day, saved)
        if checked.plan is None or checked.plan_hash != self.job.plan_hash:
            raise Failed(FailureCode.PLAN_CHANGED)
        return checked.plan

    def _vault(self) -> Vault:
        return self.ports.vaults.ensure(self.job.submission.project, self.job.snapshot or "")

    def _members(self, plan: Plan, vault: Vault, outputs: frozenset[int]) -> list[TableMembers]:
        memory, needs, limits = memory_of(self.ports), needs_of(self.profile), members_limits(self.policies)
        numbers = memory.populations.numbers(vault)
        found: list[TableMembers] = []
        for where in memory.engine.shown(plan):
            if where[0] in outputs:
                asked = memory.engine.prepare_members(plan, vault, self.job.ident, self.attempt, limits, needs, [where])
                found += memory.engine.read_members(plan, self.run(asked).frames, numbers, [where])
        return found

    def _judged(self, plan: Plan, outputs: Sequence[Output], judge: "_Judge") -> Sequence[Assessment]:
        """As the outputs were judged, where all of them were only just."""
        if len(outputs) < len(plan.outputs) or any(o.memory_version is not None for o in outputs):
            return judge({})
        known = {o.name: json.loads(self.ports.shelf.get("staff", self._digest(o))) for o in outputs}
        return [assessment_from_json(known[planned.name]) for planned in plan.outputs]

    def _digest(self, output: Output) -> str:
        return self.ports.store.evidence_digest(output.ident)

    def run(self, request: SandboxRequest) -> SandboxResult:
        result = self.ports.sandbox.run(request)
        if result.end is not SandboxEnd.ENDED:
            raise Failed(FailureCode(result.end.value))
        return result


class _Judge:
    """The rules' word on the job again, with what memory says; the evidence is asked for once, when it is needed."""

    def __init__(self, stage: SqlTables, plan: Plan, vault: Vault) -> None:
        self._stage, self._plan, self._vault = stage, plan, vault
        self._evidence: JobEvidence | None = None

    def __call__(self, said: Mapping[Where, Remembered]) -> Sequence[Assessment]:
        stage, needs = self._stage, needs_of(self._stage.profile)
        if self._evidence is None:
            limits = limits_for(Kind.SQL, stage.policies)
            engine = stage.ports.engine
            asked = engine.prepare(self._plan, self._vault, stage.job.ident, stage.attempt, limits, needs)
            self._evidence = engine.read(self._plan, stage.run(asked).frames, needs)
        registers = stage.ports.vaults.registers(self._vault)
        return judge_job(self._plan, self._evidence, stage.profile, registers, remembered=said)
