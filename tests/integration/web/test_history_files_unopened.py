"""No page and no API answer opens a file of the release history or of the owner's secrets, for any role."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.domain.errors import Breach
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.storage.private_files import write_whole
from tests.integration.web.every_page import ROWS, VISITORS, things

pytestmark = pytest.mark.long

OPENED: list[str] = []
WATCHED: set[str] = set()
"""Folders below which every opening is noted, while there are any."""


def _watch(event: str, words: tuple[object, ...]) -> None:
    if WATCHED and event in {"open", "os.listdir", "os.scandir"} and isinstance(words[0], str | bytes | Path):
        path = words[0].decode() if isinstance(words[0], bytes) else str(words[0])
        OPENED.extend(path for watched in WATCHED if path.startswith(watched))


sys.addaudithook(_watch)


@contextmanager
def watched(*folders: Path) -> Iterator[list[str]]:
    OPENED.clear()
    WATCHED.update(map(str, folders))
    try:
        yield OPENED
    finally:
        WATCHED.clear()


@pytest.fixture
def memory(tmp_path: Path) -> EncryptedMemberFiles:
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "private" / "pseudonyms.key").write_bytes(b"k" * 32)
    files = EncryptedMemberFiles(tmp_path / "memory", bytes(32), write_whole)
    files.put("{}", b"members")
    return files


def test_the_watch_sees_an_open_file(memory, tmp_path):
    with watched(tmp_path / "memory") as opened, pytest.raises(Breach):
        memory.about("0" * 32)
    assert opened == [str(tmp_path / "memory" / ("0" * 32))]


def test_every_page_is_answered_without_the_memory(site, memory, tmp_path):
    made = things(site)
    with watched(tmp_path / "memory", tmp_path / "private") as opened:
        for who in VISITORS:
            browser = site.http() if who is None else site.browser(who)
            for row in ROWS:
                for address in row.addresses:
                    browser.get(address.format(**made), buffered=True)
    assert opened == []
