"""Pages for researchers: projects, jobs, the submit form, a job with refusals and outputs, the catalogue. No rules."""

from dataclasses import dataclass

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Conflict, Invalid, Refused
from broker.domain.jobs import Kind, Submission
from broker.domain.people import Role
from broker.web.setup import caller, ports
from broker.web.shown import content_response
from broker.workflow import browse, looks, preview, records, release, submit, withdraw

pages = Blueprint("research", __name__)


@pages.get("/")
def home() -> str:
    """Projects and jobs that the caller may see; checkers and administrators find their own pages from here."""
    jobs = browse.jobs(ports(), caller(), after=request.args.get("after") or None)
    following = jobs[-1].ident if len(jobs) == 50 else None
    return render_template("home.html", projects=browse.my_projects(ports(), caller()), jobs=jobs, following=following)


@pages.get("/catalogue")
def catalogue() -> str:
    words = request.args.get("q", "")[:200]
    found = preview.find_variables(ports(), caller(), words) if words.strip() else []
    return render_template("catalogue.html", q=words, entries=found)


@dataclass(frozen=True, slots=True)
class SubmitForm:
    """What was typed, shown again when something is wrong with it."""

    project: str = ""
    kind: str = "sql"
    title: str = ""
    purpose: str = ""
    text: str = ""
    descriptions: str = ""
    replaces: str = ""
    client_id: str = ""


@pages.get("/submit")
def submit_form() -> str:
    asked = SubmitForm(project=request.args.get("project", ""), replaces=request.args.get("replaces", ""))
    return _form(asked, None, 200)[0]


@pages.post("/submit")
def submit_job() -> Redirect | tuple[str, int]:
    """The job's page, refused or not; the form again where a field cannot be used."""
    form = _typed()
    try:
        job, _ = submit.submit(ports(), caller(), _submission(form))
    except Invalid as error:
        return _form(form, error, 400)
    except Conflict as error:
        return _form(form, Invalid(error.code, error.message, ""), 409)
    except Refused as refused:
        told = " ".join(f"{r.message} {r.advice}" for r in refused.refusals)
        return _form(form, Invalid("refused", told, "/text"), 422)
    return redirect(url_for("research.job", job=job.ident))


def _typed() -> SubmitForm:
    """Browsers send CRLF; the stored text has the lines that the researcher sees."""
    given = {name: request.form.get(name, "").replace("\r\n", "\n") for name in SubmitForm.__slots__}
    if any("\x00" in value for value in given.values()):
        raise Invalid("characters", "The form holds a character that cannot be used.", "")
    return SubmitForm(**given)


def _submission(form: SubmitForm) -> Submission:
    if form.kind not in {k.value for k in Kind}:
        raise Invalid("kind", "Choose SQL or Python.", "/kind")
    return Submission(
        project=form.project,
        kind=Kind(form.kind),
        dialect="",
        text=form.text,
        title=form.title,
        purpose=form.purpose,
        descriptions=_descriptions(form.descriptions),
        client_id=form.client_id[:200] or None,
        replaces=form.replaces.strip() or None,
    )


def _descriptions(typed: str) -> tuple[tuple[str, str], ...]:
    """One a line: an output's name, a bar, what it is."""
    found = []
    for line in filter(str.strip, typed.splitlines()):
        name, bar, sentence = line.partition("|")
        if not bar:
            raise Invalid("description", "Write each description as: output name | what it is.", "/descriptions")
        found.append((name.strip(), sentence.strip()))
    return tuple(found)


def _form(form: SubmitForm, problem: Invalid | None, status: int) -> tuple[str, int]:
    projects = browse.my_projects(ports(), caller())
    field = problem.pointer.strip("/").partition("/")[0] if problem else ""
    return render_template("submit.html", form=form, problem=problem, field=field, projects=projects), status


@pages.get("/jobs/<job>")
def job(job: str) -> str:
    view = browse.job(ports(), caller(), job)
    checker = Role.CHECKER in g.person.roles
    trace = looks.trace(ports(), caller(), job) if view.text is not None and view.kind == "python" else None
    return render_template("job.html", job=view, lines=(view.text or "").splitlines(), checker=checker, trace=trace)


@pages.post("/jobs/<job>/withdraw")
def withdraw_job(job: str) -> Redirect:
    withdraw.withdraw(ports(), caller(), job)
    return redirect(url_for("research.job", job=job))


@pages.get("/outputs/<output>/download")
def download(output: str) -> Response:
    return content_response(release.download(ports(), caller(), output))


@pages.get("/outputs/<output>/record")
def record(output: str) -> Response:
    response = Response(records.of_release(ports(), caller(), output), mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="record.json"'
    return response


@pages.get("/jobs/<job>/manifest")
def manifest(job: str) -> Response:
    response = Response(release.manifest(ports(), caller(), job), mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="manifest.json"'
    return response
