"""Stages 8 and 9: the approved outputs of a decided job leave, once, with their manifest; and recall."""

import json
from dataclasses import dataclass
from hashlib import sha256

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Invalid, Unknown
from broker.domain.idents import new_ident
from broker.domain.jobs import Job, JobState
from broker.domain.outputs import DECIDED_STATES, Output, OutputState
from broker.domain.people import SYSTEM, Person
from broker.domain.permissions import Action
from broker.domain.plain_text import check_plain
from broker.domain.ports import Ports, Release, WorkerPorts
from broker.policy.models import Policies
from broker.workflow.beside import asides_of, may_leave
from broker.workflow.manifests import beside_claim, manifest_of
from broker.workflow.policies import policies_assessed, policies_in_force
from broker.workflow.records import shelve_released
from broker.workflow.relations import reach_job, reach_output
from broker.workflow.release_history.releasing import remembering
from broker.workflow.stopping import is_stopped

READY = frozenset({JobState.ASSESSING, JobState.DECIDED})


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
        _shelve_released(ports, output)
        records[output.ident] = shelve_released(ports, job, output, policies)
    ident = new_ident()
    memory = None if job.is_private else remembering(ports, job, ident, approved)
    asides = asides_of(ports, job, ident, today)
    manifest = manifest_of(ports, job, approved, policies, now, records) | beside_claim(ports, job, asides, today)
    written = json.dumps(manifest, indent=2, sort_keys=True)
    release = Release(
        ident=ident,
        job=job.ident,
        project=job.submission.project,
        released_at=now,
        manifest_hash=sha256(written.encode()).hexdigest(),
        outputs=tuple(o.ident for o in approved),
    )
    events = _events(job, release, approved)
    content = {o.ident: o.release_hash or "" for o in approved}
    ports.store.release(release, written, now, events, asides=asides, remembering=memory, content=content)
    return release


def _is_due(ports: Ports, job: Job, outputs: list[Output]) -> bool:
    decided = job.state in READY and all(o.state in DECIDED_STATES for o in outputs)
    return decided and ports.store.release_of(job.ident) is None


def _is_held(ports: Ports, job: Job, today: Policies) -> bool:
    project = job.submission.project
    if today.project(project) is None or not may_leave(ports, job, today):
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


def _shelve_released(ports: Ports, output: Output) -> None:
    if output.release_hash is None:
        raise Breach(f"output {output.ident} was approved without content")
    content = ports.shelf.get("staff", output.release_hash)
    if ports.shelf.put("released", content) != output.release_hash:
        raise Breach(f"output {output.ident} is not what was approved")


def download(ports: Ports, person: Person, output_ident: str) -> Download:
    """The released bytes of an output, for researchers of its project; the look is in the audit log."""
    output = reach_output(ports, person, Action.DOWNLOAD_RELEASE, output_ident).output
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.downloaded", output.ident)])
    return Download(output.name, output.media_type, ports.shelf.get("released", output.release_hash or ""))


def manifest(ports: Ports, person: Person, job_ident: str) -> str:
    """The manifest of a job's release, for whoever may see the job."""
    reach_job(ports, person, Action.VIEW_JOB, job_ident)
    release = ports.store.release_of(job_ident)
    if release is None:
        raise Unknown("release", job_ident)
    return ports.store.manifest(release.ident)


def to_recall(ports: Ports, person: Person, output_ident: str) -> tuple[Output, Job]:
    """A released output that the person may take back."""
    reached = reach_output(ports, person, Action.RECALL_OUTPUT, output_ident)
    return reached.output, reached.job


def recall(ports: Ports, person: Person, output_ident: str, reason: str) -> None:
    """Take a released output back: it can no longer be downloaded, and the register says so."""
    if not reason.strip():
        raise Invalid("reason", "A recall needs a reason.", "/reason")
    check_plain(reason, "reason", "/reason", lines=True)
    if any(c.isnumeric() for c in reason):
        raise Invalid("reason", "Researchers read the reason: it has no figures.", "/reason")
    reached = reach_output(ports, person, Action.RECALL_OUTPUT, output_ident)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "output.recalled", output_ident, (("job", reached.job.ident),))
    ports.store.move_output(output_ident, OutputState.RELEASED, OutputState.RECALLED, now, [event], reason=reason)
