"""Pages on which researchers write a job: the form, its check before submitting, the names it may use. No rules."""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Conflict, Invalid, Refused
from broker.web.setup import caller, ports
from broker.web.shown import check_shown
from broker.web.submit_form import SubmitForm, empty, kind_of, of_draft, submission_of, typed
from broker.workflow import again, browse, granted, preview, rehearsals, submit

pages = Blueprint("writing", __name__)


@pages.get("/submit")
def submit_form() -> str:
    """An empty form, or an earlier submission or rehearsed text to be edited, with what is refused in it today."""
    replaces, rehearsal = request.args.get("replaces", ""), request.args.get("rehearsal", "")
    if rehearsal:
        seen = rehearsals.look(ports(), caller(), rehearsal)
        return _form(of_draft(seen.asked.submission), None, 200, check=True)[0]
    if not replaces:
        return _form(empty(request.args.get("project") or browse.usual_project(ports(), caller())), None, 200)[0]
    form = of_draft(again.draft_of(ports(), caller(), replaces))
    return _form(form, None, 200, check=True)[0]


@pages.post("/submit")
def submit_job() -> Redirect | tuple[str, int]:
    """The job's page, refused or not; the form again where it was only checked, or where a field cannot be used."""
    form = typed()
    try:
        if request.form.get("do") == "check":
            return _form(form, None, 200, check=True)
        if request.form.get("do") == "rehearse":
            return _rehearse(form)
        job, _ = submit.submit(ports(), caller(), submission_of(form))
    except Invalid as error:
        return _form(form, error, 400)
    except Conflict as error:
        return _form(form, Invalid(error.code, error.message, ""), 409)
    except Refused as refused:
        told = " ".join(f"{r.message} {r.advice}" for r in refused.refusals)
        return _form(form, Invalid("refused", told, "/text"), 422)
    return redirect(url_for("research.job", job=job.ident))


@pages.post("/submit/check")
def check() -> str:
    """What the check finds in the form's text, as the part of the page that shows it: asked for while one types."""
    form = typed()
    try:
        return render_template("check.html", **_checked(form))
    except Invalid as error:
        return render_template("check.html", checked=None, forecast=None, problem=error)


@pages.get("/projects/<project>/names")
def names(project: str) -> Response:
    """What the editor completes: what the project was granted and keeps."""
    return jsonify(asdict(granted.names_of(ports(), caller(), project)))


def _rehearse(form: SubmitForm) -> Redirect | tuple[str, int]:
    """The rehearsal's own page; the form again, with its check, where the text is refused."""
    _, made = rehearsals.ask(ports(), caller(), submission_of(form))
    if made is None:
        return _form(form, None, 200, check=True)
    return redirect(url_for("rehearsing.rehearsal", ident=made.ident))


def _checked(form: SubmitForm) -> dict[str, Any]:
    if not form.text.strip():
        return {"checked": None, "problem": None}
    checked = preview.check_text(ports(), caller(), form.project, form.text, kind_of(form), form.dialect)
    return {"checked": check_shown(checked, preview.forecast(ports(), form.project, checked)), "problem": None}


def _form(form: SubmitForm, problem: Invalid | None, status: int, *, check: bool = False) -> tuple[str, int]:
    projects = browse.my_projects(ports(), caller())
    found: dict[str, Any] = _checked(form) if check else {"checked": None}
    field = problem.pointer.strip("/").partition("/")[0] if problem else ""
    page = render_template(
        "submit.html",
        form=form,
        field=field,
        projects=projects,
        lines=form.text.splitlines(),
        first_seconds=rehearsals.kept(ports(), caller()).first_seconds,
        **found | {"problem": problem},
    )
    return page, status
