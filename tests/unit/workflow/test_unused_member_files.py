"""Unused files of members on a job's way: the sweep removes them when no release can need them, the broker makes
missing files again, and the files restore what a restored release history lacks."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from comparison_kit import some_persons
from dashboard_kit import Killed
from restore_kit import restored_from_before, signing, two_agree
from test_job_comparison import OTHER, released, values

from broker.domain.errors import Breach, Conflict, Forbidden, Invalid
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.release_history import StoredMembers, new_entry_from_json
from broker.domain.signed_log import ChainHead, LogName
from broker.storage.signed_log_store import SignedHeadStore
from broker.workflow.administration.backup_restore import MissingHistoryTables, attest_head, request_history_restore
from broker.workflow.release_history.history_files import (
    missing_tables,
    restore_agreed_entries,
    sweep_members,
    verify_history,
)
from tests.recorded_history import record_history
from tests.unit.workflow.conftest import ADA, AMIR, CHRIS, CLEO, Broker, refused

pytestmark = pytest.mark.long


def files(broker: Broker) -> set[str]:
    return set(broker.ports.release_history.files.files)


def test_waiting_files_stay_released_ones_are_stored_once_and_what_cannot_be_read_is_never_swept(broker):
    _, output = broker.ran()
    assert sweep_members(broker.ports) == 0
    assert len(files(broker)) == 1, "made when it was compared"
    assert broker.vote(CLEO, output.ident) == "released"
    assert len(files(broker)) == 2, "and again, with the release's name"
    broker.ports.release_history.files.files["m9"] = ("{", b"rubbish")
    assert sweep_members(broker.ports) == 1
    assert files(broker) == broker.store.member_files() | {"m9"}
    del broker.ports.release_history.files.files["m9"]
    assert verify_history(broker.store, broker.ports.release_history.files).holds


@pytest.mark.parametrize("choice", [VoteChoice.REJECT, VoteChoice.RETURN])
def test_outputs_that_do_not_leave_have_no_file(broker, choice):
    _, output = broker.ran()
    broker.vote(CLEO, output.ident, choice)
    assert sweep_members(broker.ports) == 1
    assert files(broker) == set()


def test_a_release_that_died_before_its_transaction_leaves_a_file_until_it_has_left(broker):
    """As long as the output waits, the file may be all that a restored back-up has left of its release."""
    _, output = broker.ran()
    with patch.object(broker.store, "release", side_effect=Killed):
        refused(Killed, broker.vote, CLEO, output.ident)
    assert sweep_members(broker.ports) == 0
    broker.reconcile()
    assert broker.store.output(output.ident).state is OutputState.RELEASED
    assert len(files(broker)) == 3
    assert sweep_members(broker.ports) == 2
    assert files(broker) == broker.store.member_files()


def test_an_approved_output_whose_file_is_gone_is_compared_again_and_leaves(broker):
    """A store that was restored names what was swept since."""
    broker.govern(votes=2)
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    broker.ports.release_history.files.files.clear()
    assert broker.vote(CHRIS, output.ident) == "released"
    assert broker.ports.release_history.files.missing(broker.store.member_files()) == ()


def test_reference_populations_are_measured_when_a_table_is_compared(broker):
    sizes, cells = (150, 99), (("301",), (None,))
    known = replace(some_persons(*sizes), name="by LA", cells=cells, variables=("LA",))
    broker.ports.release_history.populations.known = (known,)
    broker.ran()
    (found,) = broker.store.measured("s1")
    assert (found.population, found.name, found.table, found.year) == ("ref", "by LA", "npd.absence", 2022)
    assert found.cells == ("LA=301", "LA=(missing)")
    assert found.sizes == (150, 0), "fewer than policy's least are not told"
    broker.put_in_force(replace(broker.policies, memory=replace(broker.policies.memory, least=50)))
    broker.ran(OTHER)
    assert broker.store.measured("s1")[0].sizes == sizes


@pytest.fixture
def signed(broker: Broker, tmp_path: Path) -> Iterator[Broker]:
    """Its memory signs its heads; its ledger is not what is lost here."""
    with signing(broker, tmp_path, None, SignedHeadStore(tmp_path / "heads", "memory")) as found:
        yield found


@pytest.fixture
def restored(signed: Broker, tmp_path: Path) -> Iterator[Broker]:
    """A back-up from before two releases has taken the database's place; the files of members were kept."""
    heads = (None, SignedHeadStore(tmp_path / "heads", "memory"))
    with restored_from_before(
        lambda broker: (released(broker), released(broker, OTHER)), signed, tmp_path, *heads
    ) as found:
        yield found


