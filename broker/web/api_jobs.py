"""API for researchers: submit, check, follow, withdraw, collect. The workflow decides; this only reads and shows."""

from typing import Any

from flask import Response, url_for

from broker.domain.jobs import Submission
from broker.web import models, models_given
from broker.web.documented import JSON_OBJECT, changes, gives, subject
from broker.web.setup import caller, ports
from broker.web.shown import check_shown, content_response
from broker.workflow import browse, follow, looks, preview, records, release, submit, withdraw

api = subject("jobs")

Answer = tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]]


@api.post("/submissions", responses={200: models.JobShown, **changes(201, models.JobShown)})
def submit_job(body: models_given.SubmissionBody) -> Answer:
    """Submit a job. 201 for a new one (refused ones too, with every reason), 200 for a client id sent before."""
    before = ports().clock.now()
    job, _ = submit.submit(ports(), caller(), submission_of(body))
    shown = job_shown(browse.job(ports(), caller(), job.ident))
    return shown, 201 if job.created >= before else 200, {"Location": url_for("jobs.job", job=job.ident)}


def submission_of(body: models_given.SubmissionBody) -> Submission:
    return Submission(
        project=body.project,
        kind=body.kind,
        dialect=body.dialect,
        text=body.text,
        title=body.title,
        purpose=body.purpose,
        descriptions=tuple((d.output, d.text) for d in body.descriptions),
        client_id=body.client_id,
        replaces=body.replaces,
    )


@api.post("/checks", responses=changes(200, models.CheckShown))
def check(body: models_given.CheckBody) -> dict[str, Any]:
    """Check a text without submitting it: every refusal, every use, and the outputs that it would make."""
    checked = preview.check_text(ports(), caller(), body.project, body.text, body.kind, body.dialect)
    return check_shown(checked, preview.forecast(ports(), body.project, checked)).model_dump(mode="json")


@api.get("/jobs", responses=gives(200, models.JobsShown))
def jobs(query: models_given.JobsQuery) -> dict[str, Any]:
    """Jobs that the caller may see, newest first, without texts and outputs."""
    found = browse.jobs(ports(), caller(), query.project, query.after, query.limit)
    following = found[-1].ident if len(found) == query.limit else None
    shown = [models.JobShown.model_validate(j) for j in found]
    return models.JobsShown(jobs=shown, next=following).model_dump(mode="json")


@api.get("/jobs/<job>", responses=gives(200, models.JobShown))
def job(path: models_given.JobPath) -> dict[str, Any]:
    """One job with its text, refusals, uses, how far it is, and what may be known of its outputs."""
    view = browse.job(ports(), caller(), path.job)
    shown, far = job_shown(view), follow.progress(ports(), caller(), view)
    if far.waits or far.minutes is not None:
        shown["progress"] = models.ProgressShown.model_validate(far).model_dump(mode="json")
    return shown


def job_shown(view: browse.JobView) -> dict[str, Any]:
    return models.JobShown.model_validate(view).model_dump(mode="json")


@api.get("/jobs/<job>/trace", responses=gives(200, models.TraceShown))
def trace(path: models_given.JobPath) -> dict[str, Any]:
    """How a script did on the synthetic NPD, with all that it printed there, for whoever may read its text; and what a
    checker has told of its end on real data."""
    return models.TraceShown.model_validate(looks.trace(ports(), caller(), path.job)).model_dump(mode="json")


@api.post("/jobs/<job>/withdrawal", responses=changes(204, None))
def withdraw_job(path: models_given.JobPath) -> tuple[str, int]:
    """Withdraw a job of one's own project, at any time before its outputs are decided."""
    withdraw.withdraw(ports(), caller(), path.job)
    return "", 204


@api.post("/jobs/<job>/stop", responses=changes(204, None))
def stop_job(path: models_given.JobPath) -> tuple[str, int]:
    """Stop a job (administrators)."""
    withdraw.withdraw(ports(), caller(), path.job, stop=True)
    return "", 204


MANIFEST = {"description": "The manifest of the job's release", "content": JSON_OBJECT}
RECORD = {"description": "The record that goes with a released output", "content": JSON_OBJECT}
BYTES = {"description": "The released bytes", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}


@api.get("/jobs/<job>/manifest", responses={**gives(200, None), 200: MANIFEST})
def manifest(path: models_given.JobPath) -> Response:
    """How the job's release came to be: method, public parameters, hashes of the released bytes."""
    return Response(release.manifest(ports(), caller(), path.job), mimetype="application/json")


@api.get("/outputs/<output>/content", responses={**gives(200, None), 200: BYTES})
def content(path: models_given.OutputPath) -> Response:
    """The released bytes of an output, always as an attachment."""
    return content_response(release.download(ports(), caller(), path.output))


@api.get("/outputs/<output>/record", responses={**gives(200, None), 200: RECORD})
def record(path: models_given.OutputPath) -> Response:
    """What may be said of how a released output was made: method, public parameters, symbols, notes."""
    return Response(records.of_release(ports(), caller(), path.output), mimetype="application/json")
