"""Pages on which researchers follow projects and jobs, and collect what was released. No rules."""

import secrets
from urllib.parse import urlencode

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for

from broker.domain.identity.people import Role
from broker.domain.plans.variable_uses import Years
from broker.domain.projects.project import Grant, ResearchProject
from broker.web.schemas.serializers import attachment, content_response
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.reviewing import script_failures
from broker.workflow.reviewing.output_review import VOTE_REASONS
from broker.workflow.submission import job_submission, job_withdrawal
from broker.workflow.views import job_progress, job_views, privacy_budgets, released_outputs
from broker.workflow.views.job_progress import Progress


def granted_tables(project: ResearchProject) -> dict[str, dict[tuple[Years | None, str], list[Grant]]]:
    """Return a project's grants by table, and those of a table by their years and justification."""
    found: dict[str, dict[tuple[Years | None, str], list[Grant]]] = {}
    for grant in sorted(project.grants, key=lambda g: g.table):
        found.setdefault(grant.table, {}).setdefault((grant.years, grant.justification), []).append(grant)
    return found


STATE_SENTENCES = {
    "refused": "The job was not accepted and read no data. Each problem below says how to fix it.",
    "waiting for a decision": "The job has run. The rules or a checker now decide on the results, which can take days.",
    "failed": "The job failed. For confidentiality no further details can be shown yet.",
    "limit": "The job reached a limit of time, memory or output. Request less in one job.",
    "released": "Your results are ready to view and download.",
    "recalled": "The released results were recalled. Do not use the files any more.",
    "not released": "None of the results can be released.",
    "returned": "A checker has asked for changes. Change the job and submit it again.",
    "withdrawn": "The job was withdrawn or stopped before a decision.",
    "kept": "The project has saved the cohorts of this job. Other jobs can read them.",
}

EQUAL_SLOTS = "All slots are equally long, and are counted from the minute in which the job started."


def describe_progress(state: str, progress: Progress) -> str:
    if progress.waits:
        return f"The job is waiting to start. {_queue_position(progress.ahead)}"
    if progress.blocks is not None:
        found = progress.blocks
        return f"Slot {found.slot} of {found.slots} is running by the schedule. {EQUAL_SLOTS}"
    if progress.minutes is not None:
        return f"The job has run for {_minutes_text(progress.minutes)} of at most {_minutes_text(progress.limit)}."
    return STATE_SENTENCES.get(state, "")


def _queue_position(ahead: int | None) -> str:
    if ahead is None:
        return "Many jobs are ahead of it."
    return "Your job is next." if ahead == 0 else f"At most {ahead} jobs are ahead of it."


def _minutes_text(number: int) -> str:
    if number == 0:
        return "less than a minute"
    return "1 minute" if number == 1 else f"{number} minutes"


research_blueprint = Blueprint("research", __name__)

PAGE = 50


@research_blueprint.get("/")
def home() -> str:
    """Show the projects and jobs that the caller may see. Checkers and administrators find their own
    pages from here."""
    projects = job_views.my_projects(ports(), caller())
    today = ports().clock.now().date()
    return render_template("home.html", projects=projects, today=today, **_job_list(None))


@research_blueprint.get("/projects/<project>")
def project(project: str) -> str:
    """Show what one of the caller's projects was granted, has saved and has done."""
    found = job_views.my_project(ports(), caller(), project)
    today = ports().clock.now().date()
    return render_template(
        "project.html", project=found, tables=granted_tables(found), today=today, **_job_list(project)
    )


def _job_list(project: str | None) -> dict[str, object]:
    found = job_views.visible_jobs(ports(), caller(), project, request.args.get("after") or None, PAGE)
    return {"jobs": found, "following": found[-1].ident if len(found) == PAGE else None}


