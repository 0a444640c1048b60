"""Pages for administrators: people, what is in force, proposed policies, stopping jobs, the audit chain. No rules."""

import re

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid
from broker.domain.people import ROLE_SENTENCES, Person, Role
from broker.web.passwords import hash_password
from broker.web.setup import caller, door, ports
from broker.workflow import accounts, administer, watch, withdraw

pages = Blueprint("administer", __name__)

IDENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
GIVABLE = tuple(role for role in Role if role is not Role.SYSTEM)


@pages.get("/administration")
def overview() -> str:
    return render_template("administration.html", state=watch.in_force(ports(), caller()))


@pages.get("/administration/audit")
def audit() -> str:
    """Follows the whole chain, then shows its newest lines."""
    verified = watch.verify_audit(ports(), caller())
    lines = administer.audit_lines(ports(), caller(), max(1, verified.lines - 99), 100)
    return render_template("audit.html", verified=verified, lines=list(reversed(lines)))


@pages.post("/administration/policies")
def apply_policy() -> Redirect:
    administer.apply_policy(ports(), caller(), request.form.get("fingerprint", "").strip().replace("\x00", ""))
    return redirect(url_for("administer.overview"))


@pages.get("/administration/people")
def people() -> str:
    return _people(None)


def _people(problem: Invalid | None) -> str:
    found = accounts.list_people(ports(), caller())
    return render_template(
        "people.html", people=found, roles=GIVABLE, sentences=ROLE_SENTENCES, problem=problem,
        passwords=door().settings.demo_sign_in,
    )  # fmt: skip


@pages.post("/administration/people")
def put_person() -> Redirect | tuple[str, int]:
    try:
        password = request.form.get("password", "")
        accounts.keep_person(ports(), caller(), _typed_person(), _hashed(password))
    except Invalid as error:
        return _people(error), 400
    return redirect(url_for("administer.people"))


def _typed_person() -> Person:
    ident, name = request.form.get("ident", "").strip(), request.form.get("name", "").strip()
    if not IDENT.fullmatch(ident):
        raise Invalid("ident", "An id is 1 to 64 small letters, digits, dots and dashes.", "/ident")
    if not 1 <= len(name) <= 200 or "\x00" in name:
        raise Invalid("name", "A person needs a name of 1 to 200 characters.", "/name")
    roles = frozenset(role for role in GIVABLE if role.value in request.form.getlist("roles"))
    return Person(ident, name, roles, request.form.get("active") == "yes")


def _hashed(password: str) -> str | None:
    if not password:
        return None
    if not door().settings.demo_sign_in:
        raise Invalid("no-passwords", "This broker has no password accounts.", "/password")
    if not 8 <= len(password) <= 200:
        raise Invalid("password", "A password has 8 to 200 characters.", "/password")
    return hash_password(password)


@pages.post("/jobs/<job>/stop")
def stop(job: str) -> Redirect:
    withdraw.withdraw(ports(), caller(), job, stop=True)
    return redirect(url_for("research.job", job=job))
