"""Pages for accounts: who there is, with roles and accreditation; making and changing them. No rules."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid
from broker.domain.people import ROLE_SENTENCES, Person, Role
from broker.web import typed
from broker.web.passwords import hash_password
from broker.web.setup import caller, door, ports
from broker.workflow import accounts

pages = Blueprint("people", __name__)

GIVABLE = tuple(role for role in Role if role is not Role.SYSTEM)


@pages.get("/administration/people")
def everybody() -> str:
    return _page(None)


@pages.get("/administration/people/<person>")
def one(person: str) -> str:
    """The same page with the account in the form; an id that nobody has leaves it empty."""
    return _page(None, accounts.account(ports(), caller(), person))


def _page(problem: Invalid | None, account: Person | None = None) -> str:
    found = accounts.list_people(ports(), caller())
    return render_template(
        "people.html", people=found, roles=GIVABLE, sentences=ROLE_SENTENCES, problem=problem, account=account,
        today=ports().clock.now().date(), passwords=door().settings.demo_sign_in,
    )  # fmt: skip


@pages.post("/administration/people")
def put_person() -> Redirect | tuple[str, int]:
    try:
        password = request.form.get("password", "")
        kept = accounts.keep_person(ports(), caller(), _typed_person(), _hashed(password))
    except Invalid as error:
        return _page(error), 400
    return redirect(url_for("people.one", person=kept.ident))


def _typed_person() -> Person:
    ident, name, email = typed.text("ident"), typed.text("name"), typed.text("email", 255)
    roles = frozenset(role for role in GIVABLE if role.value in request.form.getlist("roles"))
    dates = typed.day("accredited_from"), typed.day("accredited_until")
    return Person(ident, name, roles, request.form.get("active") == "yes", *dates, email)


def _hashed(password: str) -> str | None:
    if not password:
        return None
    if not door().settings.demo_sign_in:
        raise Invalid("no-passwords", "This broker has no password accounts.", "/password")
    if not 8 <= len(password) <= 200:
        raise Invalid("password", "A password has 8 to 200 characters.", "/password")
    return hash_password(password)
