"""Prepares the demo before its first job: people, policy, images, data, snapshot. Skips what exists."""

import json
import secrets
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from argon2 import PasswordHasher

from broker.demo.demo_steps import demo_step, say
from broker.domain.errors import BrokerError, Unknown
from broker.domain.identity.people import Person, Role
from broker.domain.ports import Ports
from broker.policy.policy_set import PolicySet
from broker.settings import Settings
from broker.wiring.broker_ports import build_ports, policies_from_files
from broker.wiring.data_intake import ingest_extracts, make_extracts
from broker.wiring.execution_adapters import build_images
from broker.workflow.administration.user_accounts import apply_policy, initialise_broker, propose_policy

DEMO_PEOPLE: tuple[tuple[str, str, Role], ...] = (
    ("demo-researcher", "Rosa Researcher", Role.RESEARCHER),
    ("demo-dashboard", "Dana Dashboard", Role.RESEARCHER),
    ("other-researcher", "Otis Other", Role.RESEARCHER),
    ("demo-checker-1", "Cleo Checker", Role.CHECKER),
    ("demo-checker-2", "Chris Checker", Role.CHECKER),
    ("demo-admin-1", "Ada Administrator", Role.ADMINISTRATOR),
    ("demo-admin-2", "Amir Administrator", Role.ADMINISTRATOR),
)


def demo_persons() -> list[Person]:
    return [Person(ident, name, frozenset({role})) for ident, name, role in DEMO_PEOPLE]


def sign_ins(folder: Path) -> dict[str, str]:
    """Return passwords by name, from the data folder; made and stored there if they do not exist."""
    file = folder / "sign-ins.json"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Before the content, so that nobody else can ever read the passwords.
        file.touch(mode=0o600)
        file.write_text(json.dumps({ident: secrets.token_urlsafe(9) for ident, _, _ in DEMO_PEOPLE}, indent=2))
    return dict(json.loads(file.read_text()))


YEARS = (2018, 2023)
SEED = 421


def prepare(settings: Settings, pupils: int) -> Ports:
    """Prepare everything for a worker and a web server on `settings.data`. Images are built while the data are made."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        images = pool.submit(build_images, settings, lambda line: None)
        policies = policies_from_files(settings)
        ports = build_ports(settings)
        with demo_step("people and policy"):
            _set_up_people_and_policy(ports, settings, policies)
        _make_snapshot(ports, settings, policies, pupils)
        _await_images(images, settings)
    return ports


def _set_up_people_and_policy(ports: Ports, settings: Settings, policies: PolicySet) -> None:
    if not ports.store.people():
        hasher = PasswordHasher()
        passwords = sign_ins(settings.root)
        initialise_broker(ports, [(p, hasher.hash(passwords[p.ident])) for p in demo_persons()])
    try:
        in_force = ports.store.fingerprint_in_force()
    except Unknown:
        in_force = ""
    # Two administrators, as on every broker.
    if in_force != policies.fingerprint:
        first, second = (ports.store.person(f"demo-admin-{n}") for n in (1, 2))
        propose_policy(ports, first, policies)
        apply_policy(ports, second, policies.fingerprint)
        say(f"policy {policies.fingerprint[:12]}: proposed by {first.ident}, put in force by {second.ident}")


def _make_snapshot(ports: Ports, settings: Settings, policies: PolicySet, pupils: int) -> None:
    extracts = settings.root / f"extracts-{pupils}-{YEARS[0]}-{YEARS[1]}-{policies.fingerprint[:8]}"
    done = extracts / "complete"
    if done.exists() and _has_snapshot(ports):
        return
    shutil.rmtree(extracts, ignore_errors=True)  # left by an earlier run that did not finish
    with demo_step(f"synthetic NPD: {pupils:,} pupils, {YEARS[0]}-{YEARS[1]}") as progress:
        make_extracts(policies.catalogue, pupils, YEARS, SEED, extracts, progress)
    with demo_step("ingest: validate, number persons, prove key facts") as progress:
        snapshot, _ = ingest_extracts(settings, ports, extracts, progress)
        say(f"snapshot {snapshot.ident}")
    # Last, so that an interrupted run makes the data again.
    done.touch()


def _has_snapshot(ports: Ports) -> bool:
    try:
        return bool(ports.store.latest_snapshot())
    except Unknown:
        return False


def _await_images(images: "Future[dict[str, str]]", settings: Settings) -> None:
    with demo_step("sandbox images"):
        try:
            for name, digest in images.result().items():
                say(f"{name} {digest[:19]}")
        except BrokerError:
            # bubblewrap needs no images.
            if settings.runtime != "bubblewrap":
                raise
