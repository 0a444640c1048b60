"""Adapters that every process may use: store, queue, content store, clock, policy files, mail. No data, no sandbox."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from broker.domain.ports import Clock, Mailer, Ports
from broker.policy.policy_set import PolicySet

if TYPE_CHECKING:
    from broker.queue.embedded_valkey import EmbeddedValkey
    from broker.settings import Settings
    from broker.storage.sql_store import SqlStore


@cache
def _store(url: str, heads_folder: Path) -> "SqlStore":
    from broker.storage.signed_log_store import SignedHeadStore
    from broker.storage.sql_store import open_store

    # The heads are outside the database, so that a restored back-up does not restore them too.
    return open_store(url, SignedHeadStore(heads_folder), SignedHeadStore(heads_folder / "memory", "memory"))


def clock() -> Clock:
    from broker.storage.system_clock import SystemClock

    return SystemClock()


def queue_url(settings: "Settings") -> str:
    return settings.queue_url or embedded_queue(settings).url


def embedded_queue(settings: "Settings") -> "EmbeddedValkey":
    from broker.queue.embedded_valkey import EmbeddedValkey

    return EmbeddedValkey(settings.root / "queue")


def build_ports(settings: "Settings") -> Ports:
    """Return the ports for web and command line: no data, no sandbox."""
    from broker.queue.rq_queue import RqQueue
    from broker.storage.content_store import FolderContentStore

    settings.root.mkdir(parents=True, exist_ok=True)
    with suppress(PermissionError):  # it belongs to another account
        settings.root.chmod(0o700)
    return Ports(
        store=_store(settings.database, settings.root / "ledger"),
        queue=RqQueue(queue_url(settings)),
        content_store=FolderContentStore(settings.root / "outputs"),
        clock=clock(),
        synthetic_only=settings.synthetic_only,
    )


def check_start(settings: "Settings") -> None:
    """Raises Invalid if policy and settings do not fit together."""
    from broker.workflow.timing_channel import check_slots_in_force

    try:
        check_slots_in_force(build_ports(settings))
    finally:
        # The server forks next, and a fork must not share open connections.
        _store(settings.database, settings.root / "ledger").close()
        _store.cache_clear()


def policies_from_files(settings: "Settings") -> PolicySet:
    from broker.policy.files import load_policies

    return load_policies(settings.policies)


def build_mailer(settings: "Settings") -> Mailer | None:
    """Return the adapter that emails notices; None if no mail server is set."""
    from broker.mail.smtp import SmtpMailer

    return SmtpMailer(settings.mail_url, settings.mail_from) if settings.mail_url else None
