"""Pages for policy sets, and for projects with their grants: a change is shown first, then proposed. No rules."""

from dataclasses import fields
from itertools import groupby

from flask import Blueprint, redirect, render_template, request, url_for

from broker.domain.errors import Invalid
from broker.domain.projects.project import Grant
from broker.policy.data_catalogue import TableKind
from broker.policy.disclosure_rules import PARAMETER_SENTENCES
from broker.web.pages import form_fields
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.administration import policy_sets, project_changes
from broker.workflow.views import monitoring

policy_blueprint = Blueprint("policies", __name__)

SENTENCES_SHOWN = 500
"""Sentences of a difference that a page shows. It also says how many more there are."""


@policy_blueprint.get("/administration/policies")
def policies() -> str:
    return render_template("administration_policies.html", state=monitoring.in_force(ports(), caller()))


@policy_blueprint.get("/administration/policies/<fingerprint>")
def policy(fingerprint: str) -> str:
    view = policy_sets.view_policy_change(ports(), caller(), fingerprint)
    more = max(0, len(view.sentences) - SENTENCES_SHOWN)
    return render_template(
        "administration_policy.html", view=view, sentences=view.sentences[:SENTENCES_SHOWN], more=more
    )


@policy_blueprint.post("/administration/policies/<fingerprint>/application")
def apply_policy(fingerprint: str) -> Redirect:
    policy_sets.apply_shown_policy(ports(), caller(), fingerprint, request.form.get("against", "")[:100])
    return redirect(url_for("policies.policies"))


@policy_blueprint.get("/administration/profiles")
def profiles() -> str:
    found = policy_sets.catalogue_and_profiles(ports(), caller())
    names = [f.name for f in fields(found.profiles[0])] if found.profiles else []
    used = {p.name: [q.ident for q in found.projects if q.profile == p.name] for p in found.profiles}
    facts = {name: PARAMETER_SENTENCES[name] for name in names if name not in {"name", "source"}}
    return render_template("administration_profiles.html", profiles=found.profiles, facts=facts, used=used)


@policy_blueprint.get("/administration/tables")
def tables() -> str:
    """Show the public tables, which jobs may use without a grant."""
    found = policy_sets.catalogue_and_profiles(ports(), caller()).catalogue
    public = sorted((t for t in found.tables if t.kind is TableKind.PUBLIC), key=lambda t: t.full_name)
    return render_template("administration_tables.html", tables=public, all_tables=len(found.tables))


project_blueprint = Blueprint("projects", __name__)


@project_blueprint.get("/administration/projects")
def all_projects() -> str:
    return render_template("administration_projects.html", lines=project_changes.all_projects(ports(), caller()))


@project_blueprint.get("/administration/projects/<project>")
def project(project: str, problem: Invalid | None = None) -> str:
    view = project_changes.view_project(ports(), caller(), project)
    grants = sorted(view.project.grants, key=lambda g: (g.table, g.variable))
    by_table = [(table, list(found)) for table, found in groupby(grants, key=lambda g: g.table)]
    return render_template(
        "administration_project.html",
        view=view,
        by_table=by_table,
        grant_key=project_changes.grant_key,
        problem=problem,
    )


@project_blueprint.post("/administration/projects/<project>/plan")
@form_fields.shows_problems_on(project)
def plan(project: str) -> str:
    """Show what would change. Nothing is saved."""
    planned = project_changes.plan_change(ports(), caller(), project, _read_change(), form_fields.text("against"))
    sent = [(name, value) for name in request.form if name != "csrf_token" for value in request.form.getlist(name)]
    return render_template("administration_plan.html", project=project, planned=planned, sent=sent)


@project_blueprint.post("/administration/projects/<project>/proposal")
@form_fields.shows_problems_on(project)
def propose(project: str) -> Redirect:
    stored = project_changes.propose_change(ports(), caller(), project, _read_change(), form_fields.text("against"))
    return redirect(url_for("policies.policy", fingerprint=stored.fingerprint))


def _read_change() -> project_changes.ProjectChange:
    expires = form_fields.day("expires")
    if expires is None:
        raise Invalid("expires", "Enter the last day of the project.", "/expires")
    return project_changes.ProjectChange(
        title=form_fields.text("title", 300),
        purpose=form_fields.text("purpose"),
        expires=expires,
        votes=form_fields.integer("votes"),
        researchers=form_fields.idents("researchers"),
        removed=frozenset(request.form.getlist("remove")),
        added=_read_added_grants(),
    )


def _read_added_grants() -> tuple[Grant, ...]:
    name = form_fields.text("variable", 300)
    if not name:
        return ()
    table, _, variable = name.rpartition(".")
    return (Grant(table, variable, form_fields.years("years"), form_fields.text("reason"), "link_key" in request.form),)
