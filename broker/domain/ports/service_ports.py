"""Ports of small services: clock, queue, mailer and content store. Docstrings are the contract."""

from datetime import datetime
from typing import Protocol

from broker.domain.jobs.work_items import WorkItem


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, timezone-aware, in UTC."""

    def wait_until(self, moment: datetime) -> None:
        """Return at that time, or at once if it has passed."""


class Queue(Protocol):
    """A hint to workers that a job or rehearsal may be ready. It may lose, repeat and reorder offers; the store
    corrects that."""

    def offer(self, item: WorkItem) -> None:
        """Offer a run or a rehearsal; workers take runs first. Offering the same again is harmless. Raises
        Unavailable."""

    def depth(self) -> int:
        """Number of jobs on offer."""


class Mailer(Protocol):
    def send(self, to: str, subject: str, text: str) -> None:
        """Send one mail. Raises Unavailable if no server accepts it."""


class ContentStore(Protocol):
    """Bytes by content hash. The areas `staff` (never released) and `released` (may be released) are separate. `put`
    returns the SHA-256 of the content as hexadecimal digits, is durable (fsync, rename) before it returns, and
    idempotent. `get` verifies the hash; it raises Breach on a difference, Unknown if there is no such content."""

    def put(self, area: str, content: bytes) -> str: ...

    def get(self, area: str, digest: str) -> bytes: ...

    def keyed_hash(self, content: bytes) -> str:
        """HMAC-SHA-256 with the store's own key: the only hash of unreleased bytes that may appear elsewhere."""
