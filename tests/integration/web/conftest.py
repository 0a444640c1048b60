"""A door over the real store and shelf on a temporary folder, the project's own policies, and jobs in every state."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache

from broker.domain.errors import Unavailable
from broker.domain.findings import Verdict
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobKind, JobState, Output, OutputKind, OutputState, Submission
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.domain.ports import LEASE_DURATION, OutputRecord, Ports
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from broker.settings import Settings
from broker.storage.content_store import FolderContentStore
from broker.storage.sql_store import SqlStore, open_store
from broker.web.app import create_app
from broker.workflow.administration import user_accounts
from broker.workflow.pipeline.output_routing import route_after_decision
from broker.workflow.private_jobs.private_ports import RunPorts
from broker.workflow.rehearsal import rehearsal_requests
from broker.workflow.submission.job_submission import submit
from tests.api_client import ApiClient
from tests.one_worker import complete_job, lease
from tests.policy_sets import TEST_POLICIES

SQL = """-- output: absence
SELECT a.NCyearActual, COUNT(*) AS n FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual"""

REFUSED_SQL = "SELECT a.NoSuchThing, COUNT(*) AS n FROM npd.absence AS a GROUP BY a.NoSuchThing"
PASSWORD = "a demo password"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""What signing in costs, and that it costs the same without an account, is tried elsewhere."""
CSV = b"NCyearActual,n\n7,100\n8,c\n"

ROSA, OTIS, DANA = "demo-researcher", "other-researcher", "demo-dashboard"
CLEO, CHRIS = "demo-checker-1", "demo-checker-2"
ADA, AMIR = "demo-admin-1", "demo-admin-2"
ROLES = {
    ROSA: Role.RESEARCHER, OTIS: Role.RESEARCHER, DANA: Role.RESEARCHER, CLEO: Role.CHECKER, CHRIS: Role.CHECKER,
    ADA: Role.ADMINISTRATOR, AMIR: Role.ADMINISTRATOR,
}  # fmt: skip


@dataclass
class TickingClock:
    """Every look is a little later than the one before."""

    at: datetime = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=5)
        return self.at


@dataclass
class ListQueue:
    """A queue in memory that can be made to fail."""

    offers: list[tuple[str, int]] = field(default_factory=list)
    answers: bool = True

    def offer(self, item: WorkItem) -> None:
        if not self.answers:
            raise Unavailable("the queue is away")
        self.offers.append((item.subject, item.attempt))

    def depth(self) -> int:
        if not self.answers:
            raise Unavailable("the queue is away")
        return len(self.offers)


@dataclass
class Site:
    """A door, and what is behind it."""

    app: Flask
    ports: Ports
    clock: TickingClock
    queue: ListQueue
    tokens: dict[str, str]

    def http(self) -> FlaskClient:
        return self.app.test_client()

    def call(self, person: str | None, method: str, path: str, **sent: Any) -> Any:
        headers = dict(sent.pop("headers", {}))
        if person is not None:
            headers["Authorization"] = f"Bearer {self.tokens[person]}"
        return self.http().open(path, method=method, headers=headers, **sent)

    def client(self, person: str) -> ApiClient:
        return ApiClient("http://broker.test", self.tokens[person], httpx.WSGITransport(app=self.app))

    def browser(self, person: str) -> FlaskClient:
        """Signed in as a browser is, through the form."""
        client = self.http()
        token = form_token(text(client, "/sign-in"))
        answer = client.post("/sign-in", data={"name": person, "password": PASSWORD, "csrf_token": token})
        assert answer.status_code == 302, answer.get_data(as_text=True)
        return client

    def person(self, ident: str) -> Person:
        return self.ports.store.person(ident)

    def submitted(self, text: str = SQL, kind: JobKind = JobKind.SQL, **more: Any) -> str:
        fields = {"dialect": "", "title": "Absence", "purpose": "A test.", **more}
        job, _ = submit(self.ports, self.person(ROSA), Submission("P0421", kind, text=text, **fields))
        return job.ident

    def rehearsal(self, text: str = SQL, by: str = ROSA, **more: Any) -> str:
        kind = JobKind.PYTHON if text.startswith("# input") else JobKind.SQL
        fields = {"project": "P0421", "dialect": "", "title": "Absence", "purpose": "A test.", **more}
        _, made = rehearsal_requests.request_rehearsal(
            self.ports, self.person(by), Submission(kind=kind, text=text, **fields)
        )
        assert made is not None
        return made.ident

    def running(self, job: str | None = None, **more: Any) -> tuple[str, int]:
        """A job that a worker has taken up: a new one, or one that was submitted on a page."""
        job = job or self.submitted(**more)
        return job, lease(self.ports, WorkKind.RUN, job, LEASE_DURATION).attempt

    def assessed(
        self, verdict: Verdict = Verdict.PUBLISH, candidate: bytes | None = CSV, *, name: str = "absence", **more: Any
    ) -> tuple[str, str]:
        """A job whose one output was assessed and routed; its id and the output's."""
        job, attempt = self.running(**more)
        now = self.clock.now()
        staff = json.dumps(staff_document(verdict)).encode()
        shelf = self.ports.content_store
        digest = shelf.put("staff", staff)
        if candidate is not None:
            shelf.put("staff", candidate)
        output = Output(
            ident=new_ident(), job=job, name=name, kind=OutputKind.TABLE, description="Absence by year group",
            state=OutputState.ASSESSED, media_type="text/csv", size=len(candidate or b""),
            release_hash=None if candidate is None else sha256(candidate).hexdigest(),
            staff_hash=shelf.keyed_hash(staff), findings_hash=shelf.keyed_hash(b"findings"), verdict=verdict,
            created=now, memory_version="0",
        )  # fmt: skip
        self.ports.store.advance(
            job, attempt, JobState.RUNNING, JobState.ASSESSING, now, [AuditEvent(now, "broker", "job.assessed", job)],
            image="sha256:x", runtime="runc", snapshot=None, outputs=[OutputRecord(output, digest)],
        )  # fmt: skip
        self.clock.at += timedelta(minutes=2)  # the slot of time in which it is told to have ended
        route_after_decision(self.ports, job)
        return job, output.ident

    def released(self) -> tuple[str, str]:
        job, output = self.assessed()
        cleo = self.client(CLEO)
        cleo.vote(output, "approve", "meets-rules", cleo.evidence(output))
        assert self.ports.store.output(output).state is OutputState.RELEASED
        return job, output


