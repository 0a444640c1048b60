"""Records of outputs: the staff record with evidence and findings, and the record that leaves with a release."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from broker.disclosure.records.acro_record import AcroItem, acro_results
from broker.disclosure.records.released_tables import released_file_record, released_record
from broker.disclosure.records.staff_record import staff_record
from broker.disclosure.records.staff_record_json import comparison_to_json, staff_record_to_json
from broker.domain.errors import Unknown
from broker.domain.findings import Assessment
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Action, Person, is_permitted
from broker.domain.jobs.job import Job, Output, OutputKind, OutputState
from broker.domain.ports import Ports
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.policy_set import PolicySet
from broker.workflow.access import project_or_unknown, reach_job, reach_output
from broker.workflow.pipeline.draft_output import candidate_of, staff_record_of
from broker.workflow.policies_in_force import policies_assessed


def private_record(assessment: Assessment, privacy: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **privacy,
        "name": assessment.name,
        "columns": list(assessment.columns),
        "symbols": dict(assessment.symbols),
        "notes": list(assessment.notes),
    }


def privacy_method_entry(privacy: Mapping[str, Any]) -> dict[str, Any]:
    """Return the method and its most important parameters, for a release's manifest."""
    names = ("method", "unit", "accounting", "spend", "interval_level", "display_floor")
    return {"name": privacy["profile"]} | {name: privacy[name] for name in names}


@dataclass(frozen=True, slots=True)
class AcroFile:
    """A file as it would leave. `content` None: nothing can leave."""

    name: str
    content: bytes | None

    @property
    def sha256(self) -> str | None:
        return None if self.content is None else sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class AcroFolder:
    """Input for ACRO's viewer: `results.json`, and each file that it names.

    The caller writes the checksums alongside.
    """

    results: dict[str, Any]
    files: tuple[AcroFile, ...]


def record_for_staff(ports: Ports, person: Person, output_ident: str) -> dict[str, Any]:
    """Return all that the rules tried and found on an output, for people who may view its evidence. Each view is
    audited."""
    reached = reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    output, job = reached.output, reached.job
    # Recorded before anything is returned, so nobody reads evidence without a line in the audit log.
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    head: dict[str, Any] = {
        "output": output.ident,
        "job": job.ident,
        "project": job.submission.project,
        "snapshot": job.snapshot,
    }
    head |= {"state": output.state.value, "policy": job.assessed_policy or job.policy, "staff_hash": output.staff_hash}
    record = staff_record_of(ports, output)
    head |= {"memory": None if record.comparison is None else comparison_to_json(record.comparison)}
    # No rules judged a file's figures, so its record has only what was noted about the file.
    if record.table is None:
        return head | {"name": output.name, "file": staff_record_to_json(record)}
    if record.privacy is not None:
        return head | private_record(record.table, record.privacy)
    return head | staff_record(record.table, _profile(policies_assessed(ports.store, job), job))


def acro_folder(ports: Ports, person: Person, job_ident: str) -> AcroFolder:
    """Return all outputs of a job that the person may view, in the form of ACRO's viewer. Each view is audited."""
    outputs = _viewable_outputs(ports, person, job_ident)
    job, now = ports.store.job(job_ident), ports.clock.now()
    ports.store.record([AuditEvent(now, person.ident, "output.viewed", o.ident) for o in outputs])
    # File names without a path, unique in one folder.
    named = [(f"output_{n}_{_plain_file_name(o)}", o) for n, o in enumerate(outputs)]
    items = [AcroItem(o.name, name, o.verdict, staff_record_of(ports, o).table, o.description) for name, o in named]
    results = acro_results(items, job.submission.text, job.updated.isoformat())
    return AcroFolder(results, tuple(AcroFile(name, candidate_of(ports, o)) for name, o in named))


def _viewable_outputs(ports: Ports, person: Person, job_ident: str) -> list[Output]:
    """Return the outputs that the person may view. Raises Unknown if there are none, as for a job that
    does not exist."""
    reached = reach_job(ports, person, Action.VIEW_JOB, job_ident)
    every = ports.store.outputs_of(job_ident)
    found = [o for o in every if is_permitted(person, Action.VIEW_EVIDENCE, reached.relation, o.state)]
    if not found:
        raise Unknown("record", job_ident)
    return found


def _plain_file_name(output: Output) -> str:
    # The script may have chosen the name: no path, and no character that a shell or file system treats specially.
    safe_name = "".join(c if c.isalnum() or c in "._-" else "_" for c in output.name)[:100]
    return f"{safe_name}.csv" if output.kind is OutputKind.TABLE else safe_name


def _profile(policies: PolicySet, job: Job) -> DisclosureRules:
    return policies.disclosure_rules(project_or_unknown(policies, job.submission.project).profile)


def store_released_record(ports: Ports, job: Job, output: Output, policies: PolicySet) -> str:
    """Store the record that leaves with an output and return its SHA-256. It has the method and public parameters,
    never a figure or finding."""
    record = staff_record_of(ports, output)
    if record.table is None:
        document = released_file_record(output.name)
    elif record.privacy is not None:
        document = private_record(record.table, record.privacy)
    else:
        document = released_record(record.table, _profile(policies, job))
    content = json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"
    return ports.content_store.put("released", content)


def record_of_release(ports: Ports, person: Person, output_ident: str) -> bytes:
    """Return the record of a released output, for people who may download it. The release's manifest has its hash."""
    output = reach_output(ports, person, Action.DOWNLOAD_RELEASE, output_ident).output
    record = stored_release_record(ports, output)
    ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.downloaded", output.ident)])
    return record


def stored_release_record(ports: Ports, output: Output) -> bytes:
    """Return the record as it was released. Raises Unknown if there is none. The caller must have checked that the
    person may see it."""
    release = ports.store.release_of(output.job)
    # A recalled output must not be downloaded, and neither must its record.
    if release is None or output.state is not OutputState.RELEASED:
        raise Unknown("record", output.ident)
    listed = json.loads(ports.store.manifest(release.ident))["outputs"]
    digest = next((o.get("record_sha256") for o in listed if o["output"] == output.ident), None)
    if digest is None:
        raise Unknown("record", output.ident)
    return ports.content_store.get("released", digest)
