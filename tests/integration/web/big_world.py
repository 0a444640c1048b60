"""A world of 1,000 jobs, 10,000 outputs and 100,000 audit lines, written straight into the tables. No tests.

The audit chain is a true one (each line's hash over the one before), the outputs share one staff document, and of each
job's ten outputs some are in every state that pages show.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice
from typing import Any

from sqlalchemy import Connection, insert, select, update

from broker.domain.findings import Verdict
from broker.domain.identifiers import new_ident
from broker.domain.identity.audit import AuditEvent, line_hash
from broker.domain.jobs.job import JobKind, JobState, OutputKind, OutputState
from broker.storage.database import Database
from broker.storage.tables import administration_tables as audit_tables, job_tables
from tests.integration.web.conftest import CHRIS, CLEO, CSV, DANA, OTIS, ROSA, Site, staff_document
from tests.integration.web.every_page import measured_caps, things

JOBS, EACH, LINES = 1000, 10, 100_000
PROJECTS = (("P0421", ROSA), ("P0421", ROSA), ("P0733", DANA), ("P0999", OTIS))
STATES = (OutputState.RELEASED,) * 6 + (OutputState.IN_REVIEW,) * 2 + (OutputState.REJECTED, OutputState.WITHHELD)
"""Of ten jobs in a row: six are released, in two everything waits for a vote, one was rejected, one is withheld."""


def fill(site: Site, jobs: int = JOBS, lines: int = LINES) -> dict[str, str]:
    """Fill the site's store; ids of one thing of each kind, as `every_page.things` gives them."""
    first = things(site)
    measured_caps(site, 150, range(2010, 2024))  # a country: 150 local authorities with 14 year groups
    staff = json.dumps(staff_document(Verdict.PUBLISH)).encode()
    digest = site.ports.content_store.put("staff", staff)
    for shelf in ("staff", "released"):
        site.ports.content_store.put(shelf, CSV)
    database: Database = site.ports.store._db  # type: ignore[attr-defined]
    model = _model(database, first["job"])
    made = list(_jobs(model, site.clock.at, jobs))
    keyed = site.ports.content_store.keyed_hash(staff)
    outputs = [row for job, state in made for row in _outputs(job, state, digest, keyed)]
    releases = [_release(job) for job, state in made if state is OutputState.RELEASED]
    with database.write() as connection:
        connection.execute(insert(job_tables.jobs), [job for job, _ in made])
        connection.execute(insert(job_tables.outputs), outputs)
        connection.execute(insert(job_tables.votes), list(_votes(outputs)))
        connection.execute(insert(job_tables.releases), releases)
        connection.execute(insert(job_tables.release_outputs), list(_held(releases, outputs)))
        connection.execute(insert(job_tables.recalls), list(_recalls(outputs)))
        _audit(connection, site.clock.at, outputs, lines)
    site.clock.at += timedelta(days=1)
    return first


def _model(database: Database, job: str) -> dict[str, Any]:
    """A released job's row, which the others are copies of but for what tells them apart."""
    with database.read() as connection:
        row = connection.execute(select(job_tables.jobs).where(job_tables.jobs.c.ident == job)).one()
        return dict(row._mapping)


def _jobs(model: dict[str, Any], now: datetime, count: int) -> Iterator[tuple[dict[str, Any], OutputState]]:
    for number in range(count):
        state, (project, researcher) = STATES[number % len(STATES)], PROJECTS[number % len(PROJECTS)]
        at = now + timedelta(seconds=number)
        decided = state in {OutputState.RELEASED, OutputState.REJECTED}
        told = {
            "ident": new_ident(), "project": project, "researcher": researcher, "client_id": None,
            "title": f"Absence by year group {number}", "kind": JobKind.SQL, "created": at, "updated": at,
            "started": at, "ended": at, "state": JobState.DECIDED if decided else JobState.ASSESSING, "attempt": 1,
        }  # fmt: skip
        yield model | told, state


