"""Pages on which researchers write a job: the form, its check, the names that it may use, rehearsals. No rules."""

import secrets
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request, url_for

from broker.domain.errors import Conflict, Invalid, Refused
from broker.domain.jobs.job import JobKind, Submission
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.rehearsal import rehearsal_requests
from broker.workflow.submission import job_submission, preview
from broker.workflow.views import catalogue_entries, job_views
from broker.workflow.views.check_view import view_check


@dataclass(frozen=True, slots=True)
class SubmitForm:
    """What was entered, shown again if something is wrong with it. `nonce` belongs to one display of the form."""

    project: str = ""
    kind: str = "sql"
    dialect: str = ""
    title: str = ""
    purpose: str = ""
    text: str = ""
    descriptions: str = ""
    replaces: str = ""
    nonce: str = ""


def empty_form(project: str) -> SubmitForm:
    return SubmitForm(project=project, nonce=secrets.token_urlsafe(12))


def form_of_draft(draft: Submission) -> SubmitForm:
    """Return the form with an earlier submission, for editing."""
    return replace(
        empty_form(draft.project),
        kind=draft.kind.value,
        dialect=draft.dialect if draft.kind is JobKind.SQL else "",
        title=draft.title,
        purpose=draft.purpose,
        text=draft.text,
        descriptions="\n".join(f"{name} | {sentence}" for name, sentence in draft.descriptions),
        replaces=draft.replaces or "",
    )


def read_form() -> SubmitForm:
    """Read the form. Raises Invalid for a NUL."""
    # Browsers send CRLF; the stored text has the lines that the researcher sees.
    given = {name: request.form.get(name, "").replace("\r\n", "\n") for name in SubmitForm.__slots__}
    if any("\x00" in value for value in given.values()):
        raise Invalid("characters", "The form has a character that you cannot use.", "")
    return SubmitForm(**given)


def kind_of_form(form: SubmitForm) -> JobKind:
    if form.kind not in {k.value for k in JobKind}:
        raise Invalid("kind", "Choose SQL or Python.", "/kind")
    return JobKind(form.kind)


def submission_of_form(form: SubmitForm) -> Submission:
    kind = kind_of_form(form)
    return Submission(
        project=form.project,
        kind=kind,
        dialect=form.dialect if kind is JobKind.SQL else "",
        text=form.text,
        title=form.title,
        purpose=form.purpose,
        descriptions=_read_descriptions(form.descriptions),
        client_id=_client_id(form),
        replaces=form.replaces.strip() or None,
    )


def _client_id(form: SubmitForm) -> str | None:
    """Return a client id. Sending the same form twice makes one job; changing it and sending it again makes another."""
    if not form.nonce:
        return None
    digest = sha256("\x1f".join(asdict(form).values()).encode("utf-8", "surrogatepass")).hexdigest()
    return f"form-{form.nonce[:40]}-{digest[:32]}"


def _read_descriptions(written: str) -> tuple[tuple[str, str], ...]:
    """Read one description in each line: an output's name, a bar, a description."""
    found = []
    for line in filter(str.strip, written.splitlines()):
        name, bar, sentence = line.partition("|")
        if not bar:
            raise Invalid("description", "Write each description as: output name | description.", "/descriptions")
        found.append((name.strip(), sentence.strip()))
    return tuple(found)


rehearsal_blueprint = Blueprint("rehearsing", __name__)


@rehearsal_blueprint.get("/rehearsals")
def mine() -> str:
    found, retention = (
        rehearsal_requests.list_rehearsals(ports(), caller()),
        rehearsal_requests.allowance(ports(), caller()),
    )
    return render_template("rehearsals.html", rehearsals=found, kept=retention)


@rehearsal_blueprint.post("/submit/rehearse")
def ask() -> str:
    """Request a rehearsal and return part of the form's page, for pages with scripts. Without scripts the form itself
    requests it."""
    try:
        checked, made = rehearsal_requests.request_rehearsal(ports(), caller(), submission_of_form(read_form()))
    except (Invalid, Conflict) as error:
        return render_template("rehearsal_part.html", problem=error)
    # Refused: the check says why.
    if made is None:
        return render_template("check.html", checked=view_check(checked), problem=None)
    return render_template("rehearsal_part.html", seen=rehearsal_requests.view_rehearsal(ports(), caller(), made.ident))


@rehearsal_blueprint.get("/rehearsals/<ident>")
def rehearsal(ident: str) -> str:
    return render_template("rehearsal.html", seen=rehearsal_requests.view_rehearsal(ports(), caller(), ident))


