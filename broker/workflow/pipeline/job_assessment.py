"""Stage assess: stores drafted outputs for staff, and moves the job on. Nothing leaves from here."""

from collections.abc import Sequence

from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import Job, JobState
from broker.domain.jobs.outputs import Output, OutputState
from broker.domain.ports import Lease, OutputRecord, WorkerPorts
from broker.policy.policy_set import PolicySet
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline.draft_output import DraftOutput, store_content
from broker.workflow.pipeline.executors import Executed
from broker.workflow.release_history.comparison_records import store_pending_tables
from broker.workflow.run_context import RunContext


def assess(
    ports: WorkerPorts, lease: Lease, context: RunContext, executed: Executed, drafts: Sequence[DraftOutput]
) -> None:
    """Store the contents of the drafts, then move the job to `assessing` with the outputs, in one transaction under the
    attempt."""
    now = ports.clock.now()
    described = (*lease.job.submission.descriptions, *context.checked.declared)
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
        image=executed.image,
        runtime=executed.runtime,
        snapshot=context.vault.snapshot,
        assessed_policy=context.policies.fingerprint,
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
