"""A Valkey server of the tests' own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.queue.embedded_valkey import EmbeddedValkey


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="vk") as name:
        yield Path(name)


@pytest.fixture
def valkey(folder: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(folder)
    server.ensure()
    yield server
    server.stop()
