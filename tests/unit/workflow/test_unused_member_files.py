"""Unused files of members on a job's way: the sweep removes them when no release can need them, the broker makes
missing files again, and the files restore what a restored release history lacks."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from broker.domain.errors import Breach, Conflict, Forbidden, Invalid
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.plans.scalars import Value
from broker.domain.ports.history_ports import KnownPopulation
from broker.domain.release_history import StoredMembers, new_entry_from_json
from broker.domain.signed_log import ChainHead, LogName
from broker.evidence.member_tables import members_of, to_bytes
from broker.storage.signed_log_store import SignedHeadStore
from broker.storage.sql_store import open_store
from broker.workflow.administration import backup_restore
from broker.workflow.administration.backup_restore import MissingHistoryTables
from broker.workflow.release_history.history_files import (
    missing_tables,
    restore_agreed_entries,
    sweep_members,
    verify_history,
)
from tests.recorded_history import record_history
from tests.unit.workflow.conftest import ADA, AMIR, CHRIS, CLEO, SQL, Broker, opened

pytestmark = pytest.mark.long

OTHER = SQL.replace("a.AcademicYear = '2022/2023'", "a.AcademicYear = '2022/2023' AND a.FSMeligible IS NOT NULL")


def files(broker: Broker) -> set[str]:
    return set(broker.ports.release_history.files.files)


def released(broker: Broker, text: str = SQL) -> str:
    _, output = broker.ran(text)
    assert broker.vote(CLEO, output.ident) == "released"
    return output.ident


def test_waiting_files_stay_and_released_files_are_stored_once(broker):
    _, output = broker.ran()
    assert sweep_members(broker.ports) == 0
    assert len(files(broker)) == 1, "made when it was compared"
    assert broker.vote(CLEO, output.ident) == "released"
    assert len(files(broker)) == 2, "and again, with the release's name"
    assert sweep_members(broker.ports) == 1
    assert files(broker) == broker.store.member_files()
    assert verify_history(broker.store, broker.ports.release_history.files).holds


@pytest.mark.parametrize("choice", [VoteChoice.REJECT, VoteChoice.RETURN])
def test_outputs_that_do_not_leave_have_no_file(broker, choice):
    _, output = broker.ran()
    broker.vote(CLEO, output.ident, choice)
    assert sweep_members(broker.ports) == 1
    assert files(broker) == set()


def test_a_release_that_died_before_its_transaction_leaves_a_file_until_it_has_left(broker, monkeypatch):
    """As long as the output waits, the file may be all that a restored back-up has left of its release."""
    _, output = broker.ran()
    monkeypatch.setattr(broker.store, "release", lambda *given, **named: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        broker.vote(CLEO, output.ident)
    monkeypatch.undo()
    assert sweep_members(broker.ports) == 0
    broker.reconcile()
    assert broker.store.output(output.ident).state is OutputState.RELEASED
    assert len(files(broker)) == 3
    assert sweep_members(broker.ports) == 2
    assert files(broker) == broker.store.member_files()


def test_what_cannot_be_read_is_never_swept(broker):
    broker.ports.release_history.files.files["m9"] = ("{", b"rubbish")
    assert sweep_members(broker.ports) == 0
    assert files(broker) == {"m9"}


def test_an_approved_output_whose_file_is_gone_is_compared_again_and_leaves(broker):
    """A store that was restored names what was swept since."""
    broker.govern(votes=2)
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    broker.ports.release_history.files.files.clear()
    assert broker.vote(CHRIS, output.ident) == "released"
    assert broker.ports.release_history.files.missing(broker.store.member_files()) == ()


def test_reference_populations_are_measured_when_a_table_is_compared(broker):
    sizes = (150, 99)
    content = to_bytes(members_of(2, np.arange(249), np.repeat([0, 1], sizes)))
    cells: tuple[tuple[Value, ...], ...] = (("301",), (None,))
    known = KnownPopulation("ref", "by LA", "s1", "npd.absence", 2022, cells, sizes, content, ("LA",))
    broker.ports.release_history.populations.known = (known,)
    broker.ran()
    (found,) = broker.store.measured("s1")
    assert (found.population, found.name, found.table, found.year) == ("ref", "by LA", "npd.absence", 2022)
    assert found.cells == ("LA=301", "LA=(missing)")
    assert found.sizes == (150, 0), "fewer than policy's least are not told"
    broker.put_in_force(replace(broker.policies, memory=replace(broker.policies.memory, least=50)))
    broker.ran(OTHER)
    assert broker.store.measured("s1")[0].sizes == sizes


def signing(broker: Broker, folder: Path) -> Broker:
    """The broker over a store that signs the memory's heads in `folder`: its ledger is not what is lost here."""
    broker.store.close()
    store = open_store(f"sqlite:///{folder / 'broker.sqlite'}", None, SignedHeadStore(folder / "heads", "memory"))
    return replace(broker, ports=replace(broker.ports, store=store))


@pytest.fixture
def signed(founded: Path, policies, tmp_path: Path) -> Iterator[Broker]:
    shutil.copytree(founded, tmp_path, dirs_exist_ok=True)
    broker = signing(next(opened(tmp_path, policies)), tmp_path)
    yield broker
    broker.store.close()


@pytest.fixture
def restored(signed: Broker, tmp_path: Path) -> Iterator[Broker]:
    """A back-up from before two releases has taken the database's place; the files of members were kept."""
    signed.store.close()
    shutil.copy(tmp_path / "broker.sqlite", tmp_path / "back-up")
    broker = signing(signed, tmp_path)
    released(broker)
    released(broker, OTHER)
    broker.store.close()
    for old in tmp_path.glob("broker.sqlite*"):
        old.unlink()
    shutil.copy(tmp_path / "back-up", tmp_path / "broker.sqlite")
    again = signing(broker, tmp_path)
    yield again
    again.store.close()


