"""Pages on which researchers follow their work: projects and jobs, one project, one job and how far it is. No rules."""

import secrets

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.people import Role
from broker.web.grants_shown import tables_granted
from broker.web.setup import caller, ports
from broker.web.state_words import told_of
from broker.workflow import again, browse, follow, looks, release, withdraw
from broker.workflow.ballots import REASONS

pages = Blueprint("research", __name__)

PAGE = 50


@pages.get("/")
def home() -> str:
    """Projects and jobs that the caller may see; checkers and administrators find their own pages from here."""
    projects = browse.my_projects(ports(), caller())
    today = ports().clock.now().date()
    return render_template("home.html", projects=projects, today=today, **_jobs(None))


@pages.get("/projects/<project>")
def project(project: str) -> str:
    """What a project of one's own was granted, keeps and has done."""
    found = browse.my_project(ports(), caller(), project)
    today = ports().clock.now().date()
    return render_template("project.html", project=found, tables=tables_granted(found), today=today, **_jobs(project))


def _jobs(project: str | None) -> dict[str, object]:
    found = browse.jobs(ports(), caller(), project, request.args.get("after") or None, PAGE)
    return {"jobs": found, "following": found[-1].ident if len(found) == PAGE else None}


@pages.get("/jobs/<job>")
def job(job: str) -> str:
    view = browse.job(ports(), caller(), job)
    reads = view.text is not None
    return render_template(
        "job.html",
        job=view,
        progress=follow.progress(ports(), caller(), view),
        under_way=view.state in follow.UNDER_WAY,
        told_of=told_of,
        lines=(view.text or "").splitlines(),
        checker=Role.CHECKER in g.person.roles,
        trace=looks.trace(ports(), caller(), job) if reads and view.kind == "python" else None,
        reasons_told=REASONS,
        nonce=secrets.token_urlsafe(12),
    )


@pages.get("/jobs/<job>/state")
def state(job: str) -> Response:
    """How far it is, for a page that asks again; once there is more to see, the page is told to load anew."""
    view, progress = follow.followed(ports(), caller(), job)
    under_way = view.state in follow.UNDER_WAY
    answer = make_response(
        render_template("job_state.html", job=view, progress=progress, under_way=under_way, told_of=told_of)
    )
    if not under_way:
        answer.headers["HX-Refresh"] = "true"
    return answer


@pages.post("/jobs/<job>/withdraw")
def withdraw_job(job: str) -> Redirect:
    withdraw.withdraw(ports(), caller(), job)
    return redirect(url_for("research.job", job=job))


@pages.post("/jobs/<job>/again")
def run_again(job: str) -> Redirect:
    """The same submission once more; the form's nonce makes a second click harmless."""
    nonce = request.form.get("nonce", "")[:100]
    made = again.run_again(ports(), caller(), job, f"again-{job}-{nonce}" if nonce else None)
    return redirect(url_for("research.job", job=made.ident))


@pages.get("/jobs/<job>/manifest")
def manifest(job: str) -> Response:
    response = Response(release.manifest(ports(), caller(), job), mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="manifest.json"'
    return response
