"""Ports: what the workflow asks of the world. The docstrings are the contract that every adapter obeys.

Adapters are handed in by `broker.wiring`; the workflow never imports one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from broker.domain.audit import AuditCheck, AuditEvent, AuditLine
from broker.domain.jobs import FailureCode, Job, JobState
from broker.domain.outputs import Output, OutputEvidence, OutputState
from broker.domain.people import Person
from broker.domain.plans import Plan
from broker.domain.reviews import Vote
from broker.domain.scalars import Value


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, aware, in UTC."""


# --- sandbox -------------------------------------------------------------------------------------


class SandboxEnd(StrEnum):
    """How a sandbox ended: a closed list; the launcher's own words map onto it, whatever the job says."""

    ENDED = "ended"
    CRASHED = "crashed"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    ENGINE_ERROR = "engine_error"
    BAD_FRAMES = "bad_frames"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may take. Seconds of wall clock, bytes of memory and of output, files, processes, threads."""

    wall_seconds: int
    memory_bytes: int
    output_bytes: int
    output_files: int
    processes: int
    threads: int
    scratch_bytes: int


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """One attempt at one job, complete: nothing else is looked up.

    `frames` go to the launcher on standard input in order; (kind, payload). `mount` is the one host folder
    that is seen, read-only, as /data. `image` is `sql` or `python`. `synthetic` tells whether the data are
    synthetic: real data refuse every fallback.
    """

    job: str
    attempt: int
    image: str
    mount: Path
    frames: tuple[tuple[str, bytes], ...]
    limits: Limits
    synthetic: bool


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """What came back. `frames` are complete and hash-checked, and otherwise untrusted unless the image is `sql`.

    `image` is the image's digest, `runtime` the isolation that really ran ("runc", "runsc", "bubblewrap").
    `log` is what the job printed, capped: staff only, and an output like any other.
    """

    end: SandboxEnd
    frames: tuple[tuple[str, bytes], ...]
    image: str
    runtime: str
    seconds: float
    log: bytes = b""


class Sandbox(Protocol):
    """Runs one job in isolation.

    1. `run` starts exactly one sandbox named after (job, attempt); if one of that name exists already, it raises
       Conflict("already-running") and starts nothing.
    2. The sandbox's settings are read back from the engine before start; any difference raises Breach and
       nothing runs.
    3. `run` returns only when the sandbox is dead and removed, whatever happens, and never raises for what the
       job did: that is in `end`. It raises Unavailable when the engine does not answer.
    4. `terminate` kills and removes every sandbox of a job's attempts up to `attempt` and returns only when they
       are gone; idempotent.
    5. `sweep` does so for every sandbox whose (job, attempt) is not in `alive()`, which it calls after it has listed
       the sandboxes: an attempt is running in the store before its sandbox exists. Returns how many it removed.
    """

    def run(self, request: SandboxRequest) -> SandboxResult: ...

    def terminate(self, job: str, attempt: int) -> None: ...

    def sweep(self, alive: Callable[[], frozenset[tuple[str, int]]]) -> int: ...


@dataclass(frozen=True, slots=True)
class CollectedFile:
    """A file that a script left, parsed as untrusted. `problem` says why it can go to no review (type, size, name);
    `summary` is JSON for checkers about what is in it."""

    name: str
    media_type: str
    content: bytes
    problem: str | None
    summary: str


class Collector(Protocol):
    def collect(
        self, frames: Sequence[tuple[str, bytes]], allowed: tuple[str, ...], max_bytes: int, max_rows: int
    ) -> tuple[CollectedFile, ...]:
        """Every `file` frame in order of name; never raises for what a file holds."""


# --- engine and vault ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VaultTable:
    """A table of a vault as a sandbox mounts it.

    `paths` are relative to the mount: first `<table>/schema.parquet` (no rows: so a table always has its columns),
    then one a year. `years` runs beside them, None for the schema file and for tables without a year axis.
    """

    name: str
    paths: tuple[str, ...]
    years: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Vault:
    """A project's granted data of one snapshot. `evidence` is the rendering for rendered SQL, `script` for scripts."""

    key: str
    snapshot: str
    project: str
    evidence: Path
    script: Path
    tables: tuple[VaultTable, ...]
    synthetic: bool


# Frames (kind, payload) between broker and launcher; `sandbox_images/common/frames.py` puts them on the wire.
#
# to the launcher
#   job      JSON {"kind": "sql"|"python", "tables": [{"schema", "name", "paths": [..]}], "statements": [{"name", "sql"}]
#            (sql only), "allowed": [".csv", ..] (python only), "settings": {wall_seconds, memory_bytes, output_bytes,
#            output_files, processes, threads, scratch_bytes}}; paths relative to /data
#   program  the researcher's script, UTF-8 (python only)
# from the launcher
#   table    one Arrow IPC stream for each statement, in order (sql only)
#   file     JSON {"name"} + b"\n" + content: one a file that the script left in /out (python only)
#   log      what the script printed, capped (python only)
#   status   JSON {"word": a SandboxEnd value}, last