@research_blueprint.get("/jobs/<job>")
def job(job: str) -> str:
    view = job_views.view_job(ports(), caller(), job)
    reads = view.text is not None
    return render_template(
        "job.html",
        job=view,
        progress=job_progress.progress(ports(), caller(), view),
        under_way=view.state in job_progress.UNDER_WAY,
        told_of=describe_progress,
        lines=(view.text or "").splitlines(),
        checker=Role.CHECKER in g.person.roles,
        trace=script_failures.view_trace(ports(), caller(), job) if reads and view.kind == "python" else None,
        reasons_told=VOTE_REASONS,
        nonce=secrets.token_urlsafe(12),
    )


@research_blueprint.get("/jobs/<job>/state")
def state(job: str) -> Response:
    """Show a job's progress, for a page that requests it again and again. Once there is more to see, tell the page to
    reload."""
    view, progress = job_progress.followed_job(ports(), caller(), job)
    under_way = view.state in job_progress.UNDER_WAY
    answer = make_response(
        render_template("job_state.html", job=view, progress=progress, under_way=under_way, told_of=describe_progress)
    )
    if not under_way:
        answer.headers["HX-Refresh"] = "true"
    return answer


@research_blueprint.post("/jobs/<job>/withdraw")
def withdraw_job(job: str) -> Redirect:
    job_withdrawal.withdraw(ports(), caller(), job)
    return redirect(url_for("research.job", job=job))


@research_blueprint.post("/jobs/<job>/again")
def run_again(job: str) -> Redirect:
    """Submit a job once more. The form's nonce makes a second click harmless."""
    nonce = request.form.get("nonce", "")[:100]
    made = job_submission.resubmit(ports(), caller(), job, f"again-{job}-{nonce}" if nonce else None)
    return redirect(url_for("research.job", job=made.ident))


@research_blueprint.get("/jobs/<job>/manifest")
def manifest(job: str) -> Response:
    text = job_release.manifest(ports(), caller(), job)
    return attachment(Response(text, mimetype="application/json"), "manifest.json")


collecting_blueprint = Blueprint("collecting", __name__)

ROWS_SHOWN = 500
"""Rows that the page shows. The file has them all."""


@collecting_blueprint.get("/outputs/<output>/released")
def released(output: str) -> str:
    """Show the released table as a table and as a chart, and explain its symbols and rounding."""
    found = released_outputs.view_released(ports(), caller(), output, *_axes())
    table, axes = found.table, found.axes
    chart = ""
    if table is not None and axes is not None:
        query = urlencode({"x": table.columns[axes.x], "y": table.columns[axes.y]})
        chart = f"{url_for('collecting.chart', output=output)}?{query}"
    return render_template("released.html", found=found, table=table, axes=axes, chart=chart, most=ROWS_SHOWN)


@collecting_blueprint.get("/outputs/<output>/chart.svg")
def chart(output: str) -> Response:
    return Response(released_outputs.chart(ports(), caller(), output, *_axes()), mimetype="image/svg+xml")


def _axes() -> tuple[str, str]:
    return request.args.get("x", "")[:200], request.args.get("y", "")[:200]


@collecting_blueprint.get("/outputs/<output>/download")
def download(output: str) -> Response:
    return content_response(job_release.download(ports(), caller(), output))


@collecting_blueprint.get("/outputs/<output>/parquet")
def parquet(output: str) -> Response:
    return content_response(released_outputs.parquet(ports(), caller(), output))


@collecting_blueprint.get("/outputs/<output>/record")
def record(output: str) -> Response:
    content = output_records.record_of_release(ports(), caller(), output)
    return attachment(Response(content, mimetype="application/json"), "record.json")


@collecting_blueprint.get("/projects/<project>/budget")
def budget(project: str) -> str:
    """Show what the project may spend of each person's privacy, has spent, and has left."""
    return render_template("budget.html", budget=privacy_budgets.project_budget(ports(), caller(), project))


@collecting_blueprint.get("/projects/<project>/budget/<number>.svg")
def course(project: str, number: str) -> Response:
    """Return the chart of one account, by its place on the page."""
    place = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else -1
    return Response(privacy_budgets.usage_chart(ports(), caller(), project, place), mimetype="image/svg+xml")
