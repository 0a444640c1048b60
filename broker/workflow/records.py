"""Records of outputs: staff's, with evidence and findings, and the one that goes with a release. Decides nothing."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.disclosure.records.acro_record import Item, acro_results
from broker.disclosure.records.renderings import released_file_record, released_record
from broker.disclosure.records.staff_record import staff_record
from broker.disclosure.records.stored_form import assessment_from_json
from broker.domain.audit import AuditEvent
from broker.domain.errors import Unknown
from broker.domain.findings import Assessment
from broker.domain.jobs import Job
from broker.domain.outputs import Output, OutputKind, OutputState
from broker.domain.people import Person
from broker.domain.permissions import Action, may
from broker.domain.ports import Ports
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.workflow.policies import policies_assessed
from broker.workflow.private.told import private_record
from broker.workflow.relations import project_or_unknown, reach_job, reach_output


@dataclass(frozen=True, slots=True)
class AcroFolder:
    """What ACRO's viewer opens: `results.json`, and each file that it names with its content (None: nothing can
    leave). Checksums are the caller's to write beside them."""

    results: dict[str, Any]
    files: tuple[tuple[str, bytes | None], ...]


def for_staff(ports: Ports, person: Person, output_ident: str) -> dict[str, Any]:
    """Everything that the rules tried and found on an output, for who may look at its evidence; the look is audited."""
    reached = reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    output, job = reached.output, reached.job
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    head = {"output": output.ident, "job": job.ident, "project": job.submission.project, "snapshot": job.snapshot}
    head |= {"state": output.state.value, "policy": job.assessed_policy or job.policy, "staff_hash": output.staff_hash}
    document = _staff_document(ports, output)
    head |= {"memory": document.get("memory")}
    if output.kind is OutputKind.FILE:
        return head | {"name": output.name, "file": document}
    if (privacy := document.get("privacy")) is not None:
        return head | private_record(assessment_from_json(document), privacy)
    return head | staff_record(assessment_from_json(document), _profile(policies_assessed(ports.store, job), job))


def acro(ports: Ports, person: Person, job_ident: str) -> AcroFolder:
    """All outputs of a job that the person may look at, as ACRO's viewer reads them; each look is audited."""
    outputs = _lookable(ports, person, job_ident)
    job, now = ports.store.job(job_ident), ports.clock.now()
    ports.store.record([AuditEvent(now, person.ident, "output.viewed", o.ident) for o in outputs])
    name_of = _file_names(outputs)
    items = [Item(o.name, name_of(o), o.verdict, _assessment(ports, o), o.description) for o in outputs]
    results = acro_results(items, job.submission.text, job.updated.isoformat())
    return AcroFolder(results, tuple((name_of(o), _candidate(ports, o)) for o in outputs))


def _lookable(ports: Ports, person: Person, job_ident: str) -> list[Output]:
    """A job without any output that the person may look at answers like one that is not there."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    every = ports.store.outputs_of(job_ident)
    found = [o for o in every if may(person, Action.VIEW_EVIDENCE, reached.relation, o.state)]
    if not found:
        raise Unknown("record", job_ident)
    return found


def _staff_document(ports: Ports, output: Output) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ports.shelf.get("staff", ports.store.evidence_digest(output.ident)))
    return found


def privacy_of(ports: Ports, output: Output) -> dict[str, Any]:
    """The privacy record of a private output."""
    found: dict[str, Any] = _staff_document(ports, output)["privacy"]
    return found


def _assessment(ports: Ports, output: Output) -> Assessment | None:
    return None if output.kind is OutputKind.FILE else assessment_from_json(_staff_document(ports, output))


def _candidate(ports: Ports, output: Output) -> bytes | None:
    return None if output.release_hash is None else ports.shelf.get("staff", output.release_hash)


def _file_names(outputs: list[Output]) -> Callable[[Output], str]:
    """Each output's file in one folder: a name of its own without any path."""
    names = {o.ident: f"output_{n}_{_plain(o)}" for n, o in enumerate(outputs)}
    return lambda output: names[output.ident]


def _plain(output: Output) -> str:
    kept = "".join(c if c.isalnum() or c in "._-" else "_" for c in output.name)[:100]
    return f"{kept}.csv" if output.kind is OutputKind.TABLE else kept


def _profile(policies: Policies, job: Job) -> Profile:
    return policies.profile(project_or_unknown(policies, job.submission.project).profile)


def shelve_released(ports: Ports, job: Job, output: Output, policies: Policies) -> str:
    """Put the record that goes with an output on the released shelf; its SHA-256. It says the method and public
    parameters, never a figure or finding."""
    found = _assessment(ports, output)
    if found is None:
        document = released_file_record(output.name)
    elif job.is_private:
        document = private_record(found, privacy_of(ports, output))
    else:
        document = released_record(found, _profile(policies, job))
    content = json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"
    return ports.shelf.put("released", content)


def of_release(ports: Ports, person: Person, output_ident: str) -> bytes:
    """The record of a released output, for who may download it. It stands in the release's manifest by its hash."""
    output = reach_output(ports, person, Action.DOWNLOAD_RELEASE, output_ident).output
    record = shelved_record(ports, output)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.downloaded", output.ident)])
    return record


def shelved_record(ports: Ports, output: Output) -> bytes:
    """The record as it was released; Unknown where there is none. Whoever calls has asked whether it may be seen."""
    release = ports.store.release_of(output.job)
    if release is None or output.state is not OutputState.RELEASED:
        raise Unknown("record", output.ident)
    told = json.loads(ports.store.manifest(release.ident))["outputs"]
    digest = next((o.get("record_sha256") for o in told if o["output"] == output.ident), None)
    if digest is None:
        raise Unknown("record", output.ident)
    return ports.shelf.get("released", digest)
