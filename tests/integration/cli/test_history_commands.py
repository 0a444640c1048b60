"""Commands for the release history: the cap, verification, and the two administrators after a restored back-up."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from broker.cli.commands import history_commands
from broker.domain.identity.audit import AuditEvent
from broker.domain.ports import ReleaseHistoryPorts, WorkerPorts
from broker.domain.release_history import (
    HistoryEntry,
    HistorySource,
    HistoryUpdate,
    KnownFigure,
    NewHistoryEntry,
    new_entry_to_json,
)
from broker.encrypted_store.encrypted_files import EncryptedMemberFiles
from broker.storage.private_files import write_whole
from broker.storage.signed_log_store import SignedHeadStore
from broker.workflow.release_history.history_files import restore_agreed_entries
from tests.docs.commands import commands
from tests.integration.web.conftest import ADA, AMIR, CLEO, missing
from tests.integration.web.every_page import measured_caps
from tests.recorded_history import record_history

EVENT = AuditEvent(datetime(2027, 3, 1, tzinfo=UTC), "broker", "release.made", "rel")
COUNT = KnownFigure(1, "", False, "count", frozenset(), {0: 15, 2: None})


@pytest.fixture
def files(site, tmp_path, monkeypatch):
    """The memory's files, and commands that find them and the store."""
    found = EncryptedMemberFiles(tmp_path / "memory", bytes(32), write_whole)
    monkeypatch.setattr(history_commands, "local_member_files", lambda: found)
    monkeypatch.setattr(history_commands, "local_ports", lambda: site.ports)
    return found


def put(site, files, recipe, content=b"members"):
    entry = HistoryEntry(
        0, "rel", "out", 0, "P0421", "s1", "npd", 10, recipe, "pupil", HistorySource.RELEASE, site.clock.now(), 3
    )
    new = NewHistoryEntry(entry, (COUNT,))
    return replace(new, members=files.put(new_entry_to_json(new), content))


def remember(site, *entries):
    store = site.ports.store
    record_history(store, HistoryUpdate(store.history_version(), entries), site.clock.now(), [EVENT])


def test_the_gauge_is_printed(at, site):
    assert "Nothing is counted yet" in at(ADA, "history", "caps")[1]
    measured_caps(site)
    code, out, _ = at(ADA, "history", "caps", "--search", "LA=302 2022", "--json")
    assert (code, json.loads(out)["found"]) == (0, 14)
    code, out, _ = at(ADA, "history", "caps", "--page", "1")
    fullest, share = "npd.spring_census 2021 LA=301 NCyearActual=0", "100.0% full"
    assert (code, missing(out, fullest, share, "page 1 of 7; 2 of 334 have reached their cap")) == (0, [])
    assert at(CLEO, "history", "caps")[0] == 1


def test_a_memory_that_is_whole_is_verified(at, site, files):
    remember(site, put(site, files, "one"), put(site, files, "two"))
    code, out, _ = at(ADA, "history", "verify", "--json")
    assert (code, json.loads(out)["holds"], json.loads(out)["entries"]) == (0, True, 2)
    assert at(ADA, "history", "verify")[:2] == (0, "release history: 2 entries, all hold\n")


def test_verification_finds_a_missing_damaged_or_foreign_file(at, site, files, tmp_path):
    whole, gone, damaged, other = (put(site, files, name) for name in ("whole", "gone", "damaged", "other"))
    other = replace(other, entry=replace(other.entry, recipe="another"))
    remember(site, whole, gone, damaged, other)
    (tmp_path / "memory" / gone.members.name).unlink()
    path = tmp_path / "memory" / damaged.members.name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, out, _ = at(ADA, "history", "verify", "--json")
    assert (code, json.loads(out)["without_members"]) == (1, [2, 3, 4])
    assert "entry 3 has no matching file of members" in at(ADA, "history", "verify")[1]


def test_verification_finds_a_changed_entry(at, site, files):
    remember(site, put(site, files, "one"))
    with site.ports.store._db.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER memory_figures_no_UPDATE")
        connection.exec_driver_sql("UPDATE memory_figures SET figures = '[]'")
    code, out, _ = at(ADA, "history", "verify", "--json")
    found = json.loads(out)
    assert (code, found["holds"], found["differs"], found["without_members"]) == (1, False, [1], [1])


def test_verification_finds_a_missing_exported_head(at, site, files, tmp_path):
    head = tmp_path / "head.json"
    head.write_text(json.dumps({"number": 2, "signature": "0" * 64}))
    code, out, _ = at(ADA, "history", "verify", "--head", str(head))
    assert (code, missing(out, "the signed head 2 is missing")) == (1, [])