def _outputs(job: dict[str, Any], state: OutputState, digest: str, staff: str) -> Iterator[dict[str, Any]]:
    for place in range(EACH):
        recalled = state is OutputState.RELEASED and int(job["title"].rpartition(" ")[2]) % 20 == 0 and place < 5
        leaves = state is not OutputState.WITHHELD
        yield {
            "ident": new_ident(), "job": job["ident"], "position": place + 1,
            "name": f"table_{place + 1}", "kind": OutputKind.TABLE, "description": "Absence by year group",
            "state": OutputState.RECALLED if recalled else state, "media_type": "text/csv", "size": len(CSV),
            "release_hash": sha256(CSV).hexdigest() if leaves else None,
            "staff_hash": staff, "findings_hash": staff, "evidence_digest": digest,
            "verdict": Verdict.PUBLISH if leaves else Verdict.REFUSE, "created": job["created"],
            "updated": job["created"], "claimed_by": None, "reason": "small-groups" if state is OutputState.REJECTED
            else None, "overrides": [],
        }  # fmt: skip


def _votes(outputs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    decided = {OutputState.RELEASED: "approve", OutputState.RECALLED: "approve", OutputState.REJECTED: "reject"}
    for number, output in enumerate(outputs):
        if output["state"] in decided:
            yield {
                "output": output["ident"], "checker": (CLEO, CHRIS)[number % 2], "position": 1,
                "choice": decided[output["state"]], "reason": output["reason"] or "meets-rules",
                "staff_hash": output["staff_hash"], "findings_hash": output["findings_hash"], "memory_version": "0",
                "cast_at": output["created"], "overrides": [],
            }  # fmt: skip


def _release(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "ident": new_ident(), "job": job["ident"], "project": job["project"],
        "released_at": job["created"], "manifest_hash": sha256(b"{}").hexdigest(), "manifest": "{}",
    }  # fmt: skip


def _held(releases: list[dict[str, Any]], outputs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    of_job = {release["job"]: release["ident"] for release in releases}
    for output in outputs:
        if output["job"] in of_job:
            yield {"release": of_job[output["job"]], "position": output["position"], "output": output["ident"]}


def _recalls(outputs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for output in outputs:
        if output["state"] is OutputState.RECALLED:
            yield {"output": output["ident"], "recalled_at": output["created"], "reason": "Not as described."}


def _audit(connection: Connection, now: datetime, outputs: list[dict[str, Any]], lines: int) -> None:
    """Lines that say what happened to the outputs, in turn, until there are enough of them."""
    head = connection.execute(select(audit_tables.audit_head)).one()
    number, previous = int(head.number), str(head.hash)
    rows = []
    for event in islice(_events(now, outputs), max(0, lines - number)):
        number += 1
        digest = line_hash(number, event, previous)
        told = {name: getattr(event, name) for name in ("at", "actor", "action", "subject")}
        codes = [list(pair) for pair in event.codes]
        rows.append(told | {"number": number, "codes": codes, "previous": previous, "hash": digest})
        previous = digest
    with _without_triggers(connection):
        connection.execute(insert(audit_tables.audit), rows)
        connection.execute(update(audit_tables.audit_head).values(number=number, hash=previous))


@contextmanager
def _without_triggers(connection: Connection) -> Iterator[None]:
    """The triggers take one line at a time: they are put aside for the bulk, and back."""
    found = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('audit', 'audit_head')"
    triggers = connection.exec_driver_sql(found).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _, text in triggers:
        connection.exec_driver_sql(text)


def _events(now: datetime, outputs: list[dict[str, Any]]) -> Iterator[AuditEvent]:
    while True:
        for output in outputs:
            job = (("job", output["job"]),)
            yield AuditEvent(now, "system", "output.in_review", output["ident"], job)
            yield AuditEvent(now, CLEO, "output.viewed", output["ident"])
