"""The audit log on both databases: it grows only, and every break of the chain is found at its line."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broker.domain.errors import Breach
from broker.domain.identity.audit import GENESIS, AuditEvent, check_lines


def _events(given, number):
    return [given.event("test.done", f"thing-{n}") for n in range(number)]


def _unguarded(store, *statements):
    """What somebody with all rights on the database could do: drop the triggers, then write."""
    with store._db.engine.begin() as connection:
        if store._db.is_sqlite:
            triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
            for name in connection.execute(text(triggers)).scalars().all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement))


def test_a_new_store_has_an_empty_log_that_holds(empty_url):
    from broker.storage.sql_store import open_store

    store = open_store(empty_url)
    assert store.audit_head() == (0, GENESIS)
    assert store.verify_audit().broken is None
    assert list(store.audit()) == []
    store.close()


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


@pytest.mark.parametrize(
    "event",
    [
        {"action": "SELECT"},
        {"subject": "WHERE la = 1"},
        {"codes": (("reason", "twelve of the 13 pupils"),)},
        {"codes": (("Reason Text", "x"),)},
        {"subject": "x" * 300},
        {"actor": "ada\nbob"},
    ],
)
def test_no_line_carries_text(store, given, event):
    head = store.audit_head()
    with pytest.raises(Breach):
        store.record([replace(given.event(), **event)])
    assert store.audit_head() == head


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit",
        "UPDATE audit SET actor = 'eve'",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET number = number - 1",
        "UPDATE audit_head SET hash = 'x'",
        "INSERT INTO audit_head (ident, number, hash) VALUES (1, 0, 'x')",
        "INSERT INTO audit SELECT number + 9, at, actor, action, subject, codes, hash, 'x' FROM audit",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(store, given, statement):
    store.record(_events(given, 3))
    with pytest.raises(DBAPIError), store._db.engine.begin() as connection:
        connection.execute(text(statement))
    assert store.verify_audit().broken is None


def test_neither_replace_nor_truncate_gets_around_it(store, given):
    store.record(_events(given, 3))
    statement = "TRUNCATE audit"
    if store._db.is_sqlite:
        statement = (
            "INSERT OR REPLACE INTO audit SELECT number, at, 'eve', action, subject, codes, previous, hash FROM audit"
        )
    with pytest.raises(DBAPIError), store._db.engine.begin() as connection:
        connection.execute(text(statement))
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
    _unguarded(store, tampering)
    assert store.verify_audit().broken == broken


def test_a_log_that_was_cut_and_given_a_new_head_is_caught_by_an_exported_head(store, given):
    store.record(_events(given, 6))
    exported = store.audit_head()
    short = next(store.audit(exported[0] - 2, 1))
    _unguarded(
        store,
        f"DELETE FROM audit WHERE number > {short.number}",
        f"UPDATE audit_head SET number = {short.number}, hash = '{short.hash}'",
    )
    assert store.verify_audit().broken is None
    assert store.verify_audit(anchor=exported).broken == short.number + 1