class Vaults(Protocol):
    """Builds and keeps project vaults.

    1. `ensure` returns the vault of (snapshot, grants, catalogue entries, pseudonym key); builds it if it is not
       there, once however many ask, and never half: it appears by a rename when complete.
    2. A vault holds granted variables and years only, with project pseudonyms.
    3. `remove_unused` removes vaults whose key is not in `used`.
    4. `registers` gives the lists that rows of released tables come from, by full variable name ("npd.absence.LA").
    """

    def ensure(self, project: str, snapshot: str) -> Vault: ...

    def registers(self, vault: Vault) -> Mapping[str, Sequence[Value]]: ...

    def remove_unused(self, used: frozenset[str]) -> int: ...


class Engine(Protocol):
    """Turns a plan into a sandbox request, and frames into evidence. Holds no data itself."""

    def prepare(self, plan: Plan, vault: Vault, job: str, attempt: int, limits: Limits) -> SandboxRequest: ...

    def read(self, plan: Plan, frames: Sequence[tuple[str, bytes]]) -> tuple[OutputEvidence, ...]:
        """Raise Breach if the frames are not exactly what the plan asked for."""


# --- queue ---------------------------------------------------------------------------------------


class Queue(Protocol):
    """A hint to workers that a job may be ready: it may lose, repeat and reorder, and the store corrects it."""

    def offer(self, job: str, attempt: int) -> None:
        """Offer a job's id. Offering the same (job, attempt) again is harmless. Raises Unavailable."""

    def depth(self) -> int: ...


# --- outputs' content ------------------------------------------------------------------------------


class Shelf(Protocol):
    """Bytes by content hash: `staff` (never leaves) and `released` (may) are different shelves.

    `put` returns the SHA-256 hex of the content, is durable (fsync, rename) before it returns, and idempotent.
    `get` verifies the hash and raises Breach on a difference, Unknown if there is none.
    """

    def put(self, shelf: str, content: bytes) -> str: ...

    def get(self, shelf: str, digest: str) -> bytes: ...

    def keyed_hash(self, content: bytes) -> str:
        """HMAC-SHA-256 with the store's own key: the only hash of unreleased bytes that may appear elsewhere."""


# --- the store -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Release:
    """What left, once: the approved outputs of a decided job. `manifest_hash` is the SHA-256 of the manifest."""

    ident: str
    job: str
    project: str
    released_at: datetime
    manifest_hash: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """A line of the public register about one release."""

    release: str
    project: str
    title: str
    outputs: tuple[str, ...]
    released_at: datetime
    recalled: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One ingested, numbered, validated state of the data."""

    ident: str
    fingerprint: str
    created: datetime
    synthetic: bool
    path: str
    facts: str
    """JSON of `broker.vault.facts`: key facts per table and year."""


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A parsed policy set under its fingerprint; in force once a second administrator has applied it."""

    fingerprint: str
    content: str
    proposed_by: str
    proposed_at: datetime
    applied_by: str | None
    applied_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A new output with the content that belongs to it: `assessment` is the staff JSON, `release` the bytes that
    would leave (None where nothing can)."""

    output: Output
    evidence_digest: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list. None means any."""

    projects: frozenset[str] | None = None
    states: frozenset[str] | None = None
    researcher: str | None = None
    limit: int = 100
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run one attempt of a job until `until`; every later write carries `attempt`."""

    job: Job
    attempt: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Reap:
    """A running job whose lease has lapsed."""

    job: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Counters:
    """Numbers for a project's quota on small populations (DESIGN invariant 9)."""

    small_jobs: int = 0
    extra: dict[str, int] = field(default_factory=dict)


