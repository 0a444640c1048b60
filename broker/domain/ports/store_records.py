"""Values that the store holds or takes besides jobs and outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import Output
from broker.domain.jobs.reviews import Message, OutputDecision, Vote


@dataclass(frozen=True, slots=True)
class Release:
    """One release of a job: the approved outputs of a decided job. `manifest_hash` is the SHA-256 of the manifest."""

    ident: str
    job: str
    project: str
    released_at: datetime
    manifest_hash: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A line of the public register about one release. `recalled`: the whole release was recalled."""

    release: str
    project: str
    title: str
    outputs: tuple[str, ...]
    released_at: datetime
    recalled: bool
    recalled_outputs: tuple[str, ...] = ()
    recalled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RegisterFilter:
    """Selects releases of the register: of these projects, with these words in title or outputs, older than `after`;
    with `recalled`, only those recalled in part or whole, the newest recall first."""

    projects: frozenset[str] | None = None
    words: tuple[str, ...] = ()
    recalled: bool = False
    after: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RegisterCount:
    """How much a project has released, and under which policy set last."""

    project: str
    releases: int
    outputs: int
    recalled: int
    last: datetime
    policy: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One ingested, numbered, validated state of the data."""

    ident: str
    fingerprint: str
    created: datetime
    synthetic: bool
    path: str
    facts: str
    """JSON of `broker.vault.facts`: key facts for each table and year."""
    retired: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A parsed policy set with its fingerprint. It is in force once a second administrator has applied it."""

    fingerprint: str
    proposed_by: str
    proposed_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    content: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A session or an API token of a person, named by the beginning of its hash. `seen`: last use of a session."""

    ident: str
    session: bool
    made: datetime | None
    seen: datetime | None
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """The two administrators who put a policy set in force, and when."""

    fingerprint: str
    proposed_by: str
    proposed_at: datetime
    applied_by: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Selects lines of the audit log, newest first; all given conditions must hold. `before`: only lines with a smaller
    number, which gives the next page. `since` and `until` are inclusive."""

    subject: str | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """The latest report of a worker's supervisor about itself."""

    worker: str
    at: datetime
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PendingHistoryEntry:
    """A table of an output that its release will enter in the release history: its number, and its file of members."""

    table: int
    file: str
    digest: str


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """An output with its content. `evidence_digest` names the staff JSON. `pending_history` is for the worker only."""

    output: Output
    evidence_digest: str
    pending_history: tuple[PendingHistoryEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class VoteRecord:
    """A vote to store, with its audit events and messages. `decide` receives all votes on the output, including this
    one; None decides nothing."""

    vote: Vote
    events: Sequence[AuditEvent]
    decide: Callable[[tuple[Vote, ...]], OutputDecision | None] | None = None
    says: Sequence[Message] = ()


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Selects what to list. None means any."""

    projects: frozenset[str] | None = None
    states: frozenset[str] | None = None
    researcher: str | None = None
    limit: int = 100
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ComparedOutput:
    """An output that was compared with the release history: before, and after, in the same state or the next one."""

    before: Output
    record: "OutputRecord"
