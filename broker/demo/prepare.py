"""What the demo needs before the first job: images, synthetic data, people, policy, snapshot. Skips what is there."""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor

from argon2 import PasswordHasher

from broker.demo.people import persons, sign_ins
from broker.demo.stages import Stage, stage
from broker.domain.errors import BrokerError, Unknown
from broker.domain.ports import Ports
from broker.policy.models import Policies
from broker.settings import Settings
from broker.wiring.data import make_extracts, take_in
from broker.wiring.ports import build_ports, policies_from_files
from broker.wiring.running import build_images
from broker.workflow.administer import apply_policy, found_broker, propose_policy

YEARS = (2018, 2023)
SEED = 421


def prepare(settings: Settings, pupils: int) -> Ports:
    """Everything ready for a worker and a web server on `settings.data`. Images build while the data are made."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        images = pool.submit(build_images, settings, lambda line: None)
        policies = policies_from_files(settings)
        ports = build_ports(settings)
        with stage("people and policy") as told:
            _found(ports, settings, policies, told)
        _snapshot(ports, settings, policies, pupils)
        _await_images(images, settings)
    return ports


def _found(ports: Ports, settings: Settings, policies: Policies, told: Stage) -> None:
    if not ports.store.people():
        hasher = PasswordHasher()
        passwords = sign_ins(settings.root)
        found_broker(ports, [(p, hasher.hash(passwords[p.ident])) for p in persons()])
    try:
        in_force = ports.store.policy_in_force().fingerprint
    except Unknown:
        in_force = ""
    if in_force != policies.fingerprint:
        first, second = (ports.store.person(f"demo-admin-{n}") for n in (1, 2))
        propose_policy(ports, first, policies)
        apply_policy(ports, second, policies.fingerprint)
        told.say(f"policy {policies.fingerprint[:12]}: proposed by {first.ident}, put in force by {second.ident}")


def _snapshot(ports: Ports, settings: Settings, policies: Policies, pupils: int) -> None:
    extracts = settings.root / f"extracts-{pupils}-{YEARS[0]}-{YEARS[1]}-{policies.fingerprint[:8]}"
    done = extracts / "complete"
    if done.exists() and _has_snapshot(ports):
        return
    shutil.rmtree(extracts, ignore_errors=True)  # half of an earlier run
    with stage(f"synthetic NPD: {pupils:,} pupils, {YEARS[0]}-{YEARS[1]}") as told:
        make_extracts(policies.catalogue, pupils, YEARS, SEED, extracts, told.tell)
    with stage("ingest: validate, number persons, prove key facts") as told:
        snapshot, _ = take_in(settings, ports, extracts, told.tell)
        told.say(f"snapshot {snapshot.ident}")
    done.touch()


def _has_snapshot(ports: Ports) -> bool:
    try:
        return bool(ports.store.latest_snapshot())
    except Unknown:
        return False


def _await_images(images: "Future[dict[str, str]]", settings: Settings) -> None:
    with stage("sandbox images") as told:
        try:
            for name, digest in images.result().items():
                told.say(f"{name} {digest[:19]}")
        except BrokerError:
            if settings.runtime != "bubblewrap":
                raise
