"""Ports of small services: clock, queue, mailer and content store; the docstrings are the contract."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, aware, in UTC."""

    def wait_until(self, moment: datetime) -> None:
        """Return at that time, at once where it is over."""


class Queue(Protocol):
    """A hint to workers that a job may be ready: it may lose, repeat and reorder, and the store corrects it."""

    def offer(self, job: str, attempt: int) -> None:
        """Offer a job's id. Offering the same (job, attempt) again is harmless. Raises Unavailable."""

    def offer_rehearsal(self, rehearsal: str, attempt: int) -> None:
        """The same for a rehearsal; workers take jobs first. Raises Unavailable."""

    def depth(self) -> int:
        """How many jobs are on offer."""


class Mailer(Protocol):
    def send(self, to: str, subject: str, text: str) -> None:
        """One letter. Raises Unavailable where no server takes it."""


class ContentStore(Protocol):
    """Bytes by content hash: `staff` (never leaves) and `released` (may) are different shelves.

    `put` returns the SHA-256 hex of the content, is durable (fsync, rename) before it returns, and idempotent.
    `get` verifies the hash and raises Breach on a difference, Unknown if there is none.
    """

    def put(self, area: str, content: bytes) -> str: ...

    def get(self, area: str, digest: str) -> bytes: ...

    def keyed_hash(self, content: bytes) -> str:
        """HMAC-SHA-256 with the store's own key: the only hash of unreleased bytes that may appear elsewhere."""