def test_where_nothing_is_lost_nothing_is_given_back(at, files, tmp_path):
    whole = "The release history has every entry that a head was signed for.\n"
    assert at(ADA, "history", "forgotten", "--case", "1")[::2] == (1, whole)
    file = tmp_path / "lost.json"
    file.write_text(json.dumps({"lost": {"number": 1, "signature": "0" * 64}, "case": "1"}))
    code, _, told = at(ADA, "history", "restore", str(file))
    assert (code, told) == (1, "broker: This is not the head that the release history lost.\n")
    file.write_text(json.dumps({"lost": {"number": 1, "signature": "0" * 64}, "case": "no case"}))
    assert at(ADA, "history", "restore", str(file))[0] == 1
    assert at(CLEO, "history", "restore", str(file))[0] == 1
    assert at(ADA, "history", "head")[::2] == (1, "broker: There is no head 'memory'.\n")
    file.write_text(json.dumps({"number": 1, "signature": "0" * 64}))
    assert at(ADA, "history", "attest", str(file))[1].startswith("requested")
    assert "no other head is accepted" in at(AMIR, "history", "attest", str(file))[2]


@pytest.fixture
def restored(site, files, tmp_path):
    """Two tables were released after the back-up that has taken the database's place."""
    store, database = site.ports.store, tmp_path / "broker.sqlite"
    store.history.heads = SignedHeadStore(tmp_path / "heads", "memory")
    store.history.begin()
    store.close()
    shutil.copy(database, tmp_path / "back-up")
    remember(site, put(site, files, "one"), put(site, files, "two"))
    store.close()
    for old in tmp_path.glob("broker.sqlite*"):
        old.unlink()
    shutil.copy(tmp_path / "back-up", database)
    return site


def procedure():
    """What the operating notes write after a restored back-up."""
    return [line.split()[1:] for line in commands("docs/how-to/operating.md", "sh restore")]


def test_the_procedure_of_the_operating_notes_brings_a_restored_memory_back(at, restored, files, tmp_path, monkeypatch):
    """Its commands, in their order: the operator's on the worker's machine, and each administrator's own."""
    monkeypatch.chdir(tmp_path)
    verify, forgotten, first, second, again = procedure()
    assert first == second
    assert verify == again == ["history", "verify"]
    code, out, _ = at(ADA, *verify)
    assert (code, missing(out, "is missing: a back-up was restored")) == (1, [])
    *forgotten, arrow, file = forgotten
    code, out, told = at(ADA, *forgotten)
    assert (code, arrow) == (0, ">")
    assert told.count("release rel of P0421, output out") == 2
    (tmp_path / file).write_text(out)
    document = json.loads(out)
    assert (len(document["files"]), document["case"], document["lost"]["number"]) == (2, "2026/14", 2)
    assert at(ADA, *first)[1].startswith("requested")
    ports = worker_of(restored, files)
    assert restore_agreed_entries(ports) == 0
    assert at(AMIR, *second)[:2] == (0, "agreed\n")
    assert restore_agreed_entries(ports) == 2
    assert at(ADA, *again)[0] == 0
    assert [e.recipe for e in restored.ports.store.history_entries()] == ["one", "two"]
    code, out, _ = at(ADA, "history", "head", "--json")
    (tmp_path / "head.json").write_text(out)
    assert at(ADA, "history", "verify", "--head", "head.json")[0] == 0


def worker_of(site, files):
    p, history = site.ports, ReleaseHistoryPorts(files, None, None)
    nothing = {"sandbox": None, "file_rebuilder": None, "vaults": None, "engine": None}
    return WorkerPorts(p.store, p.queue, p.content_store, p.clock, **nothing, release_history=history)


def test_a_file_that_cannot_be_read_is_named_and_left_out(at, restored, files, tmp_path):
    name = files.unnamed(frozenset())[0]
    path = tmp_path / "memory" / name
    path.write_bytes(path.read_bytes()[:-1])
    code, out, told = at(ADA, "history", "forgotten", "--case", "2026/14")
    assert (code, missing(told, f"{name} cannot be read")) == (0, [])
    assert len(json.loads(out)["files"]) == 1


def test_without_a_memory_on_this_machine_the_commands_say_so(at, site, monkeypatch, tmp_path):
    monkeypatch.setenv("BROKER_DATA", str(tmp_path))
    code, _, told = at(ADA, "history", "verify")
    assert (code, missing(told, "There is no release history in")) == (1, [])
