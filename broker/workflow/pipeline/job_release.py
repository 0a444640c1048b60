"""Stage release: releases the approved outputs of a job, once, with their manifest. Also downloads and recalls."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from broker.disclosure.assessment_texts import public_rounding
from broker.domain.csv_text import document_without_formulas
from broker.domain.errors import Breach, Invalid, Refused, Unknown
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM, Action, Person
from broker.domain.jobs.job import Job, JobState, Output, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ledger.budget_refusals import check_exact_release
from broker.domain.ledger.spends import DisclosureSource, ExactDisclosure
from broker.domain.plain_text import check_plain_text
from broker.domain.ports import Ports, Release, WorkerPorts
from broker.policy.data_catalogue import TableKind
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.policy.privacy_allotments import promised_tables
from broker.workflow.access import project_or_unknown, reach_job, reach_output
from broker.workflow.administration.emergency_stops import is_stopped
from broker.workflow.checking.stored_checks import check_of_job
from broker.workflow.pipeline.draft_output import staff_record_of
from broker.workflow.pipeline.output_records import privacy_method_entry, store_released_record
from broker.workflow.policies_in_force import policies_assessed, policies_in_force
from broker.workflow.release_history.release_recording import history_update
from broker.workflow.timing_channel import whole_minute


def may_release_exactly(ports: Ports, job: Job, policies: PolicySet) -> bool:
    """Whether the job may be released: False for an exact job that reads tables which policy now reserves for
    differential privacy."""
    if not policies.privacy.only_private or job.is_private:
        return True
    try:
        check_exact_release(check_of_job(ports, job).tables, policies.privacy.only_private)
    except Refused:
        return False
    return True


def parallel_releases_of(ports: Ports, job: Job, release: str, policies: PolicySet) -> list[ExactDisclosure]:
    """Return what the release discloses exactly, alongside the privacy claims about the tables that the job reads.

    That is the release itself if it is exact, and the public tables that its figures were made with.
    """
    read = check_of_job(ports, job).tables
    datasets = sorted(read & promised_tables(policies))
    public = [name for name in sorted(read) if _is_public_table(name, policies)]
    known = [ExactDisclosure(DisclosureSource.PUBLIC, name, dataset) for name in public for dataset in datasets]
    if job.is_private:
        return known
    snapshot = job.snapshot or ""
    return known + [
        ExactDisclosure(DisclosureSource.EXACT, release, d, job.submission.project, snapshot) for d in datasets
    ]


def _is_public_table(name: str, policies: PolicySet) -> bool:
    table = policies.catalogue.find(name)
    return table is not None and table.kind is TableKind.PUBLIC


def manifest_of(
    ports: Ports, job: Job, outputs: list[Output], policies: PolicySet, now: datetime, records: dict[str, str]
) -> dict[str, Any]:
    """Return the manifest: method, public parameters, and hashes of the released bytes. It has no exact figure."""
    project = project_or_unknown(policies, job.submission.project)
    profile = policies.disclosure_rules(project.profile)
    return {
        "job": job.ident,
        "project": project.ident,
        "project_title": project.title,
        "title": job.submission.title,
        "purpose": job.submission.purpose,
        "kind": job.submission.kind.value,
        "snapshot": job.snapshot,
        "policy": policies.fingerprint,
        "image": job.image,
        "profile": _method_entry(ports, job, outputs, profile),
        # A finer time would reveal how long the comparison took.
        "released_at": whole_minute(now).isoformat(),
        "outputs": [
            {
                "output": o.ident,
                "name": o.name,
                "description": o.description,
                "media_type": o.media_type,
                "size": o.size,
                "sha256": o.release_hash,
                "record_sha256": records[o.ident],
                "approved_by_people": sum(v.choice is VoteChoice.APPROVE for v in ports.store.votes_of(o.ident)),
            }
            for o in outputs
        ],
    }


def parallel_release_entries(ports: Ports, job: Job, own: list[ExactDisclosure], policies: PolicySet) -> dict[str, Any]:
    """Return, for the manifest of a private release, everything alongside its claim by now: exact releases about the
    same tables, and public tables that their answers were made with. All of it is in the register or published."""
    if not job.is_private:
        return {}
    tables = check_of_job(ports, job).tables & promised_tables(policies)
    every = dict.fromkeys([*ports.store.exact_disclosures(tables), *own])
    entries = [{"kind": a.kind.value, "source": a.source, "dataset": a.dataset} for a in every]
    return {"beside_the_claim": sorted(entries, key=lambda a: (a["dataset"], a["kind"], a["source"]))}


def _method_entry(ports: Ports, job: Job, outputs: list[Output], profile: DisclosureRules) -> dict[str, Any]:
    if (privacy := staff_record_of(ports, outputs[0]).privacy) is not None:
        return privacy_method_entry(privacy)
    return {"name": profile.name, "threshold": profile.t, **public_rounding(profile)}


HELD = timedelta(hours=1)
"""How long a release that is held rests. A new policy set and the end of a stop wake it."""


@dataclass(frozen=True, slots=True)
class Download:
    name: str
    media_type: str
    content: bytes


def release(ports: WorkerPorts, job: Job) -> datetime | None:
    """Stage: release the approved outputs of a job whose outputs are all decided, and decide the job with them. Returns
    None, or when to look again at a release that is held.

    It is held if policy has dropped the project, if policy now reserves a table for differential privacy and the job
    is exact, or while an administrator has stopped the project or researcher.

    Raises HistoryMoved if the release history no longer lets an output go as it is, and Conflict("memory-moved") if
    others released just now.
    """
    approved = [o for o in ports.store.outputs_of(job.ident) if o.state is OutputState.APPROVED]
    # Today's policy decides whether the job is held; the policy of its assessment describes it.
    today = policies_in_force(ports.store)
    if _is_held(ports, job, today):
        return ports.clock.now() + HELD
    now = ports.clock.now()
    policies = policies_assessed(ports.store, job)
    # Content goes to the released store before the row is written: a crash then leaves only bytes that nobody can
    # name.
    records = {}
    for output in approved:
        _store_released_content(ports, output)
        records[output.ident] = store_released_record(ports, job, output, policies)
    ident = new_ident()
    # Private answers are guaranteed whatever else was released, so they do not enter the history.
    history = None if job.is_private else history_update(ports, job, ident, approved)
    # The claims of today's policy count here, not those of the assessment.
    asides = parallel_releases_of(ports, job, ident, today)
    manifest = manifest_of(ports, job, approved, policies, now, records) | parallel_release_entries(
        ports, job, asides, today
    )
    manifest_text = json.dumps(document_without_formulas(manifest), indent=2, sort_keys=True)
    made = Release(
        ident=ident,
        job=job.ident,
        project=job.submission.project,
        released_at=now,
        manifest_hash=sha256(manifest_text.encode()).hexdigest(),
        outputs=tuple(o.ident for o in approved),
    )
    events = _events(job, made, approved)
    content = {o.ident: o.release_hash or "" for o in approved}
    ports.store.release(
        made, manifest_text, now, events, exact_disclosures=asides, history_update=history, content=content
    )
    return None


def _is_held(ports: Ports, job: Job, today: PolicySet) -> bool:
    project = job.submission.project
    if today.project(project) is None or not may_release_exactly(ports, job, today):
        return True
    return is_stopped(ports, project, job.researcher)


def _events(job: Job, release: Release, approved: list[Output]) -> list[AuditEvent]:
    now = release.released_at
    decided = AuditEvent(now, SYSTEM.ident, "job.decided", job.ident)
    return [
        *([decided] if job.state is JobState.ASSESSING else []),
        AuditEvent(now, SYSTEM.ident, "release.made", release.ident, (("job", job.ident),)),
        *(
            AuditEvent(now, SYSTEM.ident, "output.released", o.ident, (("sha256", o.release_hash or ""),))
            for o in approved
        ),
    ]


def _store_released_content(ports: Ports, output: Output) -> None:
    if output.release_hash is None:
        raise Breach(f"output {output.ident} was approved without content")
    content = ports.content_store.get("staff", output.release_hash)
    # The store names content by its hash, so this proves that the approved bytes leave.
    if ports.content_store.put("released", content) != output.release_hash:
        raise Breach(f"output {output.ident} is not what was approved")


def download(ports: Ports, person: Person, output_ident: str) -> Download:
    """Return the released bytes of an output, for researchers of its project. The download is in the audit log."""
    output = reach_output(ports, person, Action.DOWNLOAD_RELEASE, output_ident).output
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.downloaded", output.ident)])
    return Download(output.name, output.media_type, ports.content_store.get("released", output.release_hash or ""))


def manifest(ports: Ports, person: Person, job_ident: str) -> str:
    """Return the manifest of a job's release, for anybody who may see the job. Raises Unknown if there is none."""
    reach_job(ports, person, Action.VIEW_JOB, job_ident)
    release = ports.store.release_of(job_ident)
    if release is None:
        raise Unknown("release", job_ident)
    return ports.store.manifest(release.ident)


def reach_recallable(ports: Ports, person: Person, output_ident: str) -> tuple[Output, Job]:
    """Return a released output that the person may recall, and its job."""
    reached = reach_output(ports, person, Action.RECALL_OUTPUT, output_ident)
    return reached.output, reached.job


def recall(ports: Ports, person: Person, output_ident: str, reason: str) -> None:
    """Recall a released output: nobody can download it any more, and the register says so. Raises Invalid for a reason
    that is empty or has figures."""
    if not reason.strip():
        raise Invalid("reason", "Enter a reason for the recall.", "/reason")
    check_plain_text(reason, "reason", "/reason", lines=True)
    # A figure in the reason would leave without any rule having judged it.
    if any(c.isnumeric() for c in reason):
        raise Invalid("reason", "Researchers read the reason, so do not include figures.", "/reason")
    reached = reach_output(ports, person, Action.RECALL_OUTPUT, output_ident)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "output.recalled", output_ident, (("job", reached.job.ident),))
    ports.store.move_output(output_ident, OutputState.RELEASED, OutputState.RECALLED, now, [event], reason=reason)