def missing_history(broker: Broker) -> MissingHistoryTables:
    entries, broken = missing_tables(broker.store, broker.ports.release_history.files)
    assert broken == ()
    return MissingHistoryTables(broker.store.history.lost_head(), tuple(e.members for e in entries), "2026/14")


def test_two_administrators_agree_and_a_worker_enters_the_files(restored):
    store, ports = restored.store, restored.ports
    with pytest.raises(Breach):
        record_history(store, None, restored.clock.now(), [])
    assert not verify_history(store, ports.release_history.files).holds
    wanted = missing_history(restored)
    assert len(wanted.files) == 2
    assert sweep_members(ports) == 0, "nothing is swept that may prove something"
    assert restore_agreed_entries(ports) == 0
    assert not restored.by(AMIR, request_history_restore, replace(wanted, case="2026/15")), "another decision"
    assert not restored.by(ADA, request_history_restore, wanted)
    assert restore_agreed_entries(ports) == 0
    two_agree(restored, request_history_restore, wanted)
    assert restore_agreed_entries(ports) == 2
    assert restore_agreed_entries(ports) == 0
    assert verify_history(store, ports.release_history.files, [wanted.lost]).holds
    assert restored.events("memory")[-1] == "memory.reentered"
    line = store.audit_of("memory", "memory.reentered")[0].event
    assert (line.actor, dict(line.codes)["case"]) == ("broker", "2026/14")
    assert len(store.history_entries()) == 2
    restored.engine.persons = 60
    assert values(restored, released(restored)) == {"40"}, "as it left in the time that was forgotten"
    assert "not the head" in str(restored.refuses(ADA, Conflict, request_history_restore, wanted))


def test_files_that_differ_from_the_agreement_are_not_entered(restored):
    entries, _ = missing_tables(restored.store, restored.ports.release_history.files)
    fewer = replace(missing_history(restored), files=tuple(e.members for e in entries[:1]))
    two_agree(restored, request_history_restore, fewer)
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
    about = restored.ports.release_history.files.about
    assert not any(new_entry_from_json(about(name)).entry.release for name in waits)


def test_only_administrators_request_and_a_decision_has_a_number(restored):
    wanted = missing_history(restored)
    restored.refuses(CLEO, Forbidden, request_history_restore, wanted)
    restored.refuses(ADA, Invalid, request_history_restore, replace(wanted, case="no case"))
    other = replace(wanted, lost=ChainHead(1, "0" * 64))
    assert "not the head" in str(restored.refuses(ADA, Conflict, request_history_restore, other))
    others = [replace(wanted, files=(*wanted.files, StoredMembers("f" * 32, "0" * 64))), replace(wanted, case="x")]
    assert len({json.dumps(w.codes) for w in (wanted, *others)}) == 3, "a request is known by all that it says"
    assert replace(wanted, files=wanted.files[::-1]).codes == wanted.codes


def test_two_administrators_attest_a_missing_head(signed, tmp_path):
    released(signed)
    head = (LogName.HISTORY, signed.store.history.head())
    (tmp_path / "heads" / "head").unlink()
    assert not signed.store.history.is_intact()
    signed.refuses(CLEO, Forbidden, attest_head, *head)
    two_agree(signed, attest_head, *head)
    assert verify_history(signed.store, signed.ports.release_history.files).holds
