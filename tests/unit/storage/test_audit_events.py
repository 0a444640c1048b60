"""Audit events carry only ids and closed words; the store's times are UTC."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from broker.domain.errors import Breach
from broker.domain.identity.audit import AuditEvent
from broker.storage.audit_store import check_event
from broker.storage.system_clock import SystemClock
from broker.storage.tables.schema import UtcTime

EVENT = AuditEvent(datetime(2026, 3, 1, tzinfo=UTC), "ada", "output.in_review", "0195f3a2-7c1e-7000-8000-000000000001")


@pytest.mark.parametrize("change", [
    {},
    {"actor": "ada.l@example.org"},
    {"codes": (("sha256", "0" * 64), ("reason", "meets-rules"), ("image", "sha256:ab/c"), ("none", ""))},
    {"action": "person.signed-in"},
])  # fmt: skip
def test_ids_and_closed_words_pass(change):
    check_event(replace(EVENT, **change))


@pytest.mark.parametrize("change", [
    {"codes": (("where", "LSOA = 'E01' AND month = 3"),)},
    {"codes": (("a b", "x"),)}, {"action": "Output Released"}, {"actor": ""}, {"subject": "table one.csv"},
    {"subject": "a\nb"}, {"subject": "é"}, {"at": datetime(2026, 3, 1)},
])  # fmt: skip
def test_what_could_be_text_does_not(change):
    with pytest.raises(Breach):
        check_event(replace(EVENT, **change))


def test_a_moment_is_utc_on_both_databases():
    moment, here = datetime(2026, 6, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), UtcTime()
    as_sqlite = here.process_bind_param(moment, sqlite.dialect())
    as_postgres = here.process_bind_param(moment, postgresql.dialect())
    assert as_sqlite == datetime(2026, 5, 31, 23, 30)
    assert as_postgres == moment
    assert here.process_result_value(as_sqlite, sqlite.dialect()).isoformat() == "2026-05-31T23:30:00+00:00"
    assert here.process_result_value(as_postgres, postgresql.dialect()).isoformat() == "2026-05-31T23:30:00+00:00"
    assert here.process_bind_param(None, sqlite.dialect()) is here.process_result_value(None, sqlite.dialect()) is None


def test_the_clock_is_aware_and_in_utc():
    assert SystemClock().now().utcoffset() == timedelta(0)
