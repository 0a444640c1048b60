"""The administrator's first page: what needs somebody, what is in force, the way to everything else. No rules."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from broker.web.setup import caller, ports
from broker.workflow import health, stopping, watch, withdraw

pages = Blueprint("administer", __name__)


@pages.get("/administration")
def overview() -> str:
    state = watch.in_force(ports(), caller())
    stops, system = stopping.standing(ports(), caller()), health.look(ports(), caller())
    return render_template("administration.html", state=state, stops=stops, system=system)


@pages.get("/administration/health")
def system_health() -> str:
    return render_template("administration_health.html", system=health.look(ports(), caller()))


@pages.post("/jobs/<job>/stop")
def stop(job: str) -> Redirect:
    withdraw.withdraw(ports(), caller(), job, stop=True)
    return redirect(url_for("research.job", job=job))
