"""Runs the recipes of confirmed public tables, one after the other, each under a lease of its own. Idempotent: what a
crash left is run again, and enters the memory once."""

from datetime import timedelta

import structlog

from broker.domain.errors import Conflict
from broker.domain.ports import WorkerPorts
from broker.domain.public_tables import PublicTable
from broker.worker.heartbeat import public_keeper
from broker.workflow.release_history.public import enter

log = structlog.get_logger()

LONGEST_REST = 20
"""Leases between two attempts, at most."""


def run_public_tables(ports: WorkerPorts) -> int:
    """Every one that waits and rests no more."""
    return sum(_run(ports, table) for table in ports.store.public_tables_to_run(ports.clock.now()))


def _run(ports: WorkerPorts, table: PublicTable) -> bool:
    """An attempt whose worker is gone has its sandbox ended first, confirmed gone."""
    now = ports.clock.now()
    attempt = ports.store.lease_public_table(table.ident, now + ports.lease, now)
    if attempt is None:
        return False
    if attempt > 1:
        ports.sandbox.terminate(table.ident, attempt - 1)
    try:
        with public_keeper(ports)(table.ident, attempt):
            enter(ports, table.ident, attempt)
    except Exception as error:
        if isinstance(error, Conflict) and error.code == "stale":
            return False
        log.warning("public table", subject=table.ident, error=type(error).__name__)
        ports.store.rest_public_table(table.ident, attempt, ports.clock.now() + _rest(ports, attempt))
        return False
    return True


def _rest(ports: WorkerPorts, attempt: int) -> timedelta:
    return min(attempt, LONGEST_REST) * ports.lease
