"""Who asks: bearer tokens for programs, a session cookie for browsers. Nobody gets past unnamed but on a closed list.

A session ends by itself after eight hours, or half an hour without use. It is a token of the store
(`workflow.accounts`) in an HttpOnly cookie: only its hash is stored, signing out revokes it, and each sign-in makes a
new one, so that one planted before is worth nothing. The API takes no cookie and pages take no bearer token, so a form
of another site can never reach the API.
"""

from flask import Flask, g, redirect, request, url_for
from flask import session as form_session
from werkzeug.wrappers import Response

from broker.domain.people import Person
from broker.web.problems import API, Unauthenticated
from broker.web.setup import door, ports
from broker.workflow.accounts import SESSION_LIFE, end_token, open_session, person_by_session
from broker.workflow.administer import person_by_token

PUBLIC = frozenset(
    {
        "static",
        "openapi_document",
        "public.register_page",
        "public.register_json",
        "public.register_csv",
        "public.register_feed",
        "public.releases",
        "public.releases_csv",
        "public.project",
        "health.healthz",
        "health.readyz",
        "entrance.sign_in_form",
        "entrance.sign_in",
        "entrance.to_provider",
        "entrance.from_provider",
    }
)
"""The only endpoints that answer somebody whom the broker does not know."""

BEARER_ENDPOINTS = frozenset({"health.metrics"})
"""Outside the API, for programs all the same."""


def install(app: Flask) -> None:
    app.before_request(authenticate)


def authenticate() -> Response | None:
    """Name the caller, or refuse. Unknown addresses go on, to be answered as such: to whoever is signed in, as that."""
    g.person, g.token = None, None
    if request.path.startswith(API) or request.endpoint in BEARER_ENDPOINTS:
        if request.endpoint is not None:
            _name(_bearer())
        return None
    token = request.cookies.get(cookie_name(), "")
    if token:
        g.person, g.token = person_by_session(ports(), token), token
    if g.person is None and request.endpoint not in PUBLIC | {None}:
        return redirect(url_for("entrance.sign_in_form"))
    return None


def _name(token: str) -> None:
    g.person, g.token = person_by_token(ports(), token) if token else None, token
    if g.person is None:
        raise Unauthenticated("Send a good API token: Authorization: Bearer …")


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def cookie_name() -> str:
    """`__Host-` binds the cookie to this host, path / and TLS."""
    return "__Host-session" if door().settings.secure_cookies else "session"


def begin(person: Person, response: Response) -> None:
    """Sign a person in: a fresh session, and a fresh form token with it."""
    form_session.clear()
    response.set_cookie(
        cookie_name(),
        open_session(ports(), person),
        max_age=int(SESSION_LIFE.total_seconds()),
        secure=door().settings.secure_cookies,
        httponly=True,
        samesite="Lax",
    )


def end(response: Response) -> None:
    """Sign out: the session is revoked in the store, not only forgotten by the browser."""
    if g.person is not None and g.token:
        end_token(ports(), g.person, g.token)
    form_session.clear()
    response.delete_cookie(cookie_name(), secure=door().settings.secure_cookies, httponly=True, samesite="Lax")
