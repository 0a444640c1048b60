"""Stage assess: stores drafted outputs for staff, and moves the job on. Nothing leaves from here."""

from collections.abc import Sequence

from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import Job, JobState, Output, OutputState
from broker.domain.ports import OutputRecord, WorkerPorts
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.job_attempt import Executed
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.release_history.comparison_records import store_draft


def assess(ports: RunPorts, executed: Executed) -> None:
    """Store the contents of the drafted outputs, then move the job to `assessing` with them, in one transaction under
    the attempt."""
    context, drafts, now = executed.context, executed.drafts, ports.clock.now()
    job = context.job
    assert job is not None
    described = (*job.submission.descriptions, *context.checked.declared)
    # Contents first: if the worker dies here, the store has files that no output names, never an output without its
    # file.
    records = [_store_output(ports, job, d, described) for d in drafts]
    ports.store.advance(
        job.ident,
        job.attempt,
        JobState.RUNNING,
        JobState.ASSESSING,
        now,
        [AuditEvent(now, SYSTEM.ident, "job.assessed", job.ident, (("outputs", str(len(records))),))],
        image=executed.image,
        runtime=executed.runtime,
        snapshot=context.vault.snapshot or None,
        assessed_policy=context.policies.fingerprint,
        outputs=records,
        small=any(d.small for d in drafts),
        history_changed=any(d.history_changed for d in drafts),
    )


def _store_output(
    ports: WorkerPorts, job: Job, draft: DraftOutput, declared: Sequence[tuple[str, str]]
) -> OutputRecord:
    """Store the contents of one draft and return its record."""
    output = Output(
        ident=new_ident(),
        job=job.ident,
        name=draft.name,
        kind=draft.kind,
        description=_description(declared, draft.name),
        state=OutputState.ASSESSED,
        media_type=draft.media_type,
        size=0,
        release_hash=None,
        staff_hash="",
        findings_hash="",
        verdict=draft.verdict,
        created=ports.clock.now(),
    )
    return store_draft(ports, output, draft)


def _description(descriptions: Sequence[tuple[str, str]], name: str) -> str:
    return next((sentence for output_name, sentence in descriptions if output_name == name), "")
