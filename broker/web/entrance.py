"""Signing in and out in a browser: by the provider, or with demo accounts where settings allow them; and one's own
sessions. Nobody learns which names exist."""

from flask import Blueprint, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.domain.errors import Forbidden
from broker.domain.people import Person, Role
from broker.web import openid
from broker.web.passwords import DECOY, MANY, Attempts, verify_password
from broker.web.session import begin, end
from broker.web.setup import caller, door, ports
from broker.workflow import accounts, administer

pages = Blueprint("entrance", __name__)

ATTEMPTS = "broker-attempts"

FIRST_PAGES = {
    Role.RESEARCHER: "research.home", Role.CHECKER: "inbox.inbox", Role.ADMINISTRATOR: "administer.overview",
}  # fmt: skip
"""Where each one's day begins; who has several roles begins with the first of them."""


@pages.get("/sign-in")
def sign_in_form() -> str:
    return _form(None)


def _form(problem: str | None, name: str = "") -> str:
    return render_template(
        "sign_in.html", allowed=door().settings.demo_sign_in, provider=openid.provider(), problem=problem, name=name
    )


def _attempt(*keys: str) -> None:
    """A name is limited at one address only: else anybody could lock its owner out."""
    attempts: Attempts = current_app.extensions[ATTEMPTS]
    address = f"address:{request.remote_addr}"
    attempts.check(*[f"{key} at {address}" for key in keys], f"{MANY}{address}")


@pages.post("/sign-in")
def sign_in() -> Response | tuple[str, int]:
    if not door().settings.demo_sign_in:
        raise Forbidden("no-passwords", "This broker has no password accounts.")
    name, password = request.form.get("name", "")[:200], request.form.get("password", "")[:200]
    _attempt(f"name:{name}")
    try:
        person = administer.sign_in(ports(), name.replace("\x00", ""), password, verify_password, DECOY)
    except Forbidden as error:
        return _form(error.message, name), 403
    return _welcome(person)


def _welcome(person: Person) -> Response:
    first = next((page for role, page in FIRST_PAGES.items() if role in person.roles), "research.home")
    response = redirect(url_for(first))
    begin(person, response)
    return response


@pages.get("/sign-in/openid")
def to_provider() -> Response:
    """A link and no form: a form may lead to this host only."""
    openid.check_installed()
    _attempt("provider")
    return openid.to_provider()


@pages.get("/sign-in/openid/answer")
def from_provider() -> Response | tuple[str, int]:
    openid.check_installed()
    _attempt("provider")
    try:
        person = administer.sign_in_vouched(ports(), openid.answered())
    except Forbidden as error:
        return _form(error.message), 403
    return _welcome(person)


@pages.post("/sign-out")
def sign_out() -> Response:
    response = redirect(url_for("entrance.sign_in_form"))
    end(response)
    return response


@pages.get("/account")
def account() -> str:
    found, mine = accounts.own_accesses(ports(), caller(), g.token)
    return render_template("account.html", found=found, mine=mine)


@pages.post("/account/ends")
def end_others() -> Response:
    """End one other session or token, or all of them."""
    accounts.end_others(ports(), caller(), g.token, request.form.get("ident", "")[:64] or None)
    return redirect(url_for("entrance.account"))
