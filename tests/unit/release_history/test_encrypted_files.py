"""Encrypted files of members: read back as written, by their own name and key only."""

import random
import stat
from datetime import UTC, datetime, timedelta

import pytest

from broker.domain.errors import Breach
from broker.domain.release_history import StoredMembers
from broker.encrypted_store import encrypted_files
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.storage.private_files import write_whole

KEY = bytes(range(32))
LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def files(tmp_path):
    return EncryptedMemberFiles(tmp_path / "memory", KEY, write_whole)


def test_what_is_put_comes_back(files):
    stored = files.put('{"a": 1}', b"members")
    assert files.get(stored) == b"members"
    assert (files.about(stored.name), files.stored(stored.name)) == ('{"a": 1}', stored)
    assert files.get(files.put("", b"")) == b""


@pytest.mark.parametrize("size", [0, 1, 55, 56, 57, 63, 64, 65, 127, 128, 200])
def test_pieces_of_every_size_come_back(monkeypatch, size):
    monkeypatch.setattr(encrypted_files, "PIECE", 64)
    draw = random.Random(size)
    about, content = draw.randbytes(size // 3), draw.randbytes(size)
    sealed = encrypted_files.seal(KEY, "n", about, content)
    assert encrypted_files.unseal(KEY, "n", sealed) == (about, content)
    assert encrypted_files.unseal_about(KEY, "n", sealed) == about


def test_nothing_can_be_changed_left_out_moved_or_renamed(monkeypatch):
    monkeypatch.setattr(encrypted_files, "PIECE", 64)
    sealed = encrypted_files.seal(KEY, "n", b"about", random.Random(1).randbytes(300))
    start, whole = len(encrypted_files.MAGIC) + encrypted_files.SALT_BYTES, 64 + encrypted_files.TAG_BYTES
    pieces = [sealed[start + i * whole : start + (i + 1) * whole] for i in range(5)]
    head = sealed[:start]
    spoilt = [
        head + b"".join(pieces[:-1]), head + b"".join([pieces[1], pieces[0], *pieces[2:]]), sealed + b"x",
        sealed[:-1], head, b"", sealed[:start] + b"\0" + sealed[start + 1 :],
        *(sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(0, len(sealed), 37)),
    ]  # fmt: skip
    for one in spoilt:
        with pytest.raises(Breach):
            encrypted_files.unseal(KEY, "n", one)
    for key, name in ((KEY, "m"), (KEY[::-1], "n"), (b"short", "n")):
        with pytest.raises(Breach):
            encrypted_files.unseal(key, name, sealed)


def test_equal_content_has_different_ciphertexts_and_no_plain_text(files, tmp_path):
    first, second = files.put("about this", b"secret members"), files.put("about this", b"secret members")
    assert first.digest != second.digest
    kept = b"".join(p.read_bytes() for p in (tmp_path / "memory").iterdir())
    assert b"secret" not in kept
    assert b"about" not in kept


def test_nobody_else_can_read_the_folder_or_a_file(files, tmp_path):
    files.put("a", b"b")
    folder = tmp_path / "memory"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    folder.chmod(0o750)
    with pytest.raises(Breach, match="0700"):
        EncryptedMemberFiles(folder, KEY, write_whole)


def test_a_file_that_is_missing_damaged_or_another_is_seen(files, tmp_path):
    one, other = files.put("a", b"one"), files.put("a", b"other")
    folder = tmp_path / "memory"
    with pytest.raises(Breach, match="not the one"):
        files.get(StoredMembers(one.name, other.digest))
    (folder / one.name).write_bytes((folder / other.name).read_bytes())
    with pytest.raises(Breach, match="not the one"):
        files.get(one)
    with pytest.raises(Breach, match="another key or name"):
        files.get(StoredMembers(one.name, other.digest))
    (folder / one.name).unlink()
    with pytest.raises(Breach, match="missing"):
        files.get(one)
    assert files.missing({one.name, other.name}) == (one.name,)
    for name in ("../key", "", "a/b", one.name + "x"):
        with pytest.raises(Breach):
            files.about(name)


def test_only_files_that_no_entry_names_can_be_removed(files, tmp_path):
    one, other = files.put("a", b"one"), files.put("a", b"other")
    (tmp_path / "memory" / f"{one.name}.draft").write_bytes(b"half")
    assert files.unnamed({one.name}, LATER) == (other.name,)
    assert files.unnamed({one.name}, LATER - timedelta(days=2)) == ()
    with pytest.raises(Breach):
        files.discard(one.name, {one.name})
    files.discard(other.name, {one.name})
    assert files.unnamed(set(), LATER) == (one.name,)


def test_what_was_not_written_to_its_end_is_dropped_when_it_is_old(files, tmp_path):
    stored = files.put("", b"whole")
    draft = tmp_path / "memory" / f"{stored.name}.{'0' * 16}"
    draft.write_bytes(b"half")
    assert files.unnamed(frozenset()) == (stored.name,)
    assert files.drop_drafts(datetime.now(UTC) - timedelta(minutes=1)) == 0
    assert files.drop_drafts(LATER) == 1
    assert not draft.exists()
    assert files.get(stored) == b"whole"
