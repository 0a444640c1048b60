"""A broker whose store signs its heads, a back-up that takes its place, and two administrators who agree."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from broker.storage.sql_store import open_store
from tests.unit.workflow.conftest import ADA, AMIR, Broker


@contextmanager
def signing(broker: Broker, folder: Path, *heads: Any) -> Iterator[Broker]:
    """The broker over the database in its folder, whose ledger and memory sign their heads there."""
    broker.store.close()
    store = open_store(f"sqlite:///{folder / 'broker.sqlite'}", *heads)
    yield replace(broker, ports=replace(broker.ports, store=store))
    store.close()


@contextmanager
def restored_from_before(
    act: Callable[[Broker], object], broker: Broker, folder: Path, *heads: Any
) -> Iterator[Broker]:
    """A back-up from before the act has taken the database's place. Signed heads and files were kept."""
    broker.store.close()
    shutil.copy(folder / "broker.sqlite", folder / "back-up")
    with signing(broker, folder, *heads) as found:
        act(found)
    for old in folder.glob("broker.sqlite*"):
        old.unlink()
    shutil.copy(folder / "back-up", folder / "broker.sqlite")
    with signing(broker, folder, *heads) as found:
        yield found


def two_agree(broker: Broker, act: Callable[..., bool], *what: object) -> None:
    assert not broker.by(ADA, act, *what)
    assert not broker.by(ADA, act, *what), "asking twice is not two"
    assert broker.by(AMIR, act, *what)
