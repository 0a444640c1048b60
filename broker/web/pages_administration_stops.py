"""Pages for stopping a person or a project, and for lifting a stop by two administrators. No rules."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid, Unknown
from broker.domain.stops import StopKind
from broker.web import typed
from broker.web.setup import caller, ports
from broker.workflow import stopping

pages = Blueprint("stops", __name__)


@pages.get("/administration/stops")
def stops() -> str:
    return _page(None)


def _page(problem: Invalid | None) -> str:
    given = {name: request.values.get(name, "")[:100] for name in ("kind", "subject")}
    found = stopping.all_stops(ports(), caller())
    return render_template("administration_stops.html", stops=found, given=given, problem=problem)


@pages.post("/administration/stops")
def stop() -> Redirect | tuple[str, int]:
    try:
        kind = _kind(request.form.get("kind", ""))
        ended = stopping.stop(ports(), caller(), kind, typed.text("subject", 100), typed.text("reason"))
    except Invalid as error:
        return _page(error), 400
    except Unknown:
        stopping.standing(ports(), caller())
        return _page(Invalid("subject", "There is no such person or project.", "/subject")), 400
    return redirect(url_for("stops.stops", ended=ended))


def _kind(given: str) -> StopKind:
    if given not in set(StopKind):
        raise Invalid("kind", "Say whether a person or a project is stopped.", "/kind")
    return StopKind(given)


@pages.post("/administration/stops/<kind>/<subject>/lift")
def lift(kind: str, subject: str) -> Redirect:
    stopping.lift(ports(), caller(), _kind(kind), subject)
    return redirect(url_for("stops.stops"))
