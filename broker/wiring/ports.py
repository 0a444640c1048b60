"""What every process of a broker may use: store, queue, shelf, clock, policy files, mail. No data, no sandbox."""

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from broker.domain.ports import Clock, Ports, Post
from broker.policy.models import Policies

if TYPE_CHECKING:
    from broker.queue.embedded import EmbeddedValkey
    from broker.settings import Settings
    from broker.storage.store import SqlStore


@cache
def _store(url: str, witness: Path) -> "SqlStore":
    from broker.storage.store import open_store
    from broker.storage.witness import FolderWitness

    return open_store(url, FolderWitness(witness), FolderWitness(witness / "memory", "memory"))


def clock() -> Clock:
    from broker.storage.clock import SystemClock

    return SystemClock()


def queue_url(settings: "Settings") -> str:
    return settings.queue_url or embedded_queue(settings).url


def embedded_queue(settings: "Settings") -> "EmbeddedValkey":
    from broker.queue.embedded import EmbeddedValkey

    return EmbeddedValkey(settings.root / "queue")


def build_ports(settings: "Settings") -> Ports:
    """What web and command line may use: no data, no sandbox."""
    from broker.queue.rq_queue import RqQueue
    from broker.storage.shelf import FolderShelf

    settings.root.mkdir(parents=True, exist_ok=True)
    with suppress(PermissionError):  # it is another user's, who keeps it
        settings.root.chmod(0o700)
    return Ports(
        store=_store(settings.database, settings.root / "ledger"),
        queue=RqQueue(queue_url(settings)),
        shelf=FolderShelf(settings.root / "outputs"),
        clock=clock(),
        synthetic_only=settings.synthetic_only,
    )


def check_start(settings: "Settings") -> None:
    """Raise Invalid where policy and settings do not go together. Leaves nothing open: a server forks after it."""
    from broker.workflow.silence import check_slots_in_force

    try:
        check_slots_in_force(build_ports(settings))
    finally:
        _store(settings.database, settings.root / "ledger").close()
        _store.cache_clear()


def policies_from_files(settings: "Settings") -> Policies:
    from broker.policy.files import load_policies

    return load_policies(settings.policies)


def build_post(settings: "Settings") -> Post | None:
    """Who mails notices; None where no server is set."""
    from broker.mail.smtp import SmtpPost

    return SmtpPost(settings.mail_url, settings.mail_from) if settings.mail_url else None
