"""Pages about persons: accounts, stops of a person or a project, and erasures. No rules."""

from flask import Blueprint, redirect, render_template, request, url_for

from broker.domain.errors import Invalid, Unknown
from broker.domain.identity.people import Person, Role
from broker.domain.projects.stops import StopKind
from broker.web.pages import form_fields
from broker.web.security.authentication import hash_password
from broker.web.web_context import Redirect, caller, ports, web_context
from broker.workflow.administration import emergency_stops, snapshot_erasures, user_accounts

erasure_blueprint = Blueprint("erasures", __name__)


@erasure_blueprint.get("/administration/erasures")
def erasures(problem: Invalid | None = None, number: str | None = None) -> str:
    """Return the page. `number`: the erasure whose confirmation has the problem; None for the request form."""
    found = snapshot_erasures.all_erasures(ports(), caller())
    return render_template(
        "administration_erasures.html",
        found=found,
        domains=snapshot_erasures.key_domains(ports()),
        problem=problem,
        about=None if number is None else _erasure_number(number),
    )


@erasure_blueprint.post("/administration/erasures")
@form_fields.shows_problems_on(erasures)
def ask() -> Redirect:
    snapshot_erasures.request_erasure(
        ports(), caller(), form_fields.text("domain", 64), form_fields.text("key", 64), form_fields.text("case", 40)
    )
    return redirect(url_for("erasures.erasures"))


@erasure_blueprint.post("/administration/erasures/<number>/confirmation")
@form_fields.shows_problems_on(erasures)
def confirm(number: str) -> Redirect:
    snapshot_erasures.confirm_erasure(ports(), caller(), _erasure_number(number), form_fields.text("key", 64))
    return redirect(url_for("erasures.erasures"))


@erasure_blueprint.post("/administration/erasures/<number>/withdrawal")
def withdraw(number: str) -> Redirect:
    snapshot_erasures.withdraw_erasure(ports(), caller(), _erasure_number(number))
    return redirect(url_for("erasures.erasures"))


def _erasure_number(number: str) -> int:
    if not number.isascii() or not number.isdigit() or len(number) > 8:
        # Raises for callers who may not see erasures, so that they get no other answer here.
        snapshot_erasures.all_erasures(ports(), caller())
        raise Unknown("erasure", number)
    return int(number)


people_blueprint = Blueprint("people", __name__)

GRANTABLE_ROLES = tuple(role for role in Role if role is not Role.SYSTEM)


@people_blueprint.get("/administration/people")
def everybody(problem: Invalid | None = None, account: Person | None = None) -> str:
    """Show all accounts. `account`: the one in the form."""
    found = user_accounts.list_people(ports(), caller())
    return render_template(
        "people.html", people=found, roles=GRANTABLE_ROLES, problem=problem, account=account,
        today=ports().clock.now().date(), passwords=web_context().settings.demo_sign_in,
    )  # fmt: skip


@people_blueprint.get("/administration/people/<person>")
def one(person: str) -> str:
    """Show the page with the account in the form. An id that nobody has leaves the form empty."""
    return everybody(account=user_accounts.account(ports(), caller(), person))


@people_blueprint.post("/administration/people")
@form_fields.shows_problems_on(everybody)
def put_person() -> Redirect:
    password = request.form.get("password", "")
    stored = user_accounts.save_person(ports(), caller(), _read_person(), _hashed_password(password))
    return redirect(url_for("people.one", person=stored.ident))


def _read_person() -> Person:
    ident, name, email = form_fields.text("ident"), form_fields.text("name"), form_fields.text("email", 255)
    roles = frozenset(role for role in GRANTABLE_ROLES if role.value in request.form.getlist("roles"))
    dates = form_fields.day("accredited_from"), form_fields.day("accredited_until")
    return Person(ident, name, roles, request.form.get("active") == "yes", *dates, email)


def _hashed_password(password: str) -> str | None:
    if not password:
        return None
    if not web_context().settings.demo_sign_in:
        raise Invalid("no-passwords", "This broker has no password accounts.", "/password")
    if not 8 <= len(password) <= 200:
        raise Invalid("password", "Enter a password of 8 to 200 characters.", "/password")
    return hash_password(password)


stop_blueprint = Blueprint("stops", __name__)


@stop_blueprint.get("/administration/stops")
def stops(problem: Invalid | None = None) -> str:
    given = {name: request.values.get(name, "")[:100] for name in ("kind", "subject")}
    found = emergency_stops.list_stops(ports(), caller())
    return render_template("administration_stops.html", stops=found, given=given, problem=problem)


@stop_blueprint.post("/administration/stops")
@form_fields.shows_problems_on(stops)
def stop() -> Redirect:
    try:
        kind = _read_stop_kind(request.form.get("kind", ""))
        ended = emergency_stops.stop(
            ports(), caller(), kind, form_fields.text("subject", 100), form_fields.text("reason")
        )
    except Unknown as error:
        # Raises for callers who may not see stops, so that they get no other answer here.
        emergency_stops.list_stops(ports(), caller(), standing_only=True)
        raise Invalid("subject", "This person or project does not exist.", "/subject") from error
    return redirect(url_for("stops.stops", ended=ended))


def _read_stop_kind(given: str) -> StopKind:
    if given not in set(StopKind):
        raise Invalid("kind", "Choose whether to stop a person or a project.", "/kind")
    return StopKind(given)


@stop_blueprint.post("/administration/stops/<kind>/<subject>/lift")
def lift(kind: str, subject: str) -> Redirect:
    emergency_stops.lift(ports(), caller(), _read_stop_kind(kind), subject)
    return redirect(url_for("stops.stops"))
