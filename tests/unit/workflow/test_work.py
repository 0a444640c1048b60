"""Work that waits is looked at again before long, whatever it waits for."""

from datetime import timedelta

import pytest

from broker.domain.jobs.work_items import WorkKind
from broker.workflow.work import LONGEST_REST
from tests.one_worker import due
from tests.unit.workflow.conftest import Broker


def test_a_release_that_waits_for_hours_rests_for_minutes(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision that comes while a worker looks wakes nobody, and is found then."""
    broker.govern(votes=0)
    hours = broker.clock.now() + timedelta(hours=9)
    monkeypatch.setattr("broker.workflow.pipeline.pipeline.release", lambda *_: hours)
    job, _ = broker.ran()
    assert [item.subject for item in due(broker.ports, WorkKind.RELEASE)] == [job]
    soon, kinds = broker.clock.now() + LONGEST_REST, frozenset({WorkKind.RELEASE})
    assert broker.store.work_due(kinds, soon - timedelta(minutes=1)) == []
    assert [item.subject for item in broker.store.work_due(kinds, soon)] == [job]
