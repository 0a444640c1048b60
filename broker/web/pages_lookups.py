"""A lookup, all that is in it, and for a checker the form to decide. No rules."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid
from broker.domain.reviews import Choice
from broker.web.pages_review import CHOICES
from broker.web.setup import caller, ports
from broker.workflow import lookups

pages = Blueprint("lookups", __name__)

OFFERED = {choice: CHOICES[choice] for choice in (Choice.APPROVE, Choice.REJECT)}


@pages.get("/lookups/<lookup>")
def lookup(lookup: str) -> str:
    return _page(lookup, None)


def _page(lookup: str, problem: tuple[str, str] | None) -> str:
    entry = lookups.look(ports(), caller(), lookup)
    return render_template(
        "lookup.html",
        entry=entry,
        decides=lookups.may_decide(ports(), caller(), entry),
        choices=OFFERED,
        reasons=lookups.REASONS,
        approving=(lookups.APPROVING,),
        given=request.form,
        problem=problem,
    )


@pages.post("/lookups/<lookup>/decision")
def decide(lookup: str) -> Redirect | tuple[str, int]:
    choice = request.form.get("choice", "")
    try:
        if choice not in {c.value for c in OFFERED}:
            raise Invalid("choice", "Choose what should happen.", "/choice")
        state = lookups.decide(ports(), caller(), lookup, Choice(choice), request.form.get("reason", ""))
    except Invalid as error:
        return _page(lookup, (error.message, error.pointer.lstrip("/"))), 400
    flash(f"The lookup is {state.value.replace('_', ' ')}.")
    return redirect(url_for("inbox.inbox"))
