"""Demo sign-in: password hashes (argon2) and a limit on attempts. For synthetic data only."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from broker.web.problems import TooMany

ATTEMPTS = 10
SECONDS_PER_ATTEMPT = 6.0
MANY, TIMES = "many ", 3
"""Keys that begin so have as many times the attempts: an address may be that of many people."""

REMEMBERED = 10_000

_hasher = PasswordHasher()

DECOY = _hasher.hash("nobody has this password")
"""Verified against where there is no such account, so that both take the same time."""


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def verify_password(stored: str, given: str) -> bool:
    try:
        return _hasher.verify(stored, given)
    except (VerificationError, InvalidHashError):
        return False


@dataclass(slots=True)
class Attempts:
    """A token bucket for each name at an address: ten attempts at once, then one every six seconds; and one for the
    address, of three times as many.

    It lives in this process: with n web processes a caller has n buckets, which is enough for demo accounts.
    """

    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, *keys: str) -> None:
        """Take one attempt from each bucket; TooMany when one is empty or nobody more is remembered."""
        now = self.clock()
        with self._lock:
            self._forget(now)
            taken = [self._take(key, now) for key in keys]
            if not all(taken) or len(self._left) > REMEMBERED:
                raise TooMany("Too many attempts to sign in. Wait a minute and try again.")

    def _take(self, key: str, now: float) -> bool:
        left = self._now_left(key, now)
        self._left[key] = (max(left - 1, 0.0), now)
        return left >= 1

    def _now_left(self, key: str, now: float) -> float:
        most = _most(key)
        left, at = self._left.get(key, (most, now))
        return min(most, left + (now - at) * most / ATTEMPTS / SECONDS_PER_ATTEMPT)

    def _forget(self, now: float) -> None:
        """Buckets that are full again say nothing."""
        if len(self._left) > REMEMBERED:
            self._left = {k: v for k, v in self._left.items() if self._now_left(k, now) < _most(k)}


def _most(key: str) -> float:
    return float(ATTEMPTS * (TIMES if key.startswith(MANY) else 1))
