"""What operations record in the store: notices sent by email, and the last report of each worker."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select

from broker.domain.identity.audit import AuditEvent
from broker.domain.ports import WorkerReport
from broker.storage.audit_store import StorePart
from broker.storage.database import columns_of, value_of
from broker.storage.tables.administration_tables import notices_mailed, worker_reports


class SqlMailedNotices(StorePart):
    """The part of the store that prevents sending a notice twice."""

    def mailed(self, person: str) -> frozenset[str]:
        query = select(notices_mailed.c.key).where(notices_mailed.c.person == person)
        return frozenset(self._db.values(query))

    def note_mailed(self, person: str, keys: Sequence[str], now: datetime, events: Sequence[AuditEvent]) -> None:
        known = self.mailed(person)
        rows = [{"person": person, "key": key, "at": now} for key in dict.fromkeys(keys) if key not in known]
        with self._change(events) as connection:
            if rows:
                connection.execute(insert(notices_mailed), rows)


class SqlWorkerReports(StorePart):
    """The part of the store through which administrators see workers."""

    def report_worker(self, report: WorkerReport) -> None:
        with self._db.write() as connection:
            connection.execute(delete(worker_reports).where(worker_reports.c.worker == report.worker))
            connection.execute(insert(worker_reports).values(columns_of(worker_reports, report)))

    def worker_reports(self) -> list[WorkerReport]:
        """Return the last reports, newest first."""
        query = select(worker_reports).order_by(worker_reports.c.at.desc()).limit(50)
        return [value_of(WorkerReport, row) for row in self._db.rows(query)]
