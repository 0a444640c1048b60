"""Pages for what a project keeps: cohorts and lookups, asking for a lookup, dropping one. No rules."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Conflict, Invalid
from broker.domain.saved import Cohort
from broker.web.setup import caller, ports
from broker.workflow import cohorts, lookups

pages = Blueprint("keeping", __name__)

FIELDS = ("name", "about", "text")


@pages.get("/projects/<project>/saved")
def saved(project: str) -> str:
    return _page(project, None, 200)[0]


@pages.post("/projects/<project>/saved")
def propose(project: str) -> Redirect | tuple[str, int]:
    """Ask for a CSV to be kept as a lookup; the page again where it cannot be one."""
    name, about, text = (request.form.get(field, "").replace("\r\n", "\n") for field in FIELDS)
    try:
        lookups.propose(ports(), caller(), project, name, about, text)
    except Invalid as error:
        return _page(project, error, 400)
    except Conflict as error:
        return _page(project, Invalid(error.code, error.message, ""), 409)
    return redirect(url_for("keeping.saved", project=project))


@pages.post("/projects/<project>/saved/<name>/drop")
def drop(project: str, name: str) -> Redirect:
    cohorts.drop(ports(), caller(), project, name)
    return redirect(url_for("keeping.saved", project=project))


@pages.get("/saved/<ident>")
def entry(ident: str) -> str:
    """One definition with all that is in it; the look is in the audit log."""
    found = lookups.look(ports(), caller(), ident)
    return render_template("saved_entry.html", entry=found, reasons=lookups.REASONS)


def _page(project: str, problem: Invalid | None, status: int) -> tuple[str, int]:
    entries = cohorts.listed(ports(), caller(), project)
    page = render_template(
        "saved.html",
        project=project,
        cohorts=[e for e in entries if isinstance(e.definition, Cohort)],
        lookups=[e for e in entries if not isinstance(e.definition, Cohort)],
        reasons=lookups.REASONS,
        form=request.form,
        problem=problem,
        field=problem.pointer.strip("/").partition("/")[0] if problem else "",
    )
    return page, status
