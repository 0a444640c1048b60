"""A worker stalls before any call to the world, others act meanwhile, and it goes on: invariant 6 holds."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
from dashboard_kit import COUNT, DASHBOARD, DORA, open_budgets

from broker.domain.errors import Conflict, Unknown
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.workflow.submission.job_withdrawal import withdraw
from tests.one_worker import due, run_job
from tests.unit.workflow.conftest import SQL, Broker
from tests.unit.workflow.test_crashes import Fuse, mortal

pytestmark = pytest.mark.long

APART = int(os.environ.get("PROOF_CALLS_APART", "5"))
"""Between two calls before which it stalls; in a proof it stalls before each."""

PRIVATE = COUNT.replace("0.5", "0.05").replace("WHERE", "WHERE NCyearActual <> '{}' AND")
"""Another question each time: what is known already is released again without a charge."""


class Stall(Fuse):
    """Lets `left` calls through; then `meanwhile` happens before the next one."""

    def __init__(self, left: int, meanwhile: Callable[[], object]) -> None:
        super().__init__(left)
        self.meanwhile = meanwhile

    def blow(self) -> None:
        self.meanwhile()


def others_work(broker: Broker) -> None:
    """The lease of the worker that stalls lapses, and others do all that is left."""
    for _ in range(3):
        broker.reconcile()
        for waiting in due(broker.ports, WorkKind.RUN):
            broker.sandbox.running.clear()
            run_job(broker.ports, waiting.subject, "w2")
    broker.reconcile()


def send(broker: Broker, text: str, number: int) -> str:
    more = {} if text is SQL else {"by": DORA, "project": DASHBOARD}
    return broker.send(text.format(number), client_id=str(number), **more)


def stalled(broker: Broker, text: str, first: int, meanwhile: Callable[[str], object]) -> Iterator[str]:
    """Jobs whose worker stalls before later and later calls, until it makes no more. Each is as others leave it."""
    number, stall = first, None
    while stall is None or stall.left < 0:
        job = send(broker, text, number)
        stall = Stall(number, partial(meanwhile, job))
        run_job(mortal(broker.ports, stall), job)
        broker.sandbox.running.clear()
        others_work(broker)
        yield job
        number += APART


def done_once(broker: Broker, job: str) -> None:
    """One release, one charge and one answer, and nobody has a lease any more."""
    done = Counter(broker.events(job))
    assert [o.state for o in broker.store.outputs_of(job)] == [OutputState.RELEASED]
    assert (done["job.assessed"], done["job.decided"]) == (1, 1)
    private = broker.store.job(job).is_private
    assert (done["spend.charged"], done["spend.answered"], done["spend.released"]) == (private,) * 3
    assert broker.store.work_leased() == []


@pytest.fixture(params=[SQL, PRIVATE], ids=["exact", "private"])
def text(broker: Broker, request: pytest.FixtureRequest) -> str:
    broker.govern(votes=0)
    open_budgets(broker)
    found: str = request.param
    return found


def test_invariant_6_a_worker_whose_work_others_have_done_does_none_of_it_twice(broker: Broker, text: str) -> None:
    found = list(stalled(broker, text, 0, lambda _job: others_work(broker)))
    for job in found:
        done_once(broker, job)
    assert len(found) > 5
    assert broker.store.verify_audit().broken is None


def test_a_worker_whose_job_is_withdrawn_writes_nothing_more(broker: Broker, text: str) -> None:
    """Unless it had made the release by then."""

    def withdrawn(job: str) -> None:
        with suppress(Unknown, Conflict):
            broker.by(broker.store.job(job).researcher, withdraw, job)

    found = list(stalled(broker, text, 1, withdrawn))
    for job in found:
        if broker.store.job(job).state is JobState.WITHDRAWN:
            assert {o.state for o in broker.store.outputs_of(job)} <= {OutputState.WITHDRAWN, OutputState.APPROVED}
            assert broker.store.release_of(job) is None
        else:
            done_once(broker, job)
    assert sum(broker.store.job(job).state is JobState.WITHDRAWN for job in found) > 3
    assert broker.store.work_leased() == []
