"""How the whole system is, for administrators: what waits, which services answer, what each worker said last."""

from dataclasses import dataclass
from datetime import timedelta

from broker.domain.people import Person
from broker.domain.ports import Ports, WorkerReport
from broker.workflow import watch

SILENT_AFTER = timedelta(seconds=60)
"""A worker reports every ten seconds; one that has not for so long is not there."""


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    report: WorkerReport
    silent: bool


@dataclass(frozen=True, slots=True)
class Health:
    gauges: watch.Gauges
    ready: watch.Ready
    workers: tuple[WorkerSeen, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What somebody has to look at, in sentences."""
        found = [] if self.ready.queue else ["The queue does not answer: jobs wait until it does."]
        working = [w for w in self.workers if not w.silent]
        if not working:
            found.append("No worker has reported within a minute: nothing runs.")
        facts = [dict(w.report.facts) for w in working]
        found += [f"A sandbox does not hold real data: {f['missing']}." for f in facts if f.get("missing")]
        return tuple(found)


def look(ports: Ports, person: Person) -> Health:
    gauges = watch.gauges(ports, person)
    now = ports.clock.now()
    workers = tuple(WorkerSeen(r, now - r.at > SILENT_AFTER) for r in ports.store.worker_reports())
    return Health(gauges, watch.ready(ports), workers)
