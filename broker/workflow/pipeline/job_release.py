"""Stages 8 and 9: the approved outputs of a decided job leave, once, with their manifest; and recall."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from broker.disclosure.assessment_texts import public_rounding
from broker.domain.errors import Breach, Invalid, Refused, Unknown
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM, Person
from broker.domain.identity.permissions import Action
from broker.domain.jobs.job import Job, JobState
from broker.domain.jobs.outputs import DECIDED_STATES, Output, OutputState
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
from broker.workflow.checking.submission_check import check_submission
from broker.workflow.pipeline.output_records import privacy_method_entry, privacy_of, store_released_record
from broker.workflow.policies_in_force import policies_assessed, policies_in_force, policies_of
from broker.workflow.release_history.release_recording import history_update
from broker.workflow.submission.save_definition import saved_at_submission
from broker.workflow.timing_channel import whole_minute


def tables_read_by(ports: Ports, job: Job) -> frozenset[str]:
    """The tables that a job reads, as its text was accepted."""
    policies = policies_of(ports.store, job.policy)
    project = project_or_unknown(policies, job.submission.project)
    s = job.submission
    day, saved = job.created.date(), saved_at_submission(ports, job)
    return frozenset(u.table for u in check_submission(s.text, s.kind, s.dialect, project, policies, day, saved).uses)


def may_release_exactly(ports: Ports, job: Job, policies: PolicySet) -> bool:
    """False for an exact job about data sets that policy has since kept to differential privacy."""
    if not policies.privacy.only_private or job.is_private:
        return True
    try:
        check_exact_release(tables_read_by(ports, job), policies.privacy.only_private)
    except Refused:
        return False
    return True


def parallel_releases_of(ports: Ports, job: Job, release: str, policies: PolicySet) -> list[ExactDisclosure]:
    """What a release puts beside the claim about each promised data set that the job reads: itself, where it is exact,
    and the public tables that its figures were made with."""
    read = tables_read_by(ports, job)
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
    """Method and public parameters, and hashes of released bytes."""
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
    """With a private release, what stands beside its claim by now: exact releases about the same data sets, and public
    tables that answers about them were made with. All of it is in the register or published."""
    if not job.is_private:
        return {}
    tables = tables_read_by(ports, job) & promised_tables(policies)
    every = dict.fromkeys([*ports.store.exact_disclosures(tables), *own])
    entries = [{"kind": a.kind.value, "source": a.source, "dataset": a.dataset} for a in every]
    return {"beside_the_claim": sorted(entries, key=lambda a: (a["dataset"], a["kind"], a["source"]))}


def _method_entry(ports: Ports, job: Job, outputs: list[Output], profile: DisclosureRules) -> dict[str, Any]:
    if job.is_private:
        return privacy_method_entry(privacy_of(ports, outputs[0]))
    return {"name": profile.name, "threshold": profile.t, **public_rounding(profile)}


RELEASABLE_STATES = frozenset({JobState.ASSESSING, JobState.DECIDED})


@dataclass(frozen=True, slots=True)
class Download:
    name: str
    media_type: str
    content: bytes


def release_job(ports: WorkerPorts, job: Job) -> Release | None:
    """Release a job's approved outputs, if every output is decided, it has any, and has not been released: the job is
    decided with it. Raises Moved where memory does not let an output go as it is any more, and Conflict("memory-moved")
    where others were released just now.

    Content is on the released shelf before the row is written: a crash leaves bytes that nobody can name. Nothing
    leaves for a project that policy has dropped since, nor exactly about a data set that policy keeps to differential
    privacy by now, nor while an administrator has stopped project or researcher: it is held until that is otherwise.
    """
    outputs = ports.store.outputs_of(job.ident)
    approved = [o for o in outputs if o.state is OutputState.APPROVED]
    if not approved or not _is_due(ports, job, outputs):
        return None
    today = policies_in_force(ports.store)
    if _is_held(ports, job, today):
        return None
    now = ports.clock.now()
    policies = policies_assessed(ports.store, job)
    records = {}
    for output in approved:
        _store_released_content(ports, output)
        records[output.ident] = store_released_record(ports, job, output, policies)
    ident = new_ident()
    history = None if job.is_private else history_update(ports, job, ident, approved)
    asides = parallel_releases_of(ports, job, ident, today)
    manifest = manifest_of(ports, job, approved, policies, now, records) | parallel_release_entries(
        ports, job, asides, today
    )
    manifest_text = json.dumps(manifest, indent=2, sort_keys=True)
    release = Release(
        ident=ident,
        job=job.ident,
        project=job.submission.project,
        released_at=now,
        manifest_hash=sha256(manifest_text.encode()).hexdigest(),
        outputs=tuple(o.ident for o in approved),
    )
    events = _events(job, release, approved)
    content = {o.ident: o.release_hash or "" for o in approved}
    ports.store.release(
        release, manifest_text, now, events, exact_disclosures=asides, history_update=history, content=content
    )
    return release


def _is_due(ports: Ports, job: Job, outputs: list[Output]) -> bool:
    decided = job.state in RELEASABLE_STATES and all(o.state in DECIDED_STATES for o in outputs)
    return decided and ports.store.release_of(job.ident) is None


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
    if ports.content_store.put("released", content) != output.release_hash:
        raise Breach(f"output {output.ident} is not what was approved")


def download(ports: Ports, person: Person, output_ident: str) -> Download:
    """The released bytes of an output, for researchers of its project; the look is in the audit log."""
    output = reach_output(ports, person, Action.DOWNLOAD_RELEASE, output_ident).output
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.downloaded", output.ident)])
    return Download(output.name, output.media_type, ports.content_store.get("released", output.release_hash or ""))


def manifest(ports: Ports, person: Person, job_ident: str) -> str:
    """The manifest of a job's release, for whoever may see the job."""
    reach_job(ports, person, Action.VIEW_JOB, job_ident)
    release = ports.store.release_of(job_ident)
    if release is None:
        raise Unknown("release", job_ident)
    return ports.store.manifest(release.ident)


def reach_recallable(ports: Ports, person: Person, output_ident: str) -> tuple[Output, Job]:
    """A released output that the person may take back."""
    reached = reach_output(ports, person, Action.RECALL_OUTPUT, output_ident)
    return reached.output, reached.job


def recall(ports: Ports, person: Person, output_ident: str, reason: str) -> None:
    """Take a released output back: it can no longer be downloaded, and the register says so."""
    if not reason.strip():
        raise Invalid("reason", "A recall needs a reason.", "/reason")
    check_plain_text(reason, "reason", "/reason", lines=True)
    if any(c.isnumeric() for c in reason):
        raise Invalid("reason", "Researchers read the reason: it has no figures.", "/reason")
    reached = reach_output(ports, person, Action.RECALL_OUTPUT, output_ident)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "output.recalled", output_ident, (("job", reached.job.ident),))
    ports.store.move_output(output_ident, OutputState.RELEASED, OutputState.RECALLED, now, [event], reason=reason)
