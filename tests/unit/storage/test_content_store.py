"""The content store: files by hash, whole or not at all, with every change detected."""

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from broker.domain.errors import Breach, Invalid, Unknown
from broker.storage.content_store import FolderContentStore


@pytest.fixture
def content_store(tmp_path):
    return FolderContentStore(tmp_path / "outputs")


def _files(folder):
    return [p for p in folder.rglob("*") if p.is_file() and p.name != "key"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=2000), where=st.sampled_from(["staff", "released"]))
def test_what_was_put_comes_back_under_its_hash(content_store, content, where):
    digest = content_store.put(where, content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert content_store.get(where, digest) == content
    assert content_store.put(where, content) == digest


def test_the_two_shelves_are_apart_and_storing_twice_makes_one_file(content_store, tmp_path):
    digest = content_store.put("staff", b"secret")
    with pytest.raises(Unknown):
        content_store.get("released", digest)
    content_store.put("staff", b"secret")
    assert len(_files(tmp_path)) == 1


def test_changed_content_is_a_breach_and_storing_it_again_repairs_it(content_store, tmp_path):
    digest = content_store.put("staff", b"12 pupils")
    _files(tmp_path)[0].write_bytes(b"13 pupils")
    with pytest.raises(Breach):
        content_store.get("staff", digest)
    content_store.put("staff", b"12 pupils")
    assert content_store.get("staff", digest) == b"12 pupils"


def test_a_crash_before_the_rename_leaves_nothing_under_the_name(content_store, tmp_path, monkeypatch):
    def crash(_number):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError, match="no space"):
        content_store.put("staff", b"half")
    monkeypatch.undo()
    with pytest.raises(Unknown):
        content_store.get("staff", hashlib.sha256(b"half").hexdigest())
    assert _files(tmp_path) == []


def test_content_and_folder_are_synced_before_put_returns(content_store, monkeypatch):
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda n: (synced.append(stat.S_ISDIR(os.fstat(n).st_mode)), real(n)))
    content_store.put("staff", b"durable")
    assert synced == [True, False, True]


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64])
def test_a_name_that_is_no_stored_hash_is_unknown(content_store, digest):
    with pytest.raises(Unknown):
        content_store.get("staff", digest)


@pytest.mark.parametrize("name", ["", "public", "../staff", "key"])
def test_a_third_area_is_refused(content_store, name):
    with pytest.raises(Invalid):
        content_store.put(name, b"x")


def test_others_can_read_neither_key_nor_content(content_store, tmp_path):
    content_store.put("staff", b"x")
    for path in (tmp_path / "outputs").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_keyed_hashes_hold_across_openings_and_differ_from_plain_and_between_shelves(content_store, tmp_path):
    assert content_store.keyed_hash(b"x") == FolderContentStore(tmp_path / "outputs").keyed_hash(b"x")
    assert content_store.keyed_hash(b"x") != FolderContentStore(tmp_path / "elsewhere").keyed_hash(b"x")
    assert content_store.keyed_hash(b"x") != hashlib.sha256(b"x").hexdigest()


def test_processes_that_open_a_new_store_at_once_agree_on_the_key(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        hashes = set(pool.map(lambda _: FolderContentStore(tmp_path / "new").keyed_hash(b"x"), range(16)))
    assert len(hashes) == 1
    assert [p.name for p in (tmp_path / "new").iterdir() if p.is_file()] == ["key"]


@pytest.mark.parametrize(("content", "mode"), [(b"short", 0o600), (b"k" * 32, 0o644)])
def test_a_damaged_or_readable_key_stops_the_store(tmp_path, content, mode):
    tmp_path.joinpath("key").write_bytes(content)
    tmp_path.joinpath("key").chmod(mode)
    with pytest.raises(Breach):
        FolderContentStore(tmp_path)
