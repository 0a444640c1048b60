"""The low findings of attackers (H8): files, tokens, bodies, redirects, a lock-out, messages, and what a terminal
obeys."""

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO, StringIO
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from flask.testing import FlaskClient

from broker.cli.output.console import print_json
from broker.demo import run_demo as demo
from broker.domain.errors import BrokerError, Conflict
from broker.domain.identity.people import NO_RELATION, Action, Person, ProjectRelation, Role, check_permission
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.projects.saved_definitions import SavedState
from broker.settings import Settings
from broker.storage.database import Database
from broker.storage.sql_store import open_store
from broker.web.pages.account_pages import ATTEMPTS_EXTENSION
from broker.wiring.broker_ports import build_ports
from broker.workflow.administration import user_accounts
from tests.attacks.broker_town import door
from tests.attacks.script_town import broker
from tests.integration.web.conftest import form_token
from tests.proof_size import report_figures
from tests.unit.workflow.conftest import ADA, CLEO, PYTHON, REX, ROSA, Broker

pytestmark = pytest.mark.long


@pytest.fixture
def npd() -> Iterator[Broker]:
    with broker() as found:
        yield found


@pytest.fixture
def client(npd: Broker) -> FlaskClient:
    return door(npd).test_client()


def token_of(npd: Broker, person: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {user_accounts.make_token(npd.ports, npd.person(person), person)}"}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_store_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask is, and one that was open before likewise; its log beside it, too."""
    was = os.umask(0o000)
    try:
        file = tmp_path / "broker.sqlite"
        store = open_store(f"sqlite:///{file}")
        store.people()
        assert {mode(file.with_name(file.name + end)) for end in ("", "-wal", "-shm")} == {0o600}
        store.close()
        file.chmod(0o644)
        open_store(f"sqlite:///{file}").close()
        assert mode(file) == 0o600
        (root := tmp_path / "data").mkdir(mode=0o755)
        build_ports(Settings(data=root, synthetic_only=True)).store.people()
        assert [mode(root), mode(root / "broker.sqlite")] == [0o700, 0o600]
    finally:
        os.umask(was)


def test_a_journal_that_ends_while_the_store_is_opened_is_no_fault(tmp_path: Path) -> None:
    """It was listed beside the store, and is gone when its mode is set."""
    file = tmp_path / "broker.sqlite"
    with mock.patch.object(Path, "glob", return_value=[file, tmp_path / "broker.sqlite-journal"]):
        Database(f"sqlite:///{file}").close()
    assert mode(file) == 0o600


def test_a_person_has_a_limited_number_of_tokens(npd: Broker) -> None:
    npd.put_in_force(replace(npd.policies, service=replace(npd.policies.service, tokens_per_person=3)))

    def made(person: str = ROSA) -> str:
        return user_accounts.make_token(npd.ports, npd.person(person), person)

    oldest, *_ = [made() for _ in range(3)]
    with pytest.raises(Conflict) as told:
        made()
    assert told.value.code == "too-many-tokens"
    made(REX)
    user_accounts.end_token(npd.ports, npd.person(ROSA), oldest)
    made()
    npd.clock.at += user_accounts.TOKEN_LIFE
    made()


BODIES = {b'{"person": "demo-admin-1"}': 400, b'{"x": 1}': 400, b"{}": 201, b"": 201}


@pytest.mark.parametrize("body", sorted(BODIES))
def test_an_address_without_a_body_takes_none(npd: Broker, client: FlaskClient, body: bytes) -> None:
    sent: dict[str, Any] = {"content_type": "application/json", "headers": token_of(npd, ROSA)}
    answer = client.post("/api/v1/tokens", data=body, **sent)
    assert answer.status_code == BODIES[body], answer.get_data(as_text=True)
    if answer.status_code == 400:
        assert answer.get_json()["pointer"] == f"/{next(iter(json.loads(body)))}"


CHECK = {"project": "P0421", "kind": "sql", "text": "SELECT 1"}
UNREADABLE = {
    "twice": b'{"project": "P0421", "kind": "sql", "text": "SELECT 1", "text": "SELECT 2"}',
    "twice inside": b'{"project": "P0421", "kind": "sql", "text": "x", "descriptions": [{"a": 1, "a": 2}]}',
    "utf-16": json.dumps(CHECK).encode("utf-16"),
    "utf-16 without mark": json.dumps(CHECK).encode("utf-16-le"),
    "utf-32": json.dumps(CHECK).encode("utf-32"),
}


@pytest.mark.parametrize("body", sorted(UNREADABLE))
def test_json_is_read_in_one_way_only(npd: Broker, client: FlaskClient, body: str) -> None:
    sent: dict[str, Any] = {"content_type": "application/json", "headers": token_of(npd, ROSA)}
    assert client.post("/api/v1/checks", data=json.dumps(CHECK).encode(), **sent).status_code == 200
    answer = client.post("/api/v1/checks", data=UNREADABLE[body], **sent)
    assert answer.status_code == 400
    assert answer.get_json()["code"] in {"not-json", "duplicate-name"}


ODD = ("/static//x", "//sign-in", "/static//built/editor.js", "/register//releases", "/api/v1//jobs", "/register/")


@pytest.mark.parametrize("path", ODD)
def test_no_redirect_follows_the_callers_host(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("Location", "")
    assert answer.status_code == 404
    assert client.get("/sign-in", headers={"Host": "evil.example"}).status_code == 200


def tries(client: FlaskClient, name: str, address: str, times: int) -> list[int]:
    page = client.get("/sign-in").get_data(as_text=True)
    sent = {"name": name, "password": "wrong", "csrf_token": form_token(page)}
    environ = {"REMOTE_ADDR": address}
    return [client.post("/sign-in", data=sent, environ_base=environ).status_code for _ in range(times)]


def test_wrong_passwords_lock_no_owner_out_at_another_address(client: FlaskClient) -> None:
    client.application.extensions[ATTEMPTS_EXTENSION].clock = lambda: 0.0
    with mock.patch("broker.web.security.authentication.verify_password", return_value=False):
        here, elsewhere = tries(client, ADA, "192.0.2.1", 12), tries(client, ADA, "192.0.2.2", 1)
        report_figures(
            "low_findings_lock_out", {"tries": len(here), "answered": here.count(403), "elsewhere": elsewhere}
        )
        assert here[-1] == 429
        assert elsewhere == [403]
        assert tries(client, CLEO, "192.0.2.1", 1) == [403], "nor somebody else at the same one"
        assert 429 in [s for n in range(6) for s in tries(client, f"nobody-{n}", "192.0.2.1", 5)]


@pytest.mark.parametrize("path", ["people", "audit", "policies", "failures", "ledger", "memory", "stops"])
def test_messages_name_no_permission(npd: Broker, client: FlaskClient, path: str) -> None:
    answer = client.get(f"/api/v1/{path}", headers=token_of(npd, ROSA))
    if answer.status_code == 404:
        assert answer.get_json()["message"] in {"There is no such page.", "There is no such page"}


def test_a_refusal_names_no_action(npd: Broker, client: FlaskClient) -> None:
    """To nobody, whatever their role and project, and whatever the state."""
    relations = [NO_RELATION, ProjectRelation(member=True), ProjectRelation(live_grant_on_same_data=True)]
    people = [Person(r, r, frozenset({r})) for r in (Role.RESEARCHER, Role.CHECKER, Role.ADMINISTRATOR)]
    states = [None, *JobState, *OutputState, *SavedState]
    found = set()
    for person, action, relation, state in product(people, Action, relations, states):
        try:
            check_permission(person, action, relation, state, "object", "o1")
        except BrokerError as refused:
            found.add(str(refused).replace("-", " "))
    assert len(found) > 10
    assert [m for m in found for a in Action if a.value.replace("-", " ") in m] == []
    answer = client.post(f"/api/v1/jobs/{npd.send(PYTHON)}/stop", headers=token_of(npd, CLEO))
    assert answer.status_code == 403
    assert answer.get_json()["message"] == "You do not have permission to do that here."


@contextmanager
def served() -> Iterator[int]:
    """The web server as it is run, on an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        env = {k: v for k, v in os.environ.items() if not k.startswith("BROKER_")}
        env |= {"BROKER_DATA": folder, "BROKER_PORT": str(port), "BROKER_SYNTHETIC_ONLY": "true"}
        command, nowhere = [sys.executable, "-m", "broker", "serve"], subprocess.DEVNULL
        process = subprocess.Popen(command, env=env, stdout=nowhere, stderr=nowhere)
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def test_a_body_that_is_too_large_gets_its_answer() -> None:
    """And no reset, though it was sent whole before anybody looked for an answer; nor does who is not known."""
    with served() as port:
        told = {path: post_large_body(port, path)[:12].decode() for path in ("/sign-in", "/api/v1/checks")}
        report_figures("low_findings_bodies", {"megabytes sent": 20, **told})
        assert told == {"/sign-in": "HTTP/1.1 413", "/api/v1/checks": "HTTP/1.1 401"}


@pytest.mark.parametrize(("path", "status"), [("/sign-in", 413), ("/api/v1/checks", 401)])
def test_what_is_refused_is_read_to_its_end(client: FlaskClient, path: str, status: int) -> None:
    """A server that closes a connection with something unread resets it."""
    body, size = BytesIO(b" " * 2 * 1024 * 1024), 2 * 1024 * 1024
    told = {"wsgi.input": body, "CONTENT_LENGTH": str(size), "CONTENT_TYPE": "application/json"}
    assert client.post(path, environ_overrides=told).status_code == status
    assert body.tell() == size


def post_large_body(port: int, path: str, size: int = 20 * 1024 * 1024) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(head.encode())
        for _ in range(size // 65536):
            connection.sendall(b" " * 65536)
        return connection.recv(64)


@pytest.mark.parametrize(
    ("asked", "engine", "taken"),
    [("runc", True, "runc"), ("runsc", True, "runsc"), ("", True, "auto"), ("", False, "bubblewrap")],
)
def test_the_demo_uses_the_requested_runtime(asked: str, engine: bool, taken: str) -> None:
    class Stop(Exception): ...

    def stop(**chosen: Any) -> Settings:
        raise Stop(chosen["runtime"])

    with (
        mock.patch.dict(os.environ, {"BROKER_RUNTIME": asked}),
        mock.patch.multiple("broker.demo.run_demo", engine_answers=lambda: engine, read_settings=stop),
        pytest.raises(Stop, match=taken),
    ):
        demo.run_demo(once=True, pupils=1)


@pytest.mark.parametrize("title", ["a\u202eb", "\u2066x", "\u200f", "bell\x07", "\x9b31m", "\U000e0041"])
def test_json_at_a_terminal_turns_nothing_round(title: str) -> None:
    with mock.patch("sys.stdout", StringIO()) as out:
        print_json({"title": title, "ö": "é 😀"})
    text = out.getvalue()
    assert json.loads(text) == {"title": title, "ö": "é 😀"}
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "é 😀" in text
