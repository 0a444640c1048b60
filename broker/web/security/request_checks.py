"""What every request and answer goes through: size and form of bodies, form tokens, headers. Names nobody."""

import inspect
import json
import secrets
from contextlib import suppress

from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]  # it has no types
from werkzeug.exceptions import BadRequest, ClientDisconnected, NotFound, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.routing import RequestRedirect
from werkzeug.wsgi import LimitedStream

from broker.domain.errors import Forbidden, Invalid, Unknown
from broker.web.error_handlers import API_PATH, broker_error_response
from broker.web.web_context import ports, web_context
from broker.workflow.submission.preview import max_lookup_bytes, max_text_bytes

SLACK_BYTES = 64 * 1024
"""Beside the text: title, purpose, descriptions and what JSON or a form adds."""

DEFAULT_TEXT_BYTES = 64 * 1024
POLICY_BYTES = 8 * 1024 * 1024
LARGE_ENDPOINTS = frozenset({"administration.propose_policy", "published.ask", "public-tables.ask"})
"""Where administrators give whole policy sets, or tables that were published elsewhere."""
LOOKUP_ENDPOINTS = frozenset({"keeping.propose", "saved.propose"})
DRAINED_BYTES = 64 * 1024 * 1024
"""Of a body that is too large."""
FORM_ENCODING_FACTOR = 3
"""A form writes a byte as three, where it is no letter or digit."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'{nonce}; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: files of this host, no inline script, and inline style only with the answer's own nonce, which
the editor needs."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

csrf = CSRFProtect()


def install(app: Flask, secret_key: bytes, secure: bool) -> None:
    """`no-referrer` leaves no Referer to compare: the form token alone carries the proof, so SSL_STRICT is off."""
    app.config.update(
        SECRET_KEY=secret_key,
        SESSION_COOKIE_NAME="__Host-form" if secure else "form",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_SSL_STRICT=False,
        WTF_CSRF_TIME_LIMIT=8 * 3600,
        MAX_FORM_PARTS=200,
    )
    app.before_request(check_size)
    csrf.init_app(app)
    app.before_request(check_body)
    app.after_request(add_security_headers)
    app.register_error_handler(CSRFError, _csrf_error_response)


def check_size() -> None:
    """Set the cap before anything reads the body. A NUL anywhere in the address names nothing that exists, nor does an
    address that is spelled otherwise: to be led to the right one is to be led to whatever host the caller has named."""
    if "\x00" in request.path or isinstance(request.routing_exception, RequestRedirect):
        raise NotFound
    if request.method in {"POST", "PUT", "PATCH", "DELETE"}:
        cap = body_cap()
        request.max_content_length = cap
        request.max_form_memory_size = cap
        if (request.content_length or 0) > cap:
            raise _too_large()


def _drain() -> None:
    """Read what was sent and nobody has read, up to a bound, and keep nothing: a caller whose body is left unread gets
    a reset connection in place of the answer. Nothing is awaited that the request has not announced."""
    left = min(request.content_length or 0, DRAINED_BYTES)
    if not left:
        return
    stream = request.__dict__.get("stream") or LimitedStream(request.environ["wsgi.input"], left)
    with suppress(ClientDisconnected):
        while left > 0 and (read := stream.read(min(left, SLACK_BYTES))):
            left -= len(read)


def body_cap() -> int:
    if request.endpoint in LARGE_ENDPOINTS:
        return POLICY_BYTES
    try:
        if request.endpoint in LOOKUP_ENDPOINTS:
            return FORM_ENCODING_FACTOR * max_lookup_bytes(ports()) + SLACK_BYTES
        text = max_text_bytes(ports())
    except Unknown:
        text = DEFAULT_TEXT_BYTES
    return 2 * text + SLACK_BYTES


def _too_large() -> Exception:
    """A lookup is told as it would be, had it been read."""
    if request.endpoint in LOOKUP_ENDPOINTS:
        return Invalid("lookup-size", f"A lookup has {max_lookup_bytes(ports())} bytes at most.", "/text")
    return RequestEntityTooLarge()


def check_body() -> None:
    """A body for the API is one JSON object. Read here once, so that no later reader is more lenient."""
    if not request.path.startswith(API_PATH) or request.method not in {"POST", "PUT", "PATCH"}:
        return
    raw = request.get_data(cache=True)
    if not raw:
        return
    if request.content_length is None and len(raw) >= (request.max_content_length or 0):
        raise _too_large()  # a body that tells no length is cut at the cap, not refused
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    value = _read(raw)
    if not isinstance(value, dict):
        raise Invalid("not-an-object", "The body must be a JSON object.", "")
    if value and not _takes_body():
        raise Invalid("extra-forbidden", "This address takes no body.", f"/{next(iter(value))}")


def _read(raw: bytes) -> object:
    """JSON as RFC 8259 has it between systems: UTF-8, and each name once; of two, two readers could take another."""
    try:
        value: object = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_each_once)
        request.get_json()
    except (BadRequest, RecursionError, ValueError) as error:
        raise Invalid("not-json", "The body is not readable JSON in UTF-8.", "") from error
    return value


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise Invalid("duplicate-name", "The body has a name twice.", "")
    return value


def _takes_body() -> bool:
    """What an endpoint takes is said by its signature."""
    view = current_app.view_functions.get(request.endpoint or "")
    return view is None or "body" in inspect.signature(view).parameters


def style_nonce() -> str:
    """For a page whose script writes styles: asked once or more, one an answer."""
    if "style_nonce" not in g:
        g.style_nonce = secrets.token_urlsafe(18)
    return str(g.style_nonce)


def add_security_headers(response: Response) -> Response:
    if response.status_code >= 400:
        _drain()
    nonce = f" 'nonce-{g.style_nonce}'" if "style_nonce" in g else ""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.format(nonce=nonce)
    for name, value in SECURITY_HEADERS.items():
        response.headers[name] = value
    if web_context().settings.secure_cookies:
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _csrf_error_response(_: CSRFError) -> Response:
    return broker_error_response(
        Forbidden("form-token", "This form is out of date. Load its page again and send it once more.")
    )