class Store(Protocol):
    """The truth about jobs, outputs, votes, releases, policies, people and audit.

    Each method that changes something takes the audit events of that change and writes both in one transaction,
    or neither. Methods that move a state do so by compare-and-set and raise Conflict("stale") when the row is no
    longer in the state (or attempt) given; nothing else was written then. Reading methods raise Unknown.
    """

    # jobs
    def accept(self, job: Job, events: Sequence[AuditEvent]) -> Job:
        """Insert a job in `queued` or `refused`. If (researcher, client_id) exists: return the stored job when its
        submission is equal, else raise Conflict("client-id-reused")."""

    def job(self, ident: str) -> Job: ...

    def jobs(self, wanted: Filter) -> list[Job]:
        """Newest first; `after` is the ident of the last job of the page before."""

    def lease(self, job: str, worker: str, until: datetime, now: datetime, events: Sequence[AuditEvent]) -> Lease | None:
        """queued → running with attempt+1, by compare-and-set; None if it is not queued (any more)."""

    def renew(self, job: str, attempt: int, until: datetime) -> bool:
        """Prolong a lease; False if the attempt is no longer the running one."""

    def advance(
        self,
        job: str,
        attempt: int | None,
        before: JobState,
        after: JobState,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        failure: FailureCode | None = None,
        image: str | None = None,
        runtime: str | None = None,
        snapshot: str | None = None,
        outputs: Sequence[OutputRecord] = (),
        small: bool = False,
    ) -> None:
        """Move a job's state; `outputs` are inserted with it, `small` raises the project's quota counter.
        `attempt` None means: whatever attempt it is at (withdraw, decide)."""

    def lapsed(self, now: datetime) -> list[Reap]:
        """Running jobs whose lease has lapsed."""

    def waiting(self) -> list[tuple[str, int]]:
        """(job, attempt) of every queued job, oldest first: what the reconciler offers again."""

    def alive(self) -> frozenset[tuple[str, int]]:
        """(job, attempt) of every running job: what the sweeper must leave alone."""

    def unsettled(self) -> list[str]:
        """Jobs whose next step waits for nobody, oldest first: `assessing` with an output to route or none left to
        decide, or `decided` with approved outputs and no release."""

    def name_vault(self, job: str, attempt: int, vault: str) -> None:
        """Say which vault a running attempt reads, so that it is kept until the job is at its end."""

    def vaults_in_use(self) -> frozenset[str]:
        """Keys of the vaults that unfinished jobs name."""

    def small_jobs(self, project: str) -> int: ...

    # outputs and reviews
    def output(self, ident: str) -> Output: ...

    def outputs_of(self, job: str) -> list[Output]: ...

    def outputs(self, wanted: Filter) -> list[Output]: ...

    def evidence_digest(self, output: str) -> str: ...

    def move_output(
        self,
        output: str,
        before: OutputState,
        after: OutputState,
        now: datetime,
        events: Sequence[AuditEvent],
        *,
        reason: str | None = None,
    ) -> None: ...

    def claim(self, output: str, checker: str | None, events: Sequence[AuditEvent]) -> None:
        """Set or clear (None) the checker who works on an output."""

    def cast(self, vote: Vote, events: Sequence[AuditEvent]) -> None:
        """Store a vote; Conflict("already-voted") if this checker has one on this output."""

    def votes_of(self, output: str) -> list[Vote]: ...

    def has_voted_on_projects_of(self, checkers: frozenset[str], researcher: str) -> bool:
        """Whether any of `checkers` has voted on an output of a job by `researcher`."""

    # releases
    def release(self, release: Release, manifest: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """In one transaction under the snapshot's lock: insert the release (unique per job) and move its outputs
        approved → released. Conflict("already-released") on a second one."""

    def release_of(self, job: str) -> Release | None: ...

    def manifest(self, release: str) -> str: ...

    def register(self) -> list[RegisterEntry]: ...

    # people, policies, snapshots
    def person(self, ident: str) -> Person: ...

    def people(self) -> list[Person]: ...

    def put_person(self, person: Person, events: Sequence[AuditEvent], password_hash: str | None = None) -> None: ...

    def password_hash(self, ident: str) -> str | None: ...

    def person_by_token(self, token_hash: str, now: datetime) -> Person | None: ...

    def put_token(self, token_hash: str, person: str, expires: datetime | None, events: Sequence[AuditEvent]) -> None: ...

    def revoke_token(self, token_hash: str, events: Sequence[AuditEvent]) -> None: ...

    def propose_policy(self, policy: StoredPolicy, events: Sequence[AuditEvent]) -> None: ...

    def apply_policy(self, fingerprint: str, by: str, now: datetime, events: Sequence[AuditEvent]) -> None:
        """Put a proposed set in force; Forbidden("second-administrator") if `by` proposed it."""

    def policy_in_force(self) -> StoredPolicy: ...

    def policy(self, fingerprint: str) -> StoredPolicy: ...

    def proposed_policies(self) -> list[StoredPolicy]:
        """Sets that wait for a second administrator, oldest first."""

    def put_snapshot(self, snapshot: Snapshot, events: Sequence[AuditEvent]) -> None: ...

    def latest_snapshot(self) -> Snapshot: ...

    def snapshot(self, ident: str) -> Snapshot: ...

    # audit
    def record(self, events: Sequence[AuditEvent]) -> None:
        """Write events of a look (nothing else changes)."""

    def audit(self, first: int = 1, limit: int | None = None) -> Iterator[AuditLine]: ...

    def audit_head(self) -> tuple[int, str]:
        """Number and hash of the last line: what is exported, so that a cut or rewritten log is seen."""

    def verify_audit(self, anchor: tuple[int, str] | None = None) -> AuditCheck:
        """Follow the whole chain to the stored head, and through an `anchor` exported earlier; one page in memory."""


LEASE = timedelta(seconds=30)
"""How long a worker's promise holds without renewal: three missed renewals of ten seconds."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Every adapter that the workflow may use, in one value."""

    store: Store
    queue: Queue
    shelf: Shelf
    clock: Clock


@dataclass(frozen=True, slots=True)
class WorkerPorts(Ports):
    """What the worker has beside them: the only process that touches data and the sandbox engine."""

    sandbox: Sandbox
    collector: Collector
    vaults: Vaults
    engine: Engine


