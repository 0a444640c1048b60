"""A broker with people, policies in force and a snapshot, new each time. Its sandbox, vaults and engine are fakes: it
is for what is told of jobs."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from flask import Flask

from broker.domain.identity.people import Person
from broker.domain.ports import Snapshot
from broker.policy.policy_set import PolicySet
from broker.settings import Settings
from broker.web.app import create_app
from broker.workflow.administration import user_accounts
from tests.unit.workflow.conftest import ROLES, Broker, opened


@cache
def _founded(policies: Callable[[], PolicySet]) -> Path:
    """Made once, and copied for each broker."""
    folder = Path(mkdtemp(prefix="broker-town-"))
    way = opened(folder, policies())
    broker = next(way)
    people = [(Person(i, i.title(), frozenset({r})), None) for i, r in ROLES.items()]
    user_accounts.initialise_broker(broker.ports, people)
    broker.put_in_force(policies())
    snapshot = Snapshot("s1", "0" * 64, broker.clock.now(), True, "snapshots/s1", "{}")
    user_accounts.put_snapshot(broker.ports, snapshot)
    way.close()
    return folder


@contextmanager
def broker_under(policies: Callable[[], PolicySet]) -> Iterator[Broker]:
    with TemporaryDirectory(prefix="broker-town-") as folder:
        shutil.copytree(_founded(policies), folder, dirs_exist_ok=True)
        way = opened(Path(folder), policies())
        try:
            yield next(way)
        finally:
            way.close()


def door(npd: Broker) -> Flask:
    """The web server over a broker."""
    settings = Settings(secret_key="k" * 32, demo_sign_in=True, synthetic_only=True, secure_cookies=False)
    return create_app(npd.ports, settings)
