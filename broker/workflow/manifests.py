"""What the public may know of how a release came to be: its manifest. No figure of any finding; releases nothing."""

from datetime import datetime
from typing import Any

from broker.disclosure.wording import public_rounding
from broker.domain.jobs import Job
from broker.domain.ledger.budgets import Aside
from broker.domain.outputs import Output
from broker.domain.ports import Ports
from broker.domain.reviews import Choice
from broker.policy.allotments import promised_tables
from broker.policy.models import Policies
from broker.policy.profiles import Profile
from broker.workflow.beside import tables_of
from broker.workflow.private.told import manifest_profile
from broker.workflow.records import privacy_of
from broker.workflow.relations import project_or_unknown
from broker.workflow.silence import whole_minute


def manifest_of(
    ports: Ports, job: Job, outputs: list[Output], policies: Policies, now: datetime, records: dict[str, str]
) -> dict[str, Any]:
    """Method and public parameters, and hashes of released bytes."""
    project = project_or_unknown(policies, job.submission.project)
    profile = policies.profile(project.profile)
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
        "profile": _profile_told(ports, job, outputs, profile),
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
                "approved_by_people": sum(v.choice is Choice.APPROVE for v in ports.store.votes_of(o.ident)),
            }
            for o in outputs
        ],
    }


def beside_claim(ports: Ports, job: Job, own: list[Aside], policies: Policies) -> dict[str, Any]:
    """With a private release, what stands beside its claim by now: exact releases about the same data sets, and public
    tables that answers about them were made with. All of it is in the register or published."""
    if not job.is_private:
        return {}
    tables = tables_of(ports, job) & promised_tables(policies)
    every = dict.fromkeys([*ports.store.asides(tables), *own])
    told = [{"kind": a.kind.value, "source": a.source, "dataset": a.dataset} for a in every]
    return {"beside_the_claim": sorted(told, key=lambda a: (a["dataset"], a["kind"], a["source"]))}


def _profile_told(ports: Ports, job: Job, outputs: list[Output], profile: Profile) -> dict[str, Any]:
    if job.is_private:
        return manifest_profile(privacy_of(ports, outputs[0]))
    return {"name": profile.name, "threshold": profile.t, **public_rounding(profile)}
