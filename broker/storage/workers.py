"""What workers last said of themselves, in the store: one row a worker. Nothing is decided by it."""

from sqlalchemy import delete, insert, select

from broker.domain.ports import WorkerReport
from broker.storage.database import Database
from broker.storage.tables.administration import worker_reports


class Workers:
    """The part of the store that administrators see workers by."""

    _db: Database

    def report_worker(self, report: WorkerReport) -> None:
        facts = [list(pair) for pair in report.facts]
        with self._db.write() as connection:
            connection.execute(delete(worker_reports).where(worker_reports.c.worker == report.worker))
            connection.execute(insert(worker_reports).values(worker=report.worker, at=report.at, facts=facts))

    def worker_reports(self) -> list[WorkerReport]:
        """The one that reported last first."""
        query = select(worker_reports).order_by(worker_reports.c.at.desc()).limit(50)
        with self._db.read() as connection:
            rows = connection.execute(query)
            return [WorkerReport(r.worker, r.at, tuple((k, v) for k, v in r.facts)) for r in rows]
