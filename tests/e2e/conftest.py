"""A whole broker for end-to-end tests: real HTTP, real Valkey, real Docker, synthetic data, on each runtime."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from broker.demo.demo_processes import environment, free_port, lock_folder, running
from broker.demo.demo_setup import prepare
from broker.domain.ports import Ports
from broker.settings import Settings
from broker.wiring.broker_ports import build_ports
from broker.workflow.administration.user_accounts import make_token
from tests.api_client import ApiClient
from tests.policy_sets import TEST_POLICIES

ROOT = Path(__file__).resolve().parents[2]
PUPILS = 4_000
LEASE_SECONDS = 4
CHANGED = {
    "service.yaml": {"warm_idle_seconds: 1800": "warm_idle_seconds: 60"},
    "memory.yaml": {"fraction: 0.05": "fraction: 1.0"},
}
"""As policy has it, and here. Sandboxes that wait for the next job take a part of the processor under gVisor, for as
long as they wait. Of 4,000 pupils each school is a large part of most cells: the cap would hide what is looked at."""

RUNTIMES = ["runc", pytest.param("runsc", marks=pytest.mark.everywhere)]
"""gVisor, which jobs have where nobody says otherwise, costs more of a processor: the demo takes it every day, and what
is about sandboxes."""


@dataclass(frozen=True)
class Site:
    """A running broker: its address, its folder, and a client for each person."""

    address: str
    data: Path
    ports: Ports
    runtime: str
    env: dict[str, str]
    clients: dict[str, ApiClient]

    def client(self, person: str) -> ApiClient:
        if person not in self.clients:
            token = make_token(self.ports, self.ports.store.person(person), person)
            self.clients[person] = ApiClient(self.address, token)
        return self.clients[person]


@pytest.fixture(scope="session")
def short_slots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' own policies, but for how long some things last."""
    folder = tmp_path_factory.mktemp("short") / "policies"
    shutil.copytree(TEST_POLICIES, folder)
    for name, changes in CHANGED.items():
        file = folder / name
        text = file.read_text(encoding="utf-8")
        for before, after in changes.items():
            assert before in text
            text = text.replace(before, after)
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def prepared(engine: None, short_slots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with people, policy, images and a small snapshot."""
    data = tmp_path_factory.mktemp("broker")
    prepare(Settings(data=data, policies=short_slots, synthetic_only=True), PUPILS)
    return data


@pytest.fixture(scope="session", params=RUNTIMES)
def site(request: pytest.FixtureRequest, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A broker with a copy of the prepared data, in proofs on each runtime."""
    data = tmp_path_factory.mktemp(request.param) / "data"
    shutil.copytree(prepared, data, symlinks=True)
    env = environment(data, free_port(0), request.param) | {"BROKER_LEASE_SECONDS": str(LEASE_SECONDS)}
    ports = build_ports(Settings(data=data, synthetic_only=True))
    with lock_folder(data) as lock, running(env, data / "logs", lock) as address:
        made = Site(address, data, ports, request.param, env, {})
        yield made
        for client in made.clients.values():
            client.close()
