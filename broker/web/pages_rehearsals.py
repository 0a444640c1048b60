"""Pages on which researchers see their rehearsals: asked for, under way, what came of one. No rules."""

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Conflict, Invalid
from broker.web.setup import caller, ports
from broker.web.shown import check_shown
from broker.web.submit_form import submission_of, typed
from broker.workflow import rehearsals

pages = Blueprint("rehearsing", __name__)


@pages.get("/rehearsals")
def mine() -> str:
    found, kept = rehearsals.listed(ports(), caller()), rehearsals.kept(ports(), caller())
    return render_template("rehearsals.html", rehearsals=found, kept=kept)


@pages.post("/submit/rehearse")
def ask() -> str:
    """As a part of the form's page, for a page with scripts; without them the form itself asks."""
    try:
        checked, made = rehearsals.ask(ports(), caller(), submission_of(typed()))
    except (Invalid, Conflict) as error:
        return render_template("rehearsal_part.html", problem=error)
    if made is None:
        return render_template("check.html", checked=check_shown(checked), problem=None)
    return render_template("rehearsal_part.html", seen=rehearsals.look(ports(), caller(), made.ident))


@pages.get("/rehearsals/<ident>")
def rehearsal(ident: str) -> str:
    return render_template("rehearsal.html", seen=rehearsals.look(ports(), caller(), ident))


@pages.get("/rehearsals/<ident>/state")
def state(ident: str) -> Response:
    """How far it is or what came of it, for a page that asks again; nothing where it knows that already."""
    seen = rehearsals.look(ports(), caller(), ident)
    if seen.is_open and request.args.get("known") == seen.word:
        return Response(status=204)
    return make_response(render_template("rehearsal_part.html", seen=seen))


@pages.post("/rehearsals/<ident>/cancel")
def cancel(ident: str) -> Redirect | str:
    rehearsals.cancel(ports(), caller(), ident)
    if request.headers.get("HX-Request"):
        return render_template("rehearsal_part.html", seen=rehearsals.look(ports(), caller(), ident))
    return redirect(url_for("rehearsing.rehearsal", ident=ident))
