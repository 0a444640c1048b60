"""The only place where errors become answers: problem JSON for programs, a page for people, never a traceback."""

import logging
import secrets
import traceback
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from broker.domain.errors import BrokerError, Conflict, Forbidden, Invalid, Refused, Unavailable, Unknown

log = logging.getLogger("broker.web")

API_PATH = "/api/"
MACHINE_PATHS = frozenset(
    {
        "/openapi.json", "/register.json", "/register.csv", "/register.atom", "/register/releases.csv", "/healthz",
        "/readyz", "/metrics",
    }
)  # fmt: skip


class Unauthenticated(BrokerError):
    """Nobody is signed in, or the token is not valid (any more)."""


class TooManyAttempts(BrokerError):
    """Too many attempts from one address."""


def install(app: Flask) -> None:
    app.register_error_handler(BrokerError, broker_error_response)
    app.register_error_handler(HTTPException, _http_error_response)
    app.register_error_handler(Exception, _unexpected_error_response)


def validation_problem(error: ValidationError) -> Response:
    """Return a problem that lists every invalid value with its JSON pointer."""
    errors = [
        {"code": e["type"].replace("_", "-"), "message": e["msg"], "pointer": _pointer(e["loc"])}
        for e in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    first = errors[0]
    return _respond(400, "invalid", f"The request is not valid: {first['message']}.", first["pointer"], errors)


def _pointer(location: tuple[Any, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def broker_error_response(error: BrokerError) -> Response:
    """Return the answer to an error of the broker."""
    match error:
        case Unauthenticated():
            response = _respond(401, "sign-in-needed", str(error))
            response.headers["WWW-Authenticate"] = 'Bearer realm="broker"'
            return response
        case TooManyAttempts():
            return _respond(429, "too-many", str(error))
        case Invalid():
            return _respond(400, error.code, error.message, error.pointer)
        case Unknown():
            return _respond(404, "unknown", str(error))
        case Forbidden():
            return _respond(403, error.code, error.message)
        # Never name the state: a researcher would learn whether an output is withheld or in review.
        case Conflict(code="wrong-state"):
            return _respond(409, error.code, "The current state does not allow this.")
        case Conflict():
            return _respond(409, error.code, error.message)
        case Unavailable():
            return _respond(503, "unavailable", "The broker cannot reach one of its services. Try again later.")
        case Refused():
            errors = [
                {"code": r.code, "message": r.message, "advice": r.advice, "pointer": "/text"} for r in error.refusals
            ]
            return _respond(422, "refused", str(error), "/text", errors)
    return _unexpected_error_response(error)


def _http_error_response(error: HTTPException) -> Response:
    """Return the answer to what Flask itself refuses: unknown routes and methods, bodies that are too large or
    unreadable."""
    if error.response is not None:
        return make_response(error.response)
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    phrase = HTTPStatus(status).phrase
    response = _respond(status, phrase.lower().replace(" ", "-"), HTTP_SENTENCES.get(status, f"{phrase}."))
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    return response


HTTP_SENTENCES = {
    400: "The broker cannot read this request.",
    404: "There is no such page.",
    405: "This address does not support that method.",
    413: "The request is too large.",
    415: "The body must be JSON: send Content-Type: application/json.",
}


def _unexpected_error_response(error: Exception) -> Response:
    """Return an id to give an administrator, without the exception's text."""
    ident = secrets.token_hex(8)
    # Only the places: the exception's own words may contain anything, also data.
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("request failed: id=%s error=%s endpoint=%s\n%s", ident, type(error).__name__, request.endpoint, where)
    return _respond(
        500, "internal", f"Sorry, there is a problem with the broker. Tell an administrator this id: {ident}."
    )


def _respond(
    status: int, code: str, message: str, pointer: str = "", errors: list[dict[str, str]] | None = None
) -> Response:
    if request.path.startswith(API_PATH) or request.path in MACHINE_PATHS:
        body = {"code": code, "message": message, "pointer": pointer, "errors": errors or []}
        return make_response(jsonify(body), status)
    return make_response(render_template("problem.html", message=message, status=status), status)
