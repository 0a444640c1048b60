"""Identifies callers: bearer tokens for programs, a session cookie for browsers, demo passwords with
limited attempts."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, g, redirect, request, session as form_session, url_for
from werkzeug.wrappers import Response

from broker.domain.identity.people import Person
from broker.web.error_handlers import API_PATH, TooManyAttempts, Unauthenticated
from broker.web.web_context import ports, web_context
from broker.workflow.administration import user_accounts

ATTEMPT_LIMIT = 10
SECONDS_PER_ATTEMPT = 6.0
SHARED_PREFIX, SHARED_FACTOR = "many ", 3
"""Keys with this prefix have this many times the attempts, because many people may share an address."""

BUCKET_LIMIT = 10_000

_hasher = PasswordHasher()

DECOY_HASH = _hasher.hash("nobody has this password")
"""Verified if an account does not exist, so that both cases take the same time."""


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify_password(stored: str, given: str) -> bool:
    try:
        return _hasher.verify(stored, given)
    except (VerificationError, InvalidHashError):
        return False


@dataclass(slots=True)
class SignInAttempts:
    """A token bucket for each name at an address: ten attempts at once, then one every six seconds. Another for the
    address, with three times as many.

    It is local to this process: with n web processes a caller has n buckets, which is enough for demo accounts.
    """

    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, *keys: str) -> None:
        """Take one attempt from each bucket. Raises TooManyAttempts if one is empty or there are too many buckets."""
        now = self.clock()
        with self._lock:
            self._forget(now)
            # Take from every bucket, also if an earlier one is empty, so that none is spared.
            taken = [self._take(key, now) for key in keys]
            # Bounded, so that many addresses cannot fill the memory.
            if not all(taken) or len(self._left) > BUCKET_LIMIT:
                raise TooManyAttempts("Too many attempts to sign in. Wait a minute and try again.")

    def _take(self, key: str, now: float) -> bool:
        left = self._left_now(key, now)
        self._left[key] = (max(left - 1, 0.0), now)
        return left >= 1

    def _left_now(self, key: str, now: float) -> float:
        capacity = _capacity(key)
        left, at = self._left.get(key, (capacity, now))
        return min(capacity, left + (now - at) * capacity / ATTEMPT_LIMIT / SECONDS_PER_ATTEMPT)

    def _forget(self, now: float) -> None:
        """Remove full buckets: they equal new ones."""
        if len(self._left) > BUCKET_LIMIT:
            self._left = {k: v for k, v in self._left.items() if self._left_now(k, now) < _capacity(k)}


def _capacity(key: str) -> float:
    return float(ATTEMPT_LIMIT * (SHARED_FACTOR if key.startswith(SHARED_PREFIX) else 1))


PUBLIC_ENDPOINTS = frozenset(
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
"""The only endpoints that answer unidentified callers."""

BEARER_ENDPOINTS = frozenset({"health.metrics"})
"""Endpoints outside the API that programs use with a token."""


def install(app: Flask) -> None:
    app.before_request(authenticate)


def authenticate() -> Response | None:
    """Identify the caller or refuse the request. Unknown addresses pass, and are answered as unknown."""
    g.person, g.token = None, None
    if request.path.startswith(API_PATH) or request.endpoint in BEARER_ENDPOINTS:
        # An unknown address of the API is answered as unknown, without a token.
        if request.endpoint is not None:
            _name_caller(_bearer())
        return None
    token = request.cookies.get(cookie_name(), "")
    if token:
        g.person, g.token = user_accounts.person_by_session(ports(), token), token
    if g.person is None and request.endpoint not in PUBLIC_ENDPOINTS | {None}:
        return redirect(url_for("entrance.sign_in_form"))
    return None


def _name_caller(token: str) -> None:
    g.person, g.token = user_accounts.person_by_token(ports(), token) if token else None, token
    if g.person is None:
        raise Unauthenticated("Send a valid API token: Authorization: Bearer …")


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def cookie_name() -> str:
    """Return the cookie's name. `__Host-` binds the cookie to this host, path / and TLS."""
    return "__Host-session" if web_context().settings.secure_cookies else "session"


def begin_session(person: Person, response: Response) -> None:
    """Sign a person in with a new session and a new form token."""
    # A form token from before the sign-in must not be valid after it.
    form_session.clear()
    response.set_cookie(
        cookie_name(),
        user_accounts.open_session(ports(), person),
        max_age=int(user_accounts.SESSION_LIFE.total_seconds()),
        secure=web_context().settings.secure_cookies,
        httponly=True,
        samesite="Lax",
    )


def end_session(response: Response) -> None:
    """Sign out: revoke the session in the store, besides deleting the browser's cookie."""
    if g.person is not None and g.token:
        user_accounts.end_token(ports(), g.person, g.token)
    form_session.clear()
    response.delete_cookie(cookie_name(), secure=web_context().settings.secure_cookies, httponly=True, samesite="Lax")
