"""Public tables in the store, on each database: who decides, one attempt at a time, one entry in one transaction."""

from broker.domain.errors import Conflict, Forbidden, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import Snapshot
from broker.domain.public_tables import NumbersOnlyReason, PublicTable, PublicTableState, PublishedTable, Reproduction
from broker.domain.release_history import HistoryEntry, HistorySource, HistoryUpdate, HistoryVersion, NewHistoryEntry
from tests.integration.expected_errors import expect

FOUND = Reproduction(3, 3)


def event(given, action="test.done", minutes=0):
    return AuditEvent(given.at(minutes), "ada", action, "p1")


def request_table(store, given, ident="p1", name="Absence"):
    published = PublishedTable(name, "https://example.org", "SELECT 1", "duckdb", "s1", "5", "LA,n\n1,2\n")
    store.request_public_table(PublicTable(ident, published, "ada", given.at()), event(given, "public-table.asked"))
    return ident


def confirmed(store, given, ident="p1", **more):
    request_table(store, given, ident, **more)
    store.confirm_public_table(ident, "bob", given.at(1), event(given, "public-table.confirmed", 1))
    return ident


def brings(store, given, ident="p1", seen=None):
    entry = HistoryEntry(0, "", ident, 0, "", "s1", "", 1, "", "pupil", HistorySource.PUBLIC, given.at(), 1)
    return HistoryUpdate(seen or store.history_version(), (NewHistoryEntry(entry, ()),))


def enter(store, given, item, found=FOUND, **more):
    events = [event(given, "public-table.entered", 9)]
    store.enter_public_table(item, found, brings(store, given, item.subject, **more), given.at(9), events)


def test_a_request_of_two_administrators_reads_back(store, given):
    request_table(store, given)
    expect(Conflict, request_table, store, given, "p2", name="ABSENCE")
    expect(Forbidden, store.confirm_public_table, "p1", "ada", given.at(1), event(given))
    expect(Unknown, store.public_table, "p9")
    assert given.leased(WorkKind.PUBLIC_TABLE, "p1") is None
    store.confirm_public_table("p1", "bob", given.at(1), event(given))
    for again in (lambda: store.confirm_public_table("p1", "eve", given.at(2), event(given)),
                  lambda: store.withdraw_public_table("p1", given.at(2), event(given))):  # fmt: skip
        expect(Conflict, again)
    found = store.public_table("p1")
    assert (found.state, found.confirmed_by) == (PublicTableState.CONFIRMED, "bob")
    assert found.published.figures == "LA,n\n1,2\n"
    assert [t.published.figures for t in store.public_tables()] == [""], "lists are without figures"


def test_a_withdrawn_one_makes_room_for_another(store, given):
    request_table(store, given)
    store.withdraw_public_table("p1", given.at(1), event(given))
    request_table(store, given, "p2")
    assert {t.ident: t.state for t in store.public_tables()} == {
        "p1": PublicTableState.WITHDRAWN, "p2": PublicTableState.REQUESTED,
    }  # fmt: skip


def test_an_attempt_that_lost_its_lease_writes_nothing(store, given):
    first = given.leased(WorkKind.PUBLIC_TABLE, confirmed(store, given))
    store.give_back(first, given.at(3), given.at(3))
    second = given.leased(WorkKind.PUBLIC_TABLE, "p1")
    lines, version = store.audit_head(), store.history_version()
    expect(Conflict, enter, store, given, first, match="has moved on")
    expect(Conflict, store.name_public_vault, first, "v1")
    assert (store.audit_head(), store.history_version()) == (lines, version)
    enter(store, given, second)
    expect(Conflict, enter, store, given, second)
    assert store.history_version() == HistoryVersion(1)


def test_what_was_found_and_its_entry_are_one_change(store, given):
    item = given.leased(WorkKind.PUBLIC_TABLE, confirmed(store, given))
    assert expect(Conflict, enter, store, given, item, seen=HistoryVersion(5)).code == "memory-moved"
    assert store.public_table("p1").found is None
    differs = Reproduction(1, 3, NumbersOnlyReason.DIFFERS)
    enter(store, given, item, differs)
    found = store.public_table("p1")
    assert (found.state, found.found, found.entry) == (PublicTableState.NUMBERS, differs, 1)
    assert [e.output for e in store.history_entries()] == ["p1"]
    assert store.history.verify().holds
    assert (store.work_leased(), store.work_due(frozenset(WorkKind), given.at(20))) == ([], [])


def test_a_vault_that_is_read_is_in_use_and_its_snapshot_superseded_by_nobody(store, given):
    store.put_snapshot(Snapshot("s2", "2", given.at(), True, "/x", "{}"), [event(given)])
    item = given.leased(WorkKind.PUBLIC_TABLE, confirmed(store, given))
    assert store.name_public_vault(item, "v1")
    assert "v1" in store.vaults_in_use()
    assert "v1" in store.vaults_in_use(reading=True)
    assert not store.supersede_snapshot("s1", given.at(0), given.at(3), [event(given)])
    store.give_back(item, given.at(4), given.at(3))
    assert "v1" not in store.vaults_in_use()
    assert store.supersede_snapshot("s1", given.at(0), given.at(3), [event(given)])
    item = given.leased(WorkKind.PUBLIC_TABLE, "p1")
    assert not store.name_public_vault(item, "v1"), "a retired snapshot is read by nobody any more"
