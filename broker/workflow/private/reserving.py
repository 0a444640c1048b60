"""The spend of a submission, reserved before its job is queued: what is over budget never runs. Charges nothing."""

from dataclasses import replace

from broker.domain.audit import AuditEvent
from broker.domain.errors import Conflict, Refused, Unknown
from broker.domain.jobs import Job
from broker.domain.ledger.spends import SpendState
from broker.domain.people import SYSTEM, Person
from broker.domain.ports import Ports, Snapshot
from broker.workflow.check import Checked


def reserve(ports: Ports, person: Person, job: Job, checked: Checked) -> Job:
    """The job with the snapshot that it is asked of. A question whose answer was released to the project reserves
    nothing. Refused, with every reason, where not enough is left; nothing is queued then."""
    from broker.workflow.private.costs import asked_of, maximum_of  # and OpenDP with it, which other jobs do not need

    assert checked.private is not None
    project, snapshot = job.submission.project, _latest(ports).ident
    asked = asked_of(job.ident, project, snapshot, job.plan_hash, checked.private)
    now = ports.clock.now()
    event = AuditEvent(now, person.ident, "spend.reserved", job.ident, (("project", project),))
    try:
        ports.store.reserve(asked, maximum_of(checked.private), now, [event])
    except Refused as refused:
        codes = (("codes", "+".join(sorted({r.code for r in refused.refusals}))),)
        ports.store.record([AuditEvent(now, person.ident, "spend.refused", project, codes)])
        raise
    return replace(job, snapshot=snapshot)


def _latest(ports: Ports) -> Snapshot:
    try:
        return ports.store.latest_snapshot()
    except Unknown:
        sentence = "There are no data yet of which a private question could be asked; ask when a snapshot is there."
        raise Conflict("no-snapshot", sentence) from None


def give_up(ports: Ports, job: str) -> None:
    """Of a submission that was accepted before, under another id: what was reserved anew comes back at once."""
    now = ports.clock.now()
    if ports.store.spend_of(job) is None:
        return
    try:
        event = AuditEvent(now, SYSTEM.ident, "spend.refunded", job)
        ports.store.settle_spend(job, SpendState.REFUNDED, now, [event])
    except Conflict:
        return
