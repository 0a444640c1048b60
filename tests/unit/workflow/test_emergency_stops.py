"""One administrator stops everything at once. Only two lift the stop. No job runs during it."""

from dataclasses import replace
from datetime import timedelta
from time import monotonic, sleep

import pytest

from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.jobs.job import JobState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.projects.stops import StopKind
from broker.worker import lease_renewer, reconcile
from broker.workflow.administration import emergency_stops, user_accounts
from tests.one_worker import lease
from tests.unit.workflow.conftest import ADA, AMIR, CLEO, PROJECT, REX, ROSA


def stop(broker, by, kind, subject, reason="A complaint is looked into."):
    return emergency_stops.stop(broker.ports, broker.person(by), kind, subject, reason)


def lift(broker, by, kind, subject):
    return emergency_stops.lift(broker.ports, broker.person(by), kind, subject)


def leased(broker, job):
    return lease(broker.ports, WorkKind.RUN, job, timedelta(seconds=600))


def actions(broker):
    return [line.event.action for line in broker.store.audit()]


def test_a_stopped_project_ends_its_jobs_and_takes_no_more(broker):
    waiting, other = broker.send(), broker.send()
    running = leased(broker, other)
    token = user_accounts.make_token(broker.ports, broker.person(ROSA), ROSA)
    assert stop(broker, ADA, StopKind.PROJECT, PROJECT) == 2
    assert {broker.store.job(j).state for j in (waiting, other)} == {JobState.WITHDRAWN}
    now = broker.clock.now()
    assert not broker.store.renew_work(running, now + timedelta(seconds=9), now)
    assert user_accounts.person_by_token(broker.ports, token) is None
    with pytest.raises(Conflict, match="stopped this project"):
        broker.send()
    assert actions(broker).count("job.stopped") == 2
    assert "project.stopped" in actions(broker)


def test_a_stopped_person_is_out_and_their_jobs_end(broker):
    job = broker.send()
    token = user_accounts.make_token(broker.ports, broker.person(ROSA), ROSA)
    stop(broker, ADA, StopKind.PERSON, ROSA)
    assert broker.store.job(job).state is JobState.WITHDRAWN
    assert user_accounts.person_by_token(broker.ports, token) is None
    assert not broker.person(ROSA).active


def test_two_lift_a_stop_and_one_cannot_alone(broker):
    stop(broker, ADA, StopKind.PROJECT, PROJECT)
    assert not lift(broker, ADA, StopKind.PROJECT, PROJECT)
    assert not lift(broker, ADA, StopKind.PROJECT, PROJECT), "asking twice is not two"
    assert lift(broker, AMIR, StopKind.PROJECT, PROJECT)
    assert broker.store.job(broker.send()).state is JobState.QUEUED
    with pytest.raises(Unknown):
        lift(broker, AMIR, StopKind.PROJECT, PROJECT)


def test_an_account_comes_back_only_by_lifting_and_only_as_it_was(broker):
    rosa, rex = broker.person(ROSA), broker.person(REX)
    stop(broker, ADA, StopKind.PERSON, ROSA)
    user_accounts.save_person(broker.ports, broker.person(ADA), rosa)
    with pytest.raises(Conflict, match="lift the stop first"):
        user_accounts.save_person(broker.ports, broker.person(AMIR), rosa)
    lift(broker, AMIR, StopKind.PERSON, ROSA)
    assert lift(broker, ADA, StopKind.PERSON, ROSA)
    assert broker.person(ROSA).active
    user_accounts.save_person(broker.ports, broker.person(ADA), replace(rex, active=False))
    stop(broker, ADA, StopKind.PERSON, REX)
    lift(broker, ADA, StopKind.PERSON, REX)
    lift(broker, AMIR, StopKind.PERSON, REX)
    assert not broker.person(REX).active, "what was inactive before is inactive still"


def test_who_may_stop_what(broker):
    for person in (ROSA, CLEO):
        with pytest.raises((Unknown, Forbidden)):
            stop(broker, person, StopKind.PROJECT, PROJECT)
    with pytest.raises(Forbidden):
        stop(broker, ADA, StopKind.PERSON, ADA)
    with pytest.raises(Unknown):
        stop(broker, ADA, StopKind.PROJECT, "P9999")
    with pytest.raises(Unknown):
        stop(broker, ADA, StopKind.PERSON, "nobody")
    for reason in (" ", "x" * 501, "a\x00b"):
        with pytest.raises(Invalid):
            stop(broker, ADA, StopKind.PROJECT, PROJECT, reason)
    stop(broker, ADA, StopKind.PERSON, AMIR)
    with pytest.raises(Conflict):
        stop(broker, ADA, StopKind.PERSON, AMIR)


def test_a_stop_that_died_half_way_is_finished_by_the_worker(broker, monkeypatch):
    job = broker.send()
    with monkeypatch.context() as patched:
        patched.setattr(emergency_stops, "withdraw_stopped_jobs", lambda *_: 0)
        stop(broker, ADA, StopKind.PROJECT, PROJECT)
    assert broker.store.job(job).state is JobState.QUEUED
    now = broker.clock.now()
    assert broker.store.lease_work(WorkKind.RUN, job, "w", now, now) is None, "and never starts meanwhile"
    assert reconcile.end_all_stopped(broker.ports) == 1
    assert broker.store.job(job).state is JobState.WITHDRAWN


def test_a_running_sandbox_is_killed_within_a_second_or_so(broker):
    """The heart looks each second, although it renews the lease less often."""
    job = broker.send()
    item = leased(broker, job)
    killed = []

    class Sandbox:
        def terminate(self, job, attempt):
            killed.append((job, attempt))

    from dataclasses import replace

    ports = replace(broker.ports, sandbox=Sandbox(), lease=timedelta(seconds=60))
    with lease_renewer.lease_renewer(ports)(item):
        stop(broker, ADA, StopKind.PROJECT, PROJECT)
        since = monotonic()
        while not killed and monotonic() - since < 5:
            sleep(0.05)
    assert killed == [(job, item.attempt)]
    assert monotonic() - since < 3
