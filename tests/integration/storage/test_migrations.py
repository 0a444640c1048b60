"""Opening a store: the schema of a store is the metadata's, and many may open at once."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Column, Connection, Engine, MetaData, create_engine, inspect, make_url, text

from broker.domain.errors import Invalid, Unavailable
from broker.domain.jobs.work_items import WorkItem, WorkKind
from broker.storage.database import Database
from broker.storage.sql_store import open_store
from broker.storage.tables.schema import HEADS, UtcTime, metadata, trigger_statements
from tests.integration.expected_errors import expect

pytestmark = pytest.mark.long


def _checks(engine):
    """CHECK constraints, which alembic does not compare, as the database tells them."""
    found = inspect(engine)
    return {
        (table, check["name"], check["sqltext"])
        for table in metadata.tables
        for check in found.get_check_constraints(table)
    }


def test_the_migrated_schema_equals_the_metadata(store, empty_url, tmp_path, request):
    engine = store._db.engine
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    fresh_url = empty_url if not store._db.is_sqlite else f"sqlite:///{tmp_path}/fresh.db"
    fresh = create_engine(fresh_url)
    metadata.create_all(fresh)
    assert _checks(engine) == _checks(fresh)
    assert len(_checks(engine)) > 15
    fresh.dispose()


def test_a_store_of_a_revision_that_is_no_longer_known_is_refused_and_not_changed(store, url, given):
    """Revisions before 0019 were made before the first version of the broker. What such a store holds stays in it."""
    with store._db.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0008'"))
    expect(Invalid, open_store, url, match="of a version")
    with store._db.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0008"
    assert store.people()


LEASE_CHECKS = {
    "jobs": "(state = 'running') = (lease_until IS NOT NULL)",
    "asked_rehearsals": "(state = 'running') = (lease_until IS NOT NULL)",
    "public_tables": "entry IS NULL OR lease_until IS NULL",
}
"""Of revision 0019, in which each of these tables had the leases of its own work."""


def store_of_0019(url: str) -> Engine:
    """An empty store as revision 0019 made it."""
    old = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        if table.name not in {"work_leases", "job_checks"}:
            table.to_metadata(old)
    for table, check in LEASE_CHECKS.items():
        old.tables[table].append_column(Column("lease_until", UtcTime))
        old.tables[table].append_constraint(CheckConstraint(check, name="lease"))
    old.tables["jobs"].append_column(Column("comparing_until", UtcTime))
    engine = Database(url).engine
    with engine.begin() as connection:
        old.create_all(connection)
        for head in HEADS:
            connection.execute(old.tables[head].insert(), {"ident": 1, "number": 0, "hash": "0" * 64})
        for statement in trigger_statements(connection.dialect.name):
            connection.execute(text(statement))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('0019')"))
        _put_work(connection, old)
    return engine


UNTIL = datetime(2026, 3, 1, tzinfo=UTC)


def _put_work(connection: Connection, old: MetaData) -> None:
    """A job that runs, one that is compared and one that waits; a rehearsal that runs."""
    insert = lambda table, **values: connection.execute(old.tables[table].insert(), values)  # noqa: E731
    insert("people", ident="ada", name="Ada", active=True)
    insert("policies", fingerprint="f" * 64, content="{}")
    job = {
        "researcher": "ada", "project": "P", "kind": "sql", "dialect": "tsql", "text": "", "title": "", "purpose": "",
        "descriptions": [], "canonical": "", "plan_hash": "", "policy": "f" * 64, "small": False,
        "history_changed": False, "created": UNTIL, "updated": UNTIL,
    }  # fmt: skip
    insert("jobs", ident="runs", state="running", attempt=2, worker="w1", lease_until=UNTIL, **job)
    insert("jobs", ident="compares", state="assessing", attempt=3, worker="w1", comparing_until=UNTIL, **job)
    insert("jobs", ident="waits", state="queued", attempt=0, **job)
    request = {"person": "ada", "submission": {}, "created": UNTIL, "updated": UNTIL, "about": 0, "document": ""}
    insert("asked_rehearsals", ident="rehearses", state="running", attempt=1, lease_until=UNTIL, **request)


def test_a_store_of_an_earlier_version_has_its_leases_and_the_present_schema(empty_url, store):
    url = empty_url.replace("broker.db", "old.db")
    store_of_0019(url).dispose()
    again = open_store(url)
    assert set(again.work_lapsed(UNTIL + timedelta(seconds=1))) == {
        WorkItem(WorkKind.RUN, "runs", 2),
        WorkItem(WorkKind.COMPARE, "compares", 3),
        WorkItem(WorkKind.REHEARSAL, "rehearses", 1),
    }
    assert again.work_due(frozenset({WorkKind.RUN}), UNTIL) == [WorkItem(WorkKind.RUN, "waits", 0)]
    assert again.job_check("waits") is None
    with again._db.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert _checks(again._db.engine) == _checks(store._db.engine)
    again.close()


def test_opening_again_changes_nothing(store, url, given):
    head = store.audit_head()
    again = open_store(url)
    assert again.audit_head() == head
    assert again.people() == store.people()
    again.close()


def test_four_processes_may_open_a_new_store_at_once(empty_url):
    program = (
        "import sys; from broker.storage.sql_store import open_store; print(open_store(sys.argv[1]).audit_head()[0])"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    ends = [(p.communicate(timeout=60), p.returncode) for p in started]
    assert [(out.strip(), code) for (out, _), code in ends] == [(b"0", 0)] * 4, ends


def test_sqlite_never_loses_an_acknowledged_write(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/broker.db")
    with store._db.write() as connection:
        pragma = lambda name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()  # noqa: E731
        found = (pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys"))
    assert found == ("wal", 2, 1)
    store.close()


@pytest.mark.parametrize(
    "wrong", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "rubbish", "sqlite:////no/such/f.db"]
)
def test_a_url_that_cannot_be_a_store_is_bad_input(wrong):
    expect(Invalid, open_store, wrong)


@pytest.mark.service
def test_a_server_that_does_not_answer_is_unavailable(postgres_server):
    url = make_url(postgres_server).set(database="no_such_database")
    expect(Unavailable, open_store, url.render_as_string(hide_password=False))
