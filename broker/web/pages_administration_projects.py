"""Pages for projects: grants and who decided them; a change is shown as a difference, then proposed. No rules."""

from itertools import groupby

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid
from broker.domain.projects import Grant
from broker.web import typed
from broker.web.setup import caller, ports
from broker.workflow import projects

pages = Blueprint("projects", __name__)


@pages.get("/administration/projects")
def all_projects() -> str:
    return render_template("administration_projects.html", lines=projects.all_projects(ports(), caller()))


@pages.get("/administration/projects/<project>")
def project(project: str) -> str:
    return _page(project, None)


def _page(ident: str, problem: Invalid | None) -> str:
    view = projects.view(ports(), caller(), ident)
    grants = sorted(view.project.grants, key=lambda g: (g.table, g.variable))
    by_table = [(table, list(found)) for table, found in groupby(grants, key=lambda g: g.table)]
    return render_template(
        "administration_project.html", view=view, by_table=by_table, grant_key=projects.grant_key, problem=problem
    )


@pages.post("/administration/projects/<project>/plan")
def plan(project: str) -> str | tuple[str, int]:
    """Shows what would change; nothing is kept."""
    try:
        planned = projects.plan_change(ports(), caller(), project, _change(), typed.text("against"))
    except Invalid as error:
        return _page(project, error), 400
    sent = [(name, value) for name in request.form if name != "csrf_token" for value in request.form.getlist(name)]
    return render_template("administration_plan.html", project=project, planned=planned, sent=sent)


@pages.post("/administration/projects/<project>/proposal")
def propose(project: str) -> Redirect | tuple[str, int]:
    try:
        stored = projects.propose_change(ports(), caller(), project, _change(), typed.text("against"))
    except Invalid as error:
        return _page(project, error), 400
    return redirect(url_for("policies.policy", fingerprint=stored.fingerprint))


def _change() -> projects.Change:
    expires = typed.day("expires")
    if expires is None:
        raise Invalid("expires", "A project needs a last day.", "/expires")
    return projects.Change(
        title=typed.text("title", 300),
        purpose=typed.text("purpose"),
        expires=expires,
        votes=typed.whole("votes"),
        researchers=typed.idents("researchers"),
        removed=frozenset(request.form.getlist("remove")),
        added=_added(),
    )


def _added() -> tuple[Grant, ...]:
    name = typed.text("variable", 300)
    if not name:
        return ()
    table, _, variable = name.rpartition(".")
    return (Grant(table, variable, typed.years("years"), typed.text("reason"), "link_key" in request.form),)
