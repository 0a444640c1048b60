"""Stage 6b: a SQL job's tables against memory, under the lease of a comparison; then outputs are what may be routed.

Who is in a cell is asked in a second, trusted look at the vault, one table at a time. The evidence is asked for again
only where something has to be mended. A script's tables were compared while their rows were there (`handed`): they are
not made again, so what memory says against one of them later is for people.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from broker.disclosure.judge_job import judge_job
from broker.disclosure.judged_tables import Remembered
from broker.disclosure.needs import needs_of
from broker.disclosure.records.stored_form import assessment_from_json
from broker.domain.audit import AuditEvent
from broker.domain.jobs import FailureCode, Job, Kind
from broker.domain.outputs import Assessment, JobEvidence, Output, OutputState, Verdict, worst
from broker.domain.people import SYSTEM
from broker.domain.plans import Plan
from broker.domain.ports import Compared, OutputRecord, SandboxEnd, SandboxRequest, SandboxResult, Vault, WorkerPorts
from broker.domain.ports.memory import TableMembers, Where
from broker.domain.projects import Project
from broker.policy.models import Policies, Profile
from broker.workflow.check import check_submission
from broker.workflow.cohorts import saved_then
from broker.workflow.failing import Failed
from broker.workflow.limits import limits_for, members_limits
from broker.workflow.policies import policies_assessed, policies_in_force
from broker.workflow.prepared import Prepared
from broker.workflow.relations import project_or_unknown
from broker.workflow.remembering.compare import Asked, Comparing
from broker.workflow.remembering.tables import Of, memory_of
from broker.workflow.remembering.written import (
    NOT_MENDED,
    kept_for_release,
    prepared_again,
    record_of,
    told_of,
    with_findings,
)
from broker.workflow.settle import way_of


def compare_job(ports: WorkerPorts, job: Job, attempt: int, outputs: Sequence[Output]) -> None:
    """Compare these outputs, which are assessed, or approved and not clean any more, and put what comes of it in their
    place. Raises Failed where they cannot be compared."""
    if job.submission.kind is Kind.SQL:
        records = _Stage(ports, job, attempt).compared(outputs)
    else:
        records = [_refused(ports, job, output) for output in outputs]
    now = ports.clock.now()
    version = max((r.output.memory_version or "0" for r in records), key=int, default="0")
    told = AuditEvent(now, SYSTEM.ident, "job.compared", job.ident, (("memory", version),))
    found = [Compared(o, _routed(ports, job, o, r)) for o, r in zip(outputs, records, strict=True)]
    events = [told, *(e for c in found for e in _events(ports, c))]
    ports.store.put_compared(job.ident, attempt, found, now, events)


def _routed(ports: WorkerPorts, job: Job, before: Output, record: OutputRecord) -> OutputRecord:
    """An approved output that is another one now goes back to review, unless policy let it go without a person."""
    after = record.output
    same = (after.staff_hash, after.findings_hash) == (before.staff_hash, before.findings_hash)
    if before.state is not OutputState.APPROVED or same:
        return record
    policies = policies_in_force(ports.store)
    project = policies.project(job.submission.project)
    small = ports.store.small_jobs(job.submission.project)
    leaves = after.release_hash is not None
    goes = project is not None and way_of(after.verdict, leaves, project, policies, small) is OutputState.APPROVED
    return record if goes else replace(record, output=replace(after, state=OutputState.IN_REVIEW))


def _events(ports: WorkerPorts, found: Compared) -> list[AuditEvent]:
    before, after = found.before, found.record.output
    if after.state is before.state:
        return []
    codes = (("job", after.job), ("memory", after.memory_version or ""))
    return [AuditEvent(ports.clock.now(), SYSTEM.ident, f"output.{after.state.value}", after.ident, codes)]


@dataclass(slots=True)
class _Stage:
    """One SQL job's comparison: its plan under the policy that it was judged by, on the snapshot that it was made
    of."""

    ports: WorkerPorts
    job: Job
    attempt: int

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

    def __init__(self, stage: _Stage, plan: Plan, vault: Vault) -> None:
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


def _refused(ports: WorkerPorts, job: Job, before: Output) -> OutputRecord:
    """A script's table whose rows are gone: it stays as it is, and a person learns that it must not leave so."""
    staff = json.loads(ports.shelf.get("staff", ports.store.evidence_digest(before.ident)))
    told = (staff.get("memory") or {}) | {"version": str(ports.store.memory_version())}
    if "rows" not in staff:  # a figure that was drawn of a table
        content = None if before.release_hash is None else ports.shelf.get("staff", before.release_hash)
        shown = json.dumps(staff | {"memory": told | {"refused": NOT_MENDED.sentence}}).encode()
        drawn = Prepared(
            before.name, before.kind, before.media_type, shown, content, NOT_MENDED.rule, Verdict.REFUSE, False
        )
        return record_of(ports, before, drawn, told["version"], ports.store.to_remember(before.ident))
    policies = policies_assessed(ports.store, job)
    profile = policies.profile(project_or_unknown(policies, job.submission.project).profile)
    judged = assessment_from_json(staff)
    verdict = worst([judged.verdict, NOT_MENDED.verdict])
    prepared: Prepared = prepared_again(
        replace(judged, findings=(*judged.findings, NOT_MENDED), verdict=verdict), before.name, profile, told
    )
    return record_of(ports, before, prepared, told["version"], ports.store.to_remember(before.ident))