def staff_document(verdict: Verdict) -> dict[str, Any]:
    row = {
        "keys": ["7"], "exact": ["7", 103], "released": ["7", 105], "suppressed": [False, False],
        "verdicts": ["publish", verdict.value], "rules": [[], ["F1"]], "persons": 101,
    }  # fmt: skip
    finding = {"rule": "F1", "verdict": verdict.value, "sentence": "Too few persons.", "figures": [["persons", "3"]]}
    return {
        "name": "absence", "columns": ["NCyearActual", "n"], "key_count": 1, "rows": [row],
        "findings": [finding | {"cell": ["8"], "column": "n"}], "verdict": verdict.value, "small": False,
        "symbols": [["c", "suppressed"]], "notes": ["Counts are rounded to 5."],
    }  # fmt: skip


def form_token(page: str) -> str:
    """The form token of a page, as a browser would send it back."""
    return page.split('name="csrf_token" value="')[1].split('"')[0]


def text(browser: FlaskClient, path: str, status: int = 200) -> str:
    """A page as it is sent."""
    answer = browser.get(path)
    assert answer.status_code == status, (path, answer.status_code, answer.get_data(as_text=True)[-1500:])
    return answer.get_data(as_text=True)


def send(browser: FlaskClient, path: str, **form: Any) -> Any:
    """A form as a page of the same session would send it."""
    token = form_token(text(browser, "/"))
    return browser.post(path, data={"csrf_token": token, **form})


def missing(page: str, *words: str) -> list[str]:
    """Those of the words that a page, or what a command printed, does not have."""
    return [one for one in words if one not in page]


@pytest.fixture(scope="session")
def policies() -> PolicySet:
    return load_policies(TEST_POLICIES)


@pytest.fixture(scope="session")
def founded(policies: PolicySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with people and policy, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("founded")
    found_site(policies, folder)
    return folder


def found_site(policies: PolicySet, folder: Path) -> None:
    store = open_store(f"sqlite:///{folder / 'broker.sqlite'}")
    ports = Ports(
        store=store, queue=ListQueue(), content_store=FolderContentStore(folder / "outputs"), clock=TickingClock()
    )
    hashed = QUICK.hash(PASSWORD)
    found = [(Person(ident, ident.title(), frozenset({role})), hashed) for ident, role in ROLES.items()]
    user_accounts.initialise_broker(ports, found)
    user_accounts.propose_policy(ports, store.person(ADA), policies)
    user_accounts.apply_policy(ports, store.person(AMIR), policies.fingerprint)
    store.close()


def open_site(founded: Path, folder: Path, **settings: Any) -> Iterator[Site]:
    shutil.copytree(founded, folder, dirs_exist_ok=True)
    store, clock, queue = open_store(f"sqlite:///{folder / 'broker.sqlite'}"), TickingClock(), ListQueue()
    ports = Ports(store=store, queue=queue, content_store=FolderContentStore(folder / "outputs"), clock=clock)
    tokens = {ident: user_accounts.make_token(ports, store.person(ident), ident) for ident in ROLES}
    given = {
        "secret_key": "k" * 32, "synthetic_only": True, "demo_sign_in": True, "secure_cookies": False, **settings,
    }  # fmt: skip
    worker = RunPorts(
        store, queue, ports.content_store, clock, sandbox=None, file_rebuilder=None, vaults=None, engine=None
    )  # ends jobs that need neither data nor a sandbox, as soon as they are decided

    def wake(kind: WorkKind, subject: str | None = None) -> None:
        SqlStore.wake(store, kind, subject)
        if subject is not None:
            complete_job(worker, subject)

    store.wake = wake
    app = create_app(ports, Settings(**given))
    app.jinja_env.bytecode_cache = templates_of(founded)
    yield Site(app, ports, clock, queue, tokens)
    store.close()


def templates_of(founded: Path) -> FileSystemBytecodeCache:
    """Compiled once for all doors of a run, as they are once for the one that serves."""
    kept = founded.with_name("templates")
    kept.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(kept))


@pytest.fixture
def site(founded: Path, tmp_path: Path) -> Iterator[Site]:
    yield from open_site(founded, tmp_path)


@pytest.fixture
def secure_site(founded: Path, tmp_path: Path) -> Iterator[Site]:
    """As behind TLS: no passwords, secure cookies."""
    yield from open_site(founded, tmp_path, demo_sign_in=False, secure_cookies=True)