def missing_history(broker: Broker, case: str = "2026/14") -> MissingHistoryTables:
    entries, broken = missing_tables(broker.store, broker.ports.release_history.files)
    assert broken == ()
    return MissingHistoryTables(broker.store.history.lost_head(), tuple(e.members for e in entries), case)


def test_two_administrators_agree_and_a_worker_enters_the_files(restored):
    store = restored.store
    with pytest.raises(Breach):
        record_history(store, None, restored.clock.now(), [])
    assert not verify_history(store, restored.ports.release_history.files).holds
    wanted = missing_history(restored)
    assert len(wanted.files) == 2
    assert sweep_members(restored.ports) == 0, "nothing is swept that may prove something"
    assert restore_agreed_entries(restored.ports) == 0
    assert not backup_restore.request_history_restore(restored.ports, restored.person(ADA), wanted)
    assert not backup_restore.request_history_restore(restored.ports, restored.person(ADA), wanted), (
        "asking twice is not two"
    )
    assert restore_agreed_entries(restored.ports) == 0
    assert not backup_restore.request_history_restore(
        restored.ports, restored.person(AMIR), replace(wanted, case="2026/15")
    )
    assert restore_agreed_entries(restored.ports) == 0, "another decision"
    assert backup_restore.request_history_restore(restored.ports, restored.person(AMIR), wanted)
    assert restore_agreed_entries(restored.ports) == 2
    assert restore_agreed_entries(restored.ports) == 0
    assert verify_history(store, restored.ports.release_history.files, [wanted.lost]).holds
    assert restored.events("memory")[-1] == "memory.reentered"
    line = store.audit_of("memory", "memory.reentered")[0].event
    assert (line.actor, dict(line.codes)["case"]) == ("broker", "2026/14")
    assert len(store.history_entries()) == 2
    released(restored)
    with pytest.raises(Conflict, match="not the head"):
        backup_restore.request_history_restore(restored.ports, restored.person(ADA), wanted)


def test_what_leaves_after_it_is_compared_with_what_was_entered_again(restored):
    wanted = missing_history(restored)
    backup_restore.request_history_restore(restored.ports, restored.person(ADA), wanted)
    backup_restore.request_history_restore(restored.ports, restored.person(AMIR), wanted)
    restore_agreed_entries(restored.ports)
    restored.engine.persons = 60
    output = released(restored)
    found = restored.store.output(output)
    values = {
        line.rpartition(b",")[2] for line in restored.ports.content_store.get("staff", found.release_hash).split()[1:]
    }
    assert values == {b"40"}, "as it left in the time that was forgotten"


def test_files_that_differ_from_the_agreement_are_not_entered(restored):
    entries, _ = missing_tables(restored.store, restored.ports.release_history.files)
    fewer = replace(missing_history(restored), files=tuple(e.members for e in entries[:1]))
    for person in (ADA, AMIR):
        backup_restore.request_history_restore(restored.ports, restored.person(person), fewer)
    assert restore_agreed_entries(restored.ports) == 0
    assert not restored.store.history.is_intact()


def test_nothing_is_released_and_no_file_written_while_the_memory_has_forgotten(restored):
    before = files(restored)
    _, output = restored.ran(OTHER)
    waits = files(restored) - before
    with pytest.raises(Breach, match="does not have its last signed head"):
        restored.vote(CLEO, output.ident)
    for _ in range(3):
        restored.reconcile()
    assert restored.store.output(output.ident).state is OutputState.APPROVED
    assert files(restored) - before == waits
    assert not any(
        new_entry_from_json(restored.ports.release_history.files.about(name)).entry.release for name in waits
    )


def test_only_administrators_request_and_a_decision_has_a_number(restored):
    wanted = missing_history(restored)
    with pytest.raises(Forbidden):
        backup_restore.request_history_restore(restored.ports, restored.person(CLEO), wanted)
    with pytest.raises(Invalid):
        backup_restore.request_history_restore(restored.ports, restored.person(ADA), replace(wanted, case="no case"))
    with pytest.raises(Conflict, match="not the head"):
        backup_restore.request_history_restore(
            restored.ports, restored.person(ADA), replace(wanted, lost=ChainHead(1, "0" * 64))
        )


def test_a_request_is_known_by_all_that_it_says(restored):
    wanted = missing_history(restored)
    others = [replace(wanted, files=(*wanted.files, StoredMembers("f" * 32, "0" * 64))), replace(wanted, case="x")]
    assert len({json.dumps(w.codes) for w in (wanted, *others)}) == 3
    assert replace(wanted, files=wanted.files[::-1]).codes == wanted.codes


def attest(broker: Broker, person: str, head: ChainHead) -> bool:
    return backup_restore.attest_head(broker.ports, broker.person(person), LogName.HISTORY, head)


def test_two_administrators_attest_a_missing_head(signed, tmp_path):
    released(signed)
    exported = signed.store.history.head()
    (tmp_path / "heads" / "head").unlink()
    assert not signed.store.history.is_intact()
    assert not attest(signed, ADA, exported)
    with pytest.raises(Forbidden):
        attest(signed, CLEO, exported)
    assert attest(signed, AMIR, exported)
    assert verify_history(signed.store, signed.ports.release_history.files).holds
