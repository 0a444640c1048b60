"""API for researchers: submit, check, follow, withdraw, collect; and the definitions that projects save, with a
checker's view and decision. The workflow decides; this module only reads and shows."""

from dataclasses import asdict
from typing import Any

from flask import Response, url_for

from broker.domain.jobs.job import Submission
from broker.web.api.openapi import JSON_OBJECT, api_blueprint, change_responses, read_responses
from broker.web.schemas import api_schemas
from broker.web.schemas.serializers import content_response
from broker.web.schemas.staff_schemas import StateShown
from broker.web.web_context import caller, ports
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.reviewing import script_failures
from broker.workflow.submission import job_submission, job_withdrawal, preview, save_definition
from broker.workflow.views import job_progress, job_views
from broker.workflow.views.check_view import view_check

jobs_blueprint = api_blueprint("jobs")

Answer = tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]]


@jobs_blueprint.post(
    "/submissions", responses={200: api_schemas.JobShown, **change_responses(201, api_schemas.JobShown)}
)
def submit_job(body: api_schemas.SubmissionBody) -> Answer:
    """Submit a job.

    201 for a new job (also a refused one, with every reason), 200 for a client id that was sent before.
    """
    before = ports().clock.now()
    job, checked = job_submission.submit(ports(), caller(), submission_of(body))
    location = {"Location": url_for("jobs.job", job=job.ident)}
    if job.created < before:  # it was sent earlier under the same client id
        return api_schemas.JobShown.answer(job_views.view_job(ports(), caller(), job.ident)), 200, location
    return api_schemas.JobShown.answer(job_views.view_new_job(ports(), caller(), job, checked)), 201, location


def submission_of(body: api_schemas.SubmissionBody) -> Submission:
    descriptions = tuple((d.output, d.text) for d in body.descriptions)
    return Submission(**(dict(body) | {"descriptions": descriptions}))


@jobs_blueprint.post("/checks", responses=change_responses(200, api_schemas.CheckShown))
def check(body: api_schemas.CheckBody) -> dict[str, Any]:
    """Check a text without submitting it.

    Returns every refusal, every use, and the outputs that the text would make.
    """
    checked = preview.check_text(ports(), caller(), body.project, body.text, body.kind, body.dialect)
    forecast = preview.forecast(ports(), body.project, checked)
    return api_schemas.CheckShown.answer(view_check(checked, forecast))


@jobs_blueprint.get("/jobs", responses=read_responses(200, api_schemas.JobsShown))
def jobs(query: api_schemas.JobsQuery) -> dict[str, Any]:
    """Return the jobs that the caller may see, newest first, without texts and outputs."""
    found = job_views.visible_jobs(ports(), caller(), query.project, query.after, query.limit)
    following = found[-1].ident if len(found) == query.limit else None
    return api_schemas.JobsShown.answer({"jobs": found, "next": following})


@jobs_blueprint.get("/jobs/<job>", responses=read_responses(200, api_schemas.JobShown))
def job(path: api_schemas.JobPath) -> dict[str, Any]:
    """Return one job.

    It has the text, refusals, uses, progress, and what the caller may know of its outputs.
    """
    view = job_views.view_job(ports(), caller(), path.job)
    shown, far = api_schemas.JobShown.answer(view), job_progress.progress(ports(), caller(), view)
    if far.waits or far.minutes is not None:
        shown["progress"] = asdict(far)
    return shown


@jobs_blueprint.get("/jobs/<job>/trace", responses=read_responses(200, api_schemas.TraceShown))
def trace(path: api_schemas.JobPath) -> dict[str, Any]:
    """Return how a script did on the synthetic NPD.

    Everybody who may read the script's text may read what it printed there, and what a checker has reported of its end
    on real data.
    """
    return api_schemas.TraceShown.answer(script_failures.view_trace(ports(), caller(), path.job))


