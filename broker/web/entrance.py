"""Signing in and out in a browser. Demo accounts only where settings allow them; nobody learns which names exist."""

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.domain.errors import Forbidden
from broker.web.passwords import DECOY, Attempts, verify_password
from broker.web.session import begin, end
from broker.web.setup import door, ports
from broker.workflow import administer

pages = Blueprint("entrance", __name__)

ATTEMPTS = "broker-attempts"


@pages.get("/sign-in")
def sign_in_form() -> str:
    return render_template("sign_in.html", allowed=door().settings.demo_sign_in, problem=None, name="")


@pages.post("/sign-in")
def sign_in() -> Response | tuple[str, int]:
    if not door().settings.demo_sign_in:
        raise Forbidden("no-passwords", "This broker has no password accounts.")
    name, password = request.form.get("name", "")[:200], request.form.get("password", "")[:200]
    attempts: Attempts = current_app.extensions[ATTEMPTS]
    attempts.check(f"name:{name}", f"address:{request.remote_addr}")
    try:
        person = administer.sign_in(ports(), name.replace("\x00", ""), password, verify_password, DECOY)
    except Forbidden as error:
        return render_template("sign_in.html", allowed=True, problem=error.message, name=name), 403
    response = redirect(url_for("research.home"))
    begin(person, response)
    return response


@pages.post("/sign-out")
def sign_out() -> Response:
    response = redirect(url_for("entrance.sign_in_form"))
    end(response)
    return response