@rehearsal_blueprint.get("/rehearsals/<ident>/state")
def state(ident: str) -> Response:
    """Return the progress or outcome of a rehearsal, for a page that requests it again and again; 204 if nothing has
    changed."""
    seen = rehearsal_requests.view_rehearsal(ports(), caller(), ident)
    # htmx leaves the page as it is for 204.
    if seen.is_open and request.args.get("known") == seen.word:
        return Response(status=204)
    return make_response(render_template("rehearsal_part.html", seen=seen))


@rehearsal_blueprint.post("/rehearsals/<ident>/cancel")
def cancel(ident: str) -> Redirect | str:
    rehearsal_requests.cancel_rehearsal(ports(), caller(), ident)
    if request.headers.get("HX-Request"):
        return render_template("rehearsal_part.html", seen=rehearsal_requests.view_rehearsal(ports(), caller(), ident))
    return redirect(url_for("rehearsing.rehearsal", ident=ident))


writing_blueprint = Blueprint("writing", __name__)


@writing_blueprint.get("/submit")
def submit_form() -> str:
    """Show an empty form, or an earlier submission or rehearsal for editing, with what would be refused in it today."""
    replaces, rehearsal = request.args.get("replaces", ""), request.args.get("rehearsal", "")
    if rehearsal:
        seen = rehearsal_requests.view_rehearsal(ports(), caller(), rehearsal)
        return _form_page(form_of_draft(seen.rehearsal.submission), check=True)
    if not replaces:
        return _form_page(empty_form(request.args.get("project") or job_views.usual_project(ports(), caller())))
    return _form_page(form_of_draft(job_submission.draft_of(ports(), caller(), replaces)), check=True)


@writing_blueprint.post("/submit")
def submit_job() -> Redirect | str | tuple[str, int]:
    """Submit, check or rehearse the form. Leads to the job's or rehearsal's page, or shows the form again if it was
    only checked or has a problem."""
    form = read_form()
    try:
        if request.form.get("do") == "check":
            return _form_page(form, check=True)
        if request.form.get("do") == "rehearse":
            return _rehearse(form)
        job, _ = job_submission.submit(ports(), caller(), submission_of_form(form))
    except Invalid as error:
        return _form_page(form, error), 400
    except Conflict as error:
        return _form_page(form, Invalid(error.code, error.message, "")), 409
    except Refused as refused:
        sentences = " ".join(f"{r.message} {r.advice}" for r in refused.refusals)
        return _form_page(form, Invalid("refused", sentences, "/text")), 422
    return redirect(url_for("research.job", job=job.ident))


@writing_blueprint.post("/submit/check")
def check() -> str:
    """Return the check of the form's text as part of the page, requested while the researcher types."""
    form = read_form()
    try:
        return render_template("check.html", **_check_result(form))
    except Invalid as error:
        return render_template("check.html", checked=None, forecast=None, problem=error)


@writing_blueprint.get("/projects/<project>/names")
def names(project: str) -> Response:
    """Return the names that the editor completes: what the project was granted and has saved."""
    return jsonify(asdict(catalogue_entries.completion_names(ports(), caller(), project)))


def _rehearse(form: SubmitForm) -> Redirect | str:
    """Request a rehearsal and lead to its page; if the text is refused, show the form with its check."""
    _, made = rehearsal_requests.request_rehearsal(ports(), caller(), submission_of_form(form))
    if made is None:
        return _form_page(form, check=True)
    return redirect(url_for("rehearsing.rehearsal", ident=made.ident))


def _check_result(form: SubmitForm) -> dict[str, Any]:
    if not form.text.strip():
        return {"checked": None, "problem": None}
    checked = preview.check_text(ports(), caller(), form.project, form.text, kind_of_form(form), form.dialect)
    return {"checked": view_check(checked, preview.forecast(ports(), form.project, checked)), "problem": None}


def _form_page(form: SubmitForm, problem: Invalid | None = None, *, check: bool = False) -> str:
    projects = job_views.my_projects(ports(), caller())
    found: dict[str, Any] = _check_result(form) if check else {"checked": None}
    field = problem.pointer.strip("/").partition("/")[0] if problem else ""
    return render_template(
        "submit.html",
        form=form,
        field=field,
        projects=projects,
        lines=form.text.splitlines(),
        first_seconds=rehearsal_requests.allowance(ports(), caller()).first_seconds,
        **found | {"problem": problem},
    )
