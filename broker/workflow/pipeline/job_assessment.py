"""Stage assess: turns evidence into findings and outputs, stored for staff. Nothing leaves from here."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.disclosure.judge_job import judge_job
from broker.disclosure.rules import evidence_needs
from broker.domain.errors import Breach
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import Job, JobState
from broker.domain.jobs.outputs import Output, OutputState
from broker.domain.plans.plan import Plan
from broker.domain.ports import Lease, OutputRecord, SandboxResult, Vault, WorkerPorts
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline.draft_output import DraftOutput, draft_table, store_content
from broker.workflow.pipeline.script_outputs import draft_script_outputs
from broker.workflow.pipeline.script_run import ScriptExecution
from broker.workflow.release_history.comparison_records import store_pending_tables


@dataclass(frozen=True, slots=True)
class JobExecution:
    """A finished sandbox run: what was checked, on which vault, and what came back."""

    checked: CheckedSubmission
    vault: Vault
    result: SandboxResult
    script: ScriptExecution | None = None

    @property
    def script_execution(self) -> ScriptExecution:
        if self.script is None:
            raise Breach("A script's job has run without a script.")
        return self.script


def assess(ports: WorkerPorts, lease: Lease, policies: PolicySet, execution: JobExecution) -> None:
    """Judge every output and move the job to `assessing` with them, in one transaction under the attempt.

    Raises Breach if policy dropped the job's project during the run.
    """
    project = policies.project(lease.job.submission.project)
    # The job was checked under a policy that had the project, so this is a fault and not a refusal.
    if project is None:
        raise Breach(f"project of job {lease.job.ident} left the policy during its run")
    profile = policies.disclosure_rules(project.profile)
    if execution.checked.plan is not None:
        drafts = _draft_tables(ports, execution, execution.checked.plan, profile)
    else:
        drafts = draft_script_outputs(execution.script_execution, execution.checked.declared, policies, profile)
    finish_assessment(
        ports,
        lease,
        policies,
        drafts,
        OutputProvenance(execution.vault.snapshot, execution.result.image, execution.result.runtime),
        execution.checked.declared,
    )


@dataclass(frozen=True, slots=True)
class OutputProvenance:
    """What the outputs were made on. `image` is None if no sandbox had to run."""

    snapshot: str
    image: str | None = None
    runtime: str | None = None


def finish_assessment(
    ports: WorkerPorts,
    lease: Lease,
    policies: PolicySet,
    drafts: Sequence[DraftOutput],
    provenance: OutputProvenance,
    declared: Sequence[tuple[str, str]] = (),
) -> None:
    """Store the contents of the drafts, then move the job to `assessing` with the outputs."""
    now = ports.clock.now()
    described = (*lease.job.submission.descriptions, *declared)
    # Contents first: if the worker dies here, the store has files that no output names, never an output without its
    # file.
    records = [_store_output(ports, lease.job, d, described) for d in drafts]
    event = AuditEvent(now, SYSTEM.ident, "job.assessed", lease.job.ident, (("outputs", str(len(records))),))
    ports.store.advance(
        lease.job.ident,
        lease.attempt,
        JobState.RUNNING,
        JobState.ASSESSING,
        now,
        [event],
        image=provenance.image,
        runtime=provenance.runtime,
        snapshot=provenance.snapshot,
        assessed_policy=policies.fingerprint,
        outputs=records,
        small=any(d.small for d in drafts),
        history_changed=any(d.history_changed for d in drafts),
    )


def only_saves_definitions(checked: CheckedSubmission) -> bool:
    """Whether a job only saves definitions and requests no output. It reads no data, so nothing is started for it."""
    return checked.plan is not None and not checked.plan.outputs


def assess_without_outputs(ports: WorkerPorts, lease: Lease, policies: PolicySet) -> None:
    """Move a job without outputs to `assessing`. It has nothing to judge, and is decided next."""
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "job.assessed", lease.job.ident, (("outputs", "0"),))
    before, after = JobState.RUNNING, JobState.ASSESSING
    fingerprint = policies.fingerprint
    ports.store.advance(lease.job.ident, lease.attempt, before, after, now, [event], assessed_policy=fingerprint)


def _draft_tables(
    ports: WorkerPorts, execution: JobExecution, plan: Plan, profile: DisclosureRules
) -> list[DraftOutput]:
    evidence = ports.engine.read(plan, execution.result.frames, evidence_needs(profile))
    assessments = judge_job(plan, evidence, profile, ports.vaults.registers(execution.vault))
    pairs = zip(assessments, evidence.outputs, strict=True)
    return [draft_table(assessment, found.name, profile.name) for assessment, found in pairs]


def _store_output(
    ports: WorkerPorts, job: Job, draft: DraftOutput, declared: Sequence[tuple[str, str]]
) -> OutputRecord:
    """Store the contents of one draft and return its record."""
    stored = store_content(ports.content_store, draft)
    output = Output(
        ident=new_ident(),
        job=job.ident,
        name=draft.name,
        kind=draft.kind,
        description=_description(declared, draft.name),
        state=OutputState.ASSESSED,
        media_type=draft.media_type,
        size=len(draft.candidate or b""),
        release_hash=stored.release_hash,
        staff_hash=stored.staff_hash,
        findings_hash=stored.findings_hash,
        verdict=draft.verdict,
        created=ports.clock.now(),
        memory_version=draft.memory_version,
    )
    pending_tables = store_pending_tables(ports, draft.tables) if draft.tables else ()
    return OutputRecord(output, stored.evidence_digest, pending_tables)


def _description(descriptions: Sequence[tuple[str, str]], name: str) -> str:
    return next((sentence for output_name, sentence in descriptions if output_name == name), "")
