"""The audit log on both databases: it grows only, and every break of the chain is found at its line."""

from datetime import timedelta, timezone

import pytest

from broker.domain.identity.audit import AuditEvent, check_lines
from tests.integration.storage.conftest import is_refused, unguarded


def _events(given, number):
    return [given.event("test.done", f"thing-{n}") for n in range(number)]


def test_events_come_back_numbered_chained_and_as_written(store, given):
    before = store.audit_head()[0]
    elsewhere = given.at().astimezone(timezone(timedelta(hours=-7)))
    event = AuditEvent(elsewhere, "ada", "output.viewed", "out-1", (("b", "two"), ("a", "one")))
    store.record([event, given.event()])
    lines = list(store.audit(before + 1))
    assert [line.number for line in lines] == [before + 1, before + 2]
    assert lines[0].event == event
    assert lines[-1].hash == store.audit_head()[1]
    assert all(holds for _, holds in check_lines(store.audit()))


def test_pages_have_no_gap_and_limits_hold(store, given, monkeypatch):
    monkeypatch.setattr("broker.storage.audit_store.PAGE", 7)
    store.record(_events(given, 30))
    last = store.audit_head()[0]
    assert [line.number for line in store.audit()] == list(range(1, last + 1))
    assert [line.number for line in store.audit(3, 8)] == list(range(3, 11))
    assert list(store.audit(1, 0)) == []
    assert store.verify_audit().lines == last


CHANGES = (
    "DELETE FROM audit",
    "UPDATE audit SET actor = 'eve'",
    "DELETE FROM audit_head",
    "UPDATE audit_head SET number = number - 1",
    "UPDATE audit_head SET hash = 'x'",
    "INSERT INTO audit_head (ident, number, hash) VALUES (1, 0, 'x')",
    "INSERT INTO audit SELECT number + 9, at, actor, action, subject, codes, hash, 'x' FROM audit",
)
AROUND = {
    "sqlite": "INSERT OR REPLACE INTO audit SELECT number, at, 'eve', action, subject, codes, '', hash FROM audit",
    "postgresql": "TRUNCATE audit",
}


@pytest.mark.each
def test_the_database_itself_refuses_to_change_the_log(store, given, backend):
    store.record(_events(given, 3))
    for statement in (*CHANGES, AROUND[backend]):
        is_refused(store, statement)
    assert store.verify_audit().broken is None


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE number = 5", 5),
        ('UPDATE audit SET codes = \'[["a", "b"]]\' WHERE number = 5', 5),
        ("DELETE FROM audit WHERE number = 5", 5),
        ("UPDATE audit SET number = -number WHERE number = 7", 7),
        ("DELETE FROM audit WHERE number > 9", 10),
        ("DELETE FROM audit", 1),
        ("UPDATE audit_head SET number = number + 1", 21),
        ("UPDATE audit_head SET hash = 'x'", 20),
    ],
)
def test_verify_names_the_first_line_that_does_not_hold_or_is_missing(store, given, tampering, broken):
    store.record(_events(given, 20 - store.audit_head()[0]))
    unguarded(store, tampering)
    assert store.verify_audit().broken == broken


def test_a_log_that_was_cut_and_given_a_new_head_is_caught_by_an_exported_head(store, given):
    store.record(_events(given, 6))
    exported = store.audit_head()
    short = next(store.audit(exported[0] - 2, 1))
    unguarded(
        store,
        f"DELETE FROM audit WHERE number > {short.number}",
        f"UPDATE audit_head SET number = {short.number}, hash = '{short.hash}'",
    )
    assert store.verify_audit().broken is None
    assert store.verify_audit(anchor=exported).broken == short.number + 1
