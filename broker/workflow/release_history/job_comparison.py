"""Stage compare: compares a job's outputs with the release history and stores them as they may leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from broker.disclosure.judge_job import judge_job
from broker.disclosure.judged_tables import HistoryConstraint
from broker.disclosure.rules import evidence_needs
from broker.domain.errors import Unknown
from broker.domain.evidence import JobEvidence
from broker.domain.findings import Assessment, Verdict, add_findings
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import FailureCode, Job, JobKind, Output, OutputState
from broker.domain.jobs.work_items import WorkItem
from broker.domain.plans.plan import Plan
from broker.domain.ports import ComparedOutput, OutputRecord, SandboxRequest, SandboxResult, Vault, WorkerPorts
from broker.domain.ports.history_ports import TableAddress, TableMembers
from broker.domain.projects.project import ResearchProject
from broker.domain.release_history import StoredMembers
from broker.domain.staff_records import ComparisonRecord
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.workflow.access import project_or_unknown
from broker.workflow.checking.recent_plans import recent_plan
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.pipeline.draft_output import DraftOutput, staff_record_of
from broker.workflow.policies_in_force import policies_assessed, policies_in_force
from broker.workflow.release_history import comparison_records
from broker.workflow.release_history.comparison_rounds import JobComparison
from broker.workflow.release_history.history_tables import ComparisonRequest, history_ports
from broker.workflow.run_context import Failed, limits_for, members_limits, named_vault, run_to_end
from broker.workflow.submission.save_definition import saved_at_submission
from broker.workflow.verdict_routes import route_of


@dataclass(frozen=True)
class SqlComparison:
    """Comparison of one SQL job, with its plan under the policy that judged it, on its snapshot."""

    ports: WorkerPorts
    job: Job
    item: WorkItem
    policies: PolicySet

    def compare(self, outputs: Sequence[Output]) -> tuple[list[OutputRecord], bool]:
        """Return the new records of the outputs, and whether the release history changed anything."""
        plan, vault, project, profile = self.plan, self.vault, self.project.ident, self.profile
        numbers = {planned.name: n for n, planned in enumerate(plan.outputs)}
        members = {m.address: m for m in self._members(frozenset(numbers[o.name] for o in outputs))}
        now, today = self.ports.clock.now(), policies_in_force(self.ports.store)
        request = ComparisonRequest(project, vault.snapshot, profile, now, plan, members, self.judge, today)
        comparing = JobComparison(self.ports, request)
        found = comparing.run(self._judged(outputs))
        made = []
        for output in outputs:
            one = comparison_records.compared_table(comparing, found, numbers[output.name], project)
            draft = comparison_records.draft_compared(one.judged, output.name, profile, one)
            made.append(comparison_records.store_draft(self.ports, output, draft))
        return made, found.hides

    @property
    def project(self) -> ResearchProject:
        return project_or_unknown(self.policies, self.job.submission.project)

    @property
    def profile(self) -> DisclosureRules:
        return self.policies.disclosure_rules(self.project.profile)

    @cached_property
    def plan(self) -> Plan:
        """The plan of the canonical text as it was judged. Raises Failed if it differs by now."""
        # An exact job's hash is its plan's, so a plan of this hash is the one that was judged.
        if (known := recent_plan(self.job.plan_hash)) is not None:
            return known
        s, saved = self.job.submission, saved_at_submission(self.ports, self.job)
        # Grants that have expired since must not change the plan.
        day = (self.job.ended or self.job.created).date()
        checked = check_submission(self.job.canonical, s.kind, s.dialect, self.project, self.policies, day, saved)
        # Another plan could have other members than the outputs that people saw.
        if checked.plan is None or checked.plan_hash != self.job.plan_hash:
            raise Failed(FailureCode.PLAN_CHANGED)
        return checked.plan

    @cached_property
    def vault(self) -> Vault:
        project, snapshot = self.job.submission.project, self.job.snapshot or ""
        try:
            # Today's grants may make another vault than the one of the run, which the job named.
            return named_vault(self.ports, self.item, project, snapshot)
        except Unknown as unknown:
            # An erasure has removed the snapshot. No later attempt will find it.
            if unknown.what == "snapshot" and self._is_retired(snapshot):
                raise Failed(FailureCode.INFRASTRUCTURE) from None
            raise

    def _is_retired(self, snapshot: str) -> bool:
        return any(s.ident == snapshot and s.retired is not None for s in self.ports.store.snapshots())

    def _members(self, outputs: frozenset[int]) -> list[TableMembers]:
        history, needs, limits = history_ports(self.ports), evidence_needs(self.profile), members_limits(self.policies)
        # Members are stored by global person numbers, because releases of other projects are compared too.
        numbers = history.populations.numbers(self.vault)
        found: list[TableMembers] = []
        for where in history.engine.shown(self.plan):
            if where[0] in outputs:
                request = history.engine.prepare_members(
                    self.plan, self.vault, self.job.ident, self.item.attempt, limits, needs, [where]
                )
                # One table for each sandbox run: a row for each person of several tables would exceed the limits.
                found += history.engine.read_members(self.plan, self.run(request).frames, numbers, [where])
        return found

    def _judged(self, outputs: Sequence[Output]) -> Sequence[Assessment]:
        """Return the assessments of the outputs. If all outputs were only assessed so far, these are stored; otherwise
        judge again."""
        # If outputs are missing, or an earlier comparison has changed some, the stored assessments are not those of
        # the whole job.
        if len(outputs) < len(self.plan.outputs) or any(o.memory_version is not None for o in outputs):
            return self.judge({})
        known = {o.name: staff_record_of(self.ports, o).table for o in outputs}
        return [table for planned in self.plan.outputs if (table := known[planned.name]) is not None]

    def judge(self, constraints: Mapping[TableAddress, HistoryConstraint]) -> Sequence[Assessment]:
        """Judge the job again under history constraints."""
        evidence, registers = self.evidence, self.ports.vaults.registers(self.vault)
        return judge_job(self.plan, evidence, self.profile, registers, history=constraints)

    @cached_property
    def evidence(self) -> JobEvidence:
        """The evidence of the tables. Computed only when something has to be judged again."""
        engine, needs, limits = self.ports.engine, evidence_needs(self.profile), limits_for(JobKind.SQL, self.policies)
        request = engine.prepare(self.plan, self.vault, self.job.ident, self.item.attempt, limits, needs)
        return engine.read(self.plan, self.run(request).frames, needs)

    def run(self, request: SandboxRequest) -> SandboxResult:
        return run_to_end(self.ports.sandbox, request)


@dataclass(frozen=True, slots=True)
class ComparisonTask:
    """Outputs of one job, assessed or approved, that are compared under a lease. Those in `clean` are compared again
    together with the others of a SQL job, because all leave together; if they do not change, they stay approved."""

    item: WorkItem
    outputs: Sequence[Output]
    clean: frozenset[str] = frozenset()


def compare(ports: WorkerPorts, task: ComparisonTask) -> None:
    """Stage: compare outputs with the release history, and store what comes of it in their place. Raises Failed if they
    cannot be compared."""
    job, outputs, clean = ports.store.job(task.item.subject), task.outputs, task.clean
    if job.submission.kind is JobKind.SQL:
        comparison = SqlComparison(ports, job, task.item, policies_assessed(ports.store, job))
        records, changed = comparison.compare(outputs)
    else:
        # The rows of a script's tables are gone, so these cannot be compared again.
        outputs = [o for o in outputs if o.ident not in clean]
        records, changed = [_refused_record(ports, job, output) for output in outputs], True
    # The votes on an unchanged output still count.
    pairs = [(o, r) for o, r in zip(outputs, records, strict=True) if o.ident not in clean or not _is_same(ports, o, r)]
    now = ports.clock.now()
    version = max((r.output.memory_version or "0" for r in records), key=int, default="0")
    event = AuditEvent(now, SYSTEM.ident, "job.compared", job.ident, (("memory", version),))
    found = [ComparedOutput(o, _rerouted(ports, job, o, r, changed)) for o, r in pairs]
    events = [event, *(e for c in found for e in _events(ports, c))]
    ports.store.put_compared(task.item, found, now, events, changed)


def _is_same(ports: WorkerPorts, before: Output, record: OutputRecord) -> bool:
    """Whether the same bytes would leave, about the same persons, with the same findings."""
    after = record.output
    if (after.release_hash, after.findings_hash) != (before.release_hash, before.findings_hash):
        return False
    files, then = history_ports(ports).files, ports.store.pending_history(before.ident)
    ours, theirs = (
        [(k.table, files.get(StoredMembers(k.file, k.digest))) for k in pending]
        for pending in (record.pending_history, then)
    )
    return ours == theirs


def _rerouted(ports: WorkerPorts, job: Job, before: Output, record: OutputRecord, changed: bool) -> OutputRecord:
    """Return the record; an approved output that has changed goes back to review, unless policy lets it leave without
    a person."""
    after = record.output
    same = (after.staff_hash, after.findings_hash) == (before.staff_hash, before.findings_hash)
    if before.state is not OutputState.APPROVED or same:
        return record
    policies = policies_in_force(ports.store)
    project = policies.project(job.submission.project)
    small = ports.store.small_jobs(job.submission.project)
    leaves = after.release_hash is not None
    # This job is not counted yet.
    counted = ports.store.history_changed_jobs(job.submission.project) + changed
    goes = (
        project is not None
        and route_of(after.verdict, leaves, project, policies, small, counted) is OutputState.APPROVED
    )
    return record if goes else replace(record, output=replace(after, state=OutputState.IN_REVIEW))


def _events(ports: WorkerPorts, found: ComparedOutput) -> list[AuditEvent]:
    before, after = found.before, found.record.output
    if after.state is before.state:
        return []
    codes = (("job", after.job), ("memory", after.memory_version or ""))
    return [AuditEvent(ports.clock.now(), SYSTEM.ident, f"output.{after.state.value}", after.ident, codes)]


def _refused_record(ports: WorkerPorts, job: Job, before: Output) -> OutputRecord:
    """Return the record of a script's table that cannot leave any more. Its rows are gone, so it cannot be repaired.
    If the script is submitted again, its tables are compared with the releases that caused this, and repaired."""
    known, lost = staff_record_of(ports, before), comparison_records.NOT_REPAIRED
    record = replace(known.comparison or ComparisonRecord(""), version=str(ports.store.history_version()))
    if known.table is None:  # a figure that was drawn of a table
        shown = replace(known, comparison=replace(record, refused=lost.sentence))
        named = (before.name, before.kind, before.media_type)
        draft = DraftOutput(*named, shown, None, lost.rule, Verdict.REFUSE, False, record.version)
    else:
        policies = policies_assessed(ports.store, job)
        profile = policies.disclosure_rules(project_or_unknown(policies, job.submission.project).profile)
        compared = comparison_records.ComparedTable(add_findings(known.table, lost), record, (), changed=True)
        drafted = comparison_records.draft_compared(compared.judged, before.name, profile, compared)
        draft = replace(drafted, candidate=None)
    return comparison_records.store_draft(ports, before, draft)
