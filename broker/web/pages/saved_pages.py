"""Pages for saved cohorts and lookups: a project's list, proposing a lookup, a checker's decision. No rules."""

from flask import Blueprint, flash, redirect, render_template, request, url_for

from broker.domain.errors import Invalid
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.projects.saved_definitions import Cohort
from broker.web.pages import form_fields
from broker.web.pages.review_pages import CHOICES
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.submission import save_definition

lookup_blueprint = Blueprint("lookups", __name__)

LOOKUP_CHOICES = {choice: CHOICES[choice] for choice in (VoteChoice.APPROVE, VoteChoice.REJECT)}


@lookup_blueprint.get("/lookups/<lookup>")
def lookup(lookup: str, problem: Invalid | None = None) -> str:
    entry = save_definition.view_definition(ports(), caller(), lookup)
    return render_template(
        "lookup.html",
        entry=entry,
        decides=save_definition.may_decide_lookup(ports(), caller(), entry),
        choices=LOOKUP_CHOICES,
        reasons=save_definition.LOOKUP_REASONS,
        approving=(save_definition.LOOKUP_APPROVING,),
        given=request.form,
        problem=problem,
    )


@lookup_blueprint.post("/lookups/<lookup>/decision")
@form_fields.shows_problems_on(lookup)
def decide(lookup: str) -> Redirect:
    choice = request.form.get("choice", "")
    if choice not in {c.value for c in LOOKUP_CHOICES}:
        raise Invalid("choice", "Choose a decision.", "/choice")
    state = save_definition.decide_lookup(ports(), caller(), lookup, VoteChoice(choice), request.form.get("reason", ""))
    flash(f"The lookup is {state.value.replace('_', ' ')}.")
    return redirect(url_for("inbox.inbox"))


saved_blueprint = Blueprint("keeping", __name__)

LOOKUP_FIELDS = ("name", "about", "text")


@saved_blueprint.get("/projects/<project>/saved")
def saved(project: str, problem: Invalid | None = None) -> str:
    entries = save_definition.list_saved(ports(), caller(), project)
    return render_template(
        "saved.html",
        project=project,
        cohorts=[e for e in entries if isinstance(e.definition, Cohort)],
        lookups=[e for e in entries if not isinstance(e.definition, Cohort)],
        reasons=save_definition.LOOKUP_REASONS,
        form=request.form,
        problem=problem,
        field=problem.pointer.strip("/").partition("/")[0] if problem else "",
    )


@saved_blueprint.post("/projects/<project>/saved")
@form_fields.shows_problems_on(saved, conflict="")
def propose(project: str) -> Redirect:
    """Propose a CSV text as a lookup. Shows the form again if it cannot be one."""
    name, about, text = (request.form.get(field, "").replace("\r\n", "\n") for field in LOOKUP_FIELDS)
    save_definition.propose_lookup(ports(), caller(), project, name, about, text)
    return redirect(url_for("keeping.saved", project=project))


@saved_blueprint.post("/projects/<project>/saved/<name>/drop")
def drop(project: str, name: str) -> Redirect:
    save_definition.drop_saved(ports(), caller(), project, name)
    return redirect(url_for("keeping.saved", project=project))


@saved_blueprint.get("/saved/<ident>")
def entry(ident: str) -> str:
    """Show one definition with its content. The view is in the audit log."""
    found = save_definition.view_definition(ports(), caller(), ident)
    return render_template("saved_entry.html", entry=found, reasons=save_definition.LOOKUP_REASONS)