@jobs_blueprint.post("/jobs/<job>/withdrawal", responses=change_responses(204, None))
def withdraw_job(path: api_schemas.JobPath) -> None:
    """Withdraw a job of the caller's project, at any time before its outputs are decided."""
    job_withdrawal.withdraw(ports(), caller(), path.job)


@jobs_blueprint.post("/jobs/<job>/stop", responses=change_responses(204, None))
def stop_job(path: api_schemas.JobPath) -> None:
    """Stop a job (administrators)."""
    job_withdrawal.withdraw(ports(), caller(), path.job, stop=True)


MANIFEST = {"description": "The manifest of the job's release", "content": JSON_OBJECT}
RECORD = {"description": "The record of a released output", "content": JSON_OBJECT}
BYTES = {"description": "The released file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}


@jobs_blueprint.get("/jobs/<job>/manifest", responses={**read_responses(200, None), 200: MANIFEST})
def manifest(path: api_schemas.JobPath) -> Response:
    """Return the manifest of the job's release: method, public parameters, hashes of the released bytes."""
    return Response(job_release.manifest(ports(), caller(), path.job), mimetype="application/json")


@jobs_blueprint.get("/outputs/<output>/content", responses={**read_responses(200, None), 200: BYTES})
def content(path: api_schemas.OutputPath) -> Response:
    """Return the released bytes of an output, always as an attachment."""
    return content_response(job_release.download(ports(), caller(), path.output))


@jobs_blueprint.get("/outputs/<output>/record", responses={**read_responses(200, None), 200: RECORD})
def record(path: api_schemas.OutputPath) -> Response:
    """Return how a released output was made: method, public parameters, symbols, notes."""
    return Response(output_records.record_of_release(ports(), caller(), path.output), mimetype="application/json")


saved_blueprint = api_blueprint("saved")


@saved_blueprint.get("/projects/<project>/saved", responses=read_responses(200, api_schemas.SavedListShown))
def saved(path: api_schemas.ProjectPath) -> dict[str, Any]:
    """Return what a project has saved or proposed, for its researchers and checkers."""
    return api_schemas.SavedListShown.answer({"saved": save_definition.list_saved(ports(), caller(), path.project)})


@saved_blueprint.post("/projects/<project>/saved", responses=change_responses(201, api_schemas.SavedShown))
def propose(path: api_schemas.ProjectPath, body: api_schemas.LookupBody) -> tuple[dict[str, Any], int]:
    """Propose a CSV text as a lookup. Jobs can read it once a checker has approved it."""
    entry = save_definition.propose_lookup(ports(), caller(), path.project, body.name, body.about, body.text)
    return api_schemas.SavedShown.answer(entry), 201


@saved_blueprint.delete("/projects/<project>/saved/<name>", responses=change_responses(204, None))
def drop(path: api_schemas.SavedPath) -> None:
    """Drop a cohort or lookup. Accepted jobs still have what they read."""
    save_definition.drop_saved(ports(), caller(), path.project, path.name)


@saved_blueprint.get("/lookups", responses=read_responses(200, api_schemas.SavedListShown))
def waiting() -> dict[str, Any]:
    """Return the lookups that wait for the caller's decision, oldest first."""
    return api_schemas.SavedListShown.answer({"saved": save_definition.lookups_waiting(ports(), caller())})


@saved_blueprint.get("/lookups/<lookup>", responses=read_responses(200, api_schemas.LookupShown))
def lookup(path: api_schemas.LookupPath) -> dict[str, Any]:
    """Return one definition with its content. The view is in the audit log."""
    return api_schemas.LookupShown.answer(save_definition.view_definition(ports(), caller(), path.lookup))


@saved_blueprint.post("/lookups/<lookup>/decision", responses=change_responses(201, StateShown))
def decide(path: api_schemas.LookupPath, body: api_schemas.DecisionBody) -> tuple[dict[str, Any], int]:
    """Approve or reject a lookup (checkers who are independent of the project)."""
    state = save_definition.decide_lookup(ports(), caller(), path.lookup, body.choice, body.reason)
    return StateShown.answer({"state": state.value}), 201
