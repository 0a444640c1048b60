"""API for checkers: inbox, evidence, claims, votes, recalls. The workflow decides; this only reads and shows."""

import base64
import json
from typing import Any

from flask import Response

from broker.web import models_given, models_staff
from broker.web.documented import JSON_OBJECT, changes, gives, subject
from broker.web.setup import caller, ports
from broker.web.shown import acro_shown, inbox_item
from broker.workflow import looks, records, release, review
from broker.workflow.ballots import Ballot
from broker.workflow.reviewing import inbox as waiting

api = subject("reviews")


@api.get("/inbox", responses=gives(200, models_staff.InboxShown))
def inbox() -> dict[str, Any]:
    """Outputs that wait for the caller's vote, oldest first."""
    items = [inbox_item(output, job) for output, job in waiting.outputs_waiting(ports(), caller())]
    return models_staff.InboxShown(outputs=items).model_dump(mode="json")


@api.get("/failures", responses=gives(200, models_staff.FailuresShown))
def failures() -> dict[str, Any]:
    """Scripts that met real rows and failed, were withdrawn or left nothing or something unusable, and that nobody has
    read; oldest first."""
    found = [
        models_staff.FailureShown(
            job=j.ident, project=j.submission.project, title=j.submission.title, created=j.created
        )
        for j in looks.waiting(ports(), caller())
    ]
    return models_staff.FailuresShown(jobs=found).model_dump(mode="json")


LOG = {"description": "What the script printed on real data", "content": {"text/plain": {"schema": {"type": "string"}}}}


@api.get("/jobs/<job>/failure", responses={**gives(200, None), 200: LOG})
def failure(path: models_given.JobPath) -> Response:
    """What such a script printed on real data, for an independent checker; the look is in the audit log."""
    return Response(looks.failure(ports(), caller(), path.job), mimetype="text/plain")


@api.post("/jobs/<job>/failure", responses=changes(204, None))
def tell_failure(path: models_given.JobPath, body: models_given.RecallBody) -> tuple[str, int]:
    """Tell a job's researchers, once, why nothing came of it: in words without figures where it failed or left
    something unusable, else by the code of a rule."""
    looks.tell(ports(), caller(), path.job, body.reason)
    return "", 204


@api.post("/jobs/<job>/read", responses=changes(204, None))
def read_script(path: models_given.JobPath) -> tuple[str, int]:
    """Say that one has read a script's text and print, which one has opened before; it is in the audit log."""
    looks.read(ports(), caller(), path.job)
    return "", 204


@api.get("/outputs/<output>/evidence", responses=gives(200, models_staff.EvidenceShown))
def evidence(path: models_given.OutputPath) -> dict[str, Any]:
    """An output with its evidence, findings and candidate; the look is in the audit log."""
    return evidence_shown(review.look(ports(), caller(), path.output)).model_dump(mode="json")


def evidence_shown(look: review.Look) -> models_staff.EvidenceShown:
    output, job = look.output, look.job
    candidate = None if look.candidate is None else base64.b64encode(look.candidate).decode()
    return models_staff.EvidenceShown(
        output=output.ident,
        name=output.name,
        kind=output.kind.value,
        description=output.description,
        state=output.state.value,
        verdict=output.verdict.value,
        media_type=output.media_type,
        size=output.size,
        claimed_by=output.claimed_by,
        job=job.ident,
        project=job.submission.project,
        researcher=job.researcher,
        title=job.submission.title,
        purpose=job.submission.purpose,
        text=job.submission.text,
        staff=json.loads(look.staff),
        candidate_base64=candidate,
        votes=[models_staff.VoteShown.model_validate(v) for v in look.votes],
        needed=look.needed,
        staff_hash=output.staff_hash,
        findings_hash=output.findings_hash,
        memory_version=look.memory_version,
    )


STAFF_RECORD = {"description": "The staff record (docs/records.md)", "content": JSON_OBJECT}


@api.get("/outputs/<output>/staff-record", responses={**gives(200, None), 200: STAFF_RECORD})
def staff_record(path: models_given.OutputPath) -> dict[str, Any]:
    """Every rule that an output was tried by, verdicts, evidence, pattern and audit; the look is in the audit log."""
    return records.for_staff(ports(), caller(), path.output)


@api.get("/jobs/<job>/acro", responses=gives(200, models_staff.AcroShown))
def acro(path: models_given.JobPath) -> dict[str, Any]:
    """A job's outputs as ACRO's `results.json` with the files that it names; each look is in the audit log."""
    return acro_shown(records.acro(ports(), caller(), path.job)).model_dump(mode="json")


@api.put("/outputs/<output>/claim", responses=changes(204, None))
def claim(path: models_given.OutputPath) -> tuple[str, int]:
    """Say that one works on an output."""
    review.claim(ports(), caller(), path.output, True)
    return "", 204


@api.delete("/outputs/<output>/claim", responses=changes(204, None))
def give_up_claim(path: models_given.OutputPath) -> tuple[str, int]:
    """Say that one no longer works on an output."""
    review.claim(ports(), caller(), path.output, False)
    return "", 204


@api.post("/outputs/<output>/votes", responses=changes(201, models_staff.StateShown))
def vote(path: models_given.OutputPath, body: models_given.VoteBody) -> tuple[dict[str, Any], int]:
    """Vote on an output, once; enough equal votes decide it."""
    state = review.cast_vote(ports(), caller(), path.output, ballot_of(body))
    return models_staff.StateShown(state=state.value).model_dump(mode="json"), 201


def ballot_of(body: models_given.VoteBody) -> Ballot:
    return Ballot(
        choice=body.choice,
        reason=body.reason,
        staff_hash=body.staff_hash,
        findings_hash=body.findings_hash,
        memory_version=body.memory_version,
        overrides=tuple(body.overrides),
        why=body.why,
        words=body.words,
        whys=body.whys,
    )


@api.post("/outputs/<output>/recall", responses=changes(204, None))
def recall(path: models_given.OutputPath, body: models_given.RecallBody) -> tuple[str, int]:
    """Take a released output back (independent checkers and administrators)."""
    release.recall(ports(), caller(), path.output, body.reason)
    return "", 204
