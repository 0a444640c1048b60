"""Sign-in and sign-out in a browser, the person's own sessions, and their notices. Nobody can learn which
names exist."""

from flask import Blueprint, current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.domain.errors import Forbidden
from broker.domain.identity.people import Person, Role
from broker.web.security import authentication, openid
from broker.web.web_context import caller, ports, web_context
from broker.workflow.administration import user_accounts
from broker.workflow.views.person_notices import notices_for

account_blueprint = Blueprint("entrance", __name__)

ATTEMPTS_EXTENSION = "broker-attempts"

FIRST_PAGES = {
    Role.RESEARCHER: "research.home", Role.CHECKER: "inbox.inbox", Role.ADMINISTRATOR: "administer.overview",
}  # fmt: skip
"""First page after signing in. A person with several roles gets that of the first."""


@account_blueprint.get("/sign-in")
def sign_in_form(problem: str | None = None, name: str = "") -> str:
    settings = web_context().settings
    provider = settings.oidc_name if settings.oidc_issuer else None
    return render_template("sign_in.html", allowed=settings.demo_sign_in, provider=provider, problem=problem, name=name)


def _attempt(*keys: str) -> None:
    """Count an attempt to sign in, at this address and for these keys at this address."""
    attempts: authentication.SignInAttempts = current_app.extensions[ATTEMPTS_EXTENSION]
    address = f"address:{request.remote_addr}"
    # Names are limited for each address only: otherwise anybody could lock a name's owner out.
    attempts.check(*[f"{key} at {address}" for key in keys], f"{authentication.SHARED_PREFIX}{address}")


@account_blueprint.post("/sign-in")
def sign_in() -> Response | tuple[str, int]:
    if not web_context().settings.demo_sign_in:
        raise Forbidden("no-passwords", "This broker has no password accounts.")
    name, password = request.form.get("name", "")[:200], request.form.get("password", "")[:200]
    _attempt(f"name:{name}")
    try:
        person = user_accounts.sign_in(
            ports(), name.replace("\x00", ""), password, authentication.verify_password, authentication.DECOY_HASH
        )
    except Forbidden as error:
        return sign_in_form(error.message, name), 403
    return _welcome(person)


def _welcome(person: Person) -> Response:
    first = next((page for role, page in FIRST_PAGES.items() if role in person.roles), "research.home")
    response = redirect(url_for(first))
    authentication.begin_session(person, response)
    return response


@account_blueprint.get("/sign-in/openid")
def to_provider() -> Response:
    """Redirect to the sign-in provider. This is a link and not a form, because a form may only lead to this host."""
    openid.check_installed()
    _attempt("provider")
    return openid.redirect_to_provider()


@account_blueprint.get("/sign-in/openid/answer")
def from_provider() -> Response | tuple[str, int]:
    openid.check_installed()
    _attempt("provider")
    try:
        person = user_accounts.sign_in_by_provider(ports(), openid.confirmed_ident())
    except Forbidden as error:
        return sign_in_form(error.message), 403
    return _welcome(person)


@account_blueprint.post("/sign-out")
def sign_out() -> Response:
    response = redirect(url_for("entrance.sign_in_form"))
    authentication.end_session(response)
    return response


@account_blueprint.get("/account")
def account() -> str:
    found, mine = user_accounts.own_accesses(ports(), caller(), g.token)
    return render_template("account.html", found=found, mine=mine)


@account_blueprint.post("/account/ends")
def end_others() -> Response:
    """End one other session or token, or all of them."""
    user_accounts.end_other_accesses(ports(), caller(), g.token, request.form.get("ident", "")[:64] or None)
    return redirect(url_for("entrance.account"))


notice_blueprint = Blueprint("notices", __name__)


@notice_blueprint.get("/notices")
def notices() -> str:
    return render_template("notices.html", notices=notices_for(ports(), caller()))
