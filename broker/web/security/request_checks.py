"""Checks every request and answer: size and form of bodies, form tokens, headers. Identifies nobody."""

import inspect
import json
import secrets
from contextlib import suppress
from pathlib import Path

from flask import Flask, Response, current_app, g, request
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]  # it has no types
from werkzeug.exceptions import BadRequest, ClientDisconnected, NotFound, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.routing import RequestRedirect
from werkzeug.wsgi import LimitedStream

from broker.domain.errors import Forbidden, Invalid, Unknown
from broker.settings import Settings
from broker.web.error_handlers import API_PATH, broker_error_response
from broker.web.web_context import ports, web_context
from broker.workflow.submission.preview import max_lookup_bytes, max_text_bytes

SLACK_BYTES = 64 * 1024
"""Bytes besides the text: title, purpose, descriptions, and what JSON or a form adds."""

DEFAULT_TEXT_BYTES = 64 * 1024
POLICY_BYTES = 8 * 1024 * 1024
LARGE_ENDPOINTS = frozenset({"administration.propose_policy", "published.ask", "public-tables.ask"})
"""Endpoints where administrators send whole policy sets or public tables."""
LOOKUP_ENDPOINTS = frozenset({"keeping.propose", "saved.propose"})
DRAINED_BYTES = 64 * 1024 * 1024
"""Most bytes read from a body that is too large."""
FORM_ENCODING_FACTOR = 3
"""A form encodes a byte that is not a letter or digit as three."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'{nonce}; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load: files of this host, no inline script, and inline style only with the answer's nonce, which the
editor needs."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

KEY_BYTES = 32

csrf = CSRFProtect()


def install(app: Flask, settings: Settings) -> None:
    """Install the checks."""
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value().encode() or form_signing_key(settings.root / "web.key"),
        SESSION_COOKIE_NAME="__Host-form" if settings.secure_cookies else "form",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # `no-referrer` leaves no Referer to compare, so the form token alone has to prove the origin.
        WTF_CSRF_SSL_STRICT=False,
        WTF_CSRF_TIME_LIMIT=8 * 3600,
        MAX_FORM_PARTS=200,
    )
    app.before_request(check_size)
    csrf.init_app(app)
    app.before_request(check_body)
    app.after_request(add_security_headers)
    app.register_error_handler(CSRFError, _csrf_error_response)


def form_signing_key(path: Path) -> bytes:
    """Return the key that signs forms, made once. If two processes start together, the second reads the first one's
    key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Fails if the file exists, so that two processes never use different keys.
        with path.open("xb") as new:
            path.chmod(0o600)
            new.write(secrets.token_bytes(KEY_BYTES))
    except FileExistsError:
        pass
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise RuntimeError(f"{path} does not have a key. Remove the file and start again.")
    return key


def check_size() -> None:
    """Set the limit on the body before anything reads it. Raises NotFound for a NUL in the path, and for an address
    that is spelled differently."""
    # A redirect to the right spelling would lead to whatever host the caller has named.
    if "\x00" in request.path or isinstance(request.routing_exception, RequestRedirect):
        raise NotFound
    if request.method in {"POST", "PUT", "PATCH", "DELETE"}:
        cap = body_cap()
        request.max_content_length = cap
        request.max_form_memory_size = cap
        if (request.content_length or 0) > cap:
            raise _too_large()


def _drain() -> None:
    """Read and discard the unread body, up to a bound. Otherwise the connection is reset and the caller does not get
    the answer. Waits for no bytes that the request has not announced."""
    # Bounded, so that a caller cannot occupy a thread without end.
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
    """Return the error for a body that is too large. A lookup gets the message that reading it would give."""
    if request.endpoint in LOOKUP_ENDPOINTS:
        return Invalid("lookup-size", f"A lookup can have at most {max_lookup_bytes(ports())} bytes.", "/text")
    return RequestEntityTooLarge()


def check_body() -> None:
    """Check that a body for the API is one JSON object. It is read here first, so that no later reader is more
    lenient."""
    if not request.path.startswith(API_PATH) or request.method not in {"POST", "PUT", "PATCH"}:
        return
    raw = request.get_data(cache=True)
    if not raw:
        return
    if request.content_length is None and len(raw) >= (request.max_content_length or 0):
        raise _too_large()  # a body without a length is cut at the limit, not refused
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    value = _read(raw)
    if not isinstance(value, dict):
        raise Invalid("not-an-object", "The body must be a JSON object.", "")
    # A body that no view reads would be ignored silently.
    if value and not _takes_body():
        raise Invalid("extra-forbidden", "This address does not accept a body.", f"/{next(iter(value))}")


def _read(raw: bytes) -> object:
    """Parse JSON as RFC 8259 requires between systems: UTF-8, and each name once. Of two equal names, two readers
    could use different ones."""
    try:
        value: object = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_each_once)
        # The library's own reader has to accept the body too.
        request.get_json()
    except (BadRequest, RecursionError, ValueError) as error:
        raise Invalid("not-json", "The body must be valid JSON in UTF-8.", "") from error
    return value


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise Invalid("duplicate-name", "The body has the same name twice.", "")
    return value


def _takes_body() -> bool:
    """Whether the endpoint's signature has a body."""
    view = current_app.view_functions.get(request.endpoint or "")
    return view is None or "body" in inspect.signature(view).parameters


def style_nonce() -> str:
    """Return the answer's nonce, for a page whose script writes styles. All calls for one answer return the same."""
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
    # Pages have confidential content, so no cache may store them.
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _csrf_error_response(_: CSRFError) -> Response:
    return broker_error_response(
        Forbidden("form-token", "This form is out of date. Reload the page and send the form again.")
    )
