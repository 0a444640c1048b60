"""One administrator stops everything at once. Only two lift the stop. No job runs during it."""

import threading
from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.jobs.job import JobState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.projects.stops import StopKind
from broker.worker import lease_renewer, reconcile
from broker.workflow.administration import emergency_stops, user_accounts
from tests.one_worker import lease
from tests.unit.workflow.conftest import ADA, AMIR, CLEO, PROJECT, REX, ROSA, refused


def stop(broker, by, kind=StopKind.PROJECT, subject=PROJECT, reason="A complaint is looked into."):
    return broker.by(by, emergency_stops.stop, kind, subject, reason)


def lift(broker, by, kind=StopKind.PROJECT, subject=PROJECT):
    return broker.by(by, emergency_stops.lift, kind, subject)


def leased(broker, job):
    return lease(broker.ports, WorkKind.RUN, job, timedelta(seconds=600))


def test_a_stopped_project_ends_its_jobs_and_takes_no_more(broker):
    waiting, other = broker.send(), broker.send()
    running = leased(broker, other)
    token = broker.by(ROSA, user_accounts.make_token, ROSA)
    assert stop(broker, ADA) == 2
    assert {broker.store.job(j).state for j in (waiting, other)} == {JobState.WITHDRAWN}
    now = broker.clock.now()
    assert not broker.store.renew_work(running, now + timedelta(seconds=9), now)
    assert user_accounts.person_by_token(broker.ports, token) is None
    assert "stopped this project" in str(refused(Conflict, broker.send))
    actions = [line.event.action for line in broker.store.audit()]
    assert (actions.count("job.stopped"), actions.count("project.stopped")) == (2, 1)


def test_two_lift_a_stop_and_one_cannot_alone(broker):
    stop(broker, ADA)
    assert not lift(broker, ADA)
    assert not lift(broker, ADA), "asking twice is not two"
    assert lift(broker, AMIR)
    assert broker.store.job(broker.send()).state is JobState.QUEUED
    refused(Unknown, lift, broker, AMIR)


def test_a_stopped_person_is_out_and_comes_back_only_by_lifting_and_only_as_they_were(broker):
    rosa, rex = broker.person(ROSA), broker.person(REX)
    job = broker.send()
    token = broker.by(ROSA, user_accounts.make_token, ROSA)
    stop(broker, ADA, StopKind.PERSON, ROSA)
    assert broker.store.job(job).state is JobState.WITHDRAWN
    assert user_accounts.person_by_token(broker.ports, token) is None
    assert not broker.person(ROSA).active
    broker.by(ADA, user_accounts.save_person, rosa)
    assert "lift the stop first" in str(broker.refuses(AMIR, Conflict, user_accounts.save_person, rosa))
    lift(broker, AMIR, StopKind.PERSON, ROSA)
    assert lift(broker, ADA, StopKind.PERSON, ROSA)
    assert broker.person(ROSA).active
    broker.by(ADA, user_accounts.save_person, replace(rex, active=False))
    stop(broker, ADA, StopKind.PERSON, REX)
    for administrator in (ADA, AMIR):
        lift(broker, administrator, StopKind.PERSON, REX)
    assert not broker.person(REX).active, "what was inactive before is inactive still"


WHO = [
    (ROSA, StopKind.PROJECT, PROJECT, "A reason.", Unknown), (CLEO, StopKind.PROJECT, PROJECT, "A reason.", Forbidden),
    (ADA, StopKind.PERSON, ADA, "A reason.", Forbidden), (ADA, StopKind.PROJECT, "P9999", "A reason.", Unknown),
    (ADA, StopKind.PERSON, "nobody", "A reason.", Unknown), (ADA, StopKind.PROJECT, PROJECT, " ", Invalid),
    (ADA, StopKind.PROJECT, PROJECT, "x" * 501, Invalid), (ADA, StopKind.PROJECT, PROJECT, "a\x00b", Invalid),
]  # fmt: skip


def test_who_may_stop_what(broker):
    for by, kind, subject, reason, error in WHO:
        refused(error, stop, broker, by, kind, subject, reason)
    stop(broker, ADA, StopKind.PERSON, AMIR)
    refused(Conflict, stop, broker, ADA, StopKind.PERSON, AMIR)


def test_a_stop_that_died_half_way_is_finished_by_the_worker(broker, monkeypatch):
    job = broker.send()
    with monkeypatch.context() as patched:
        patched.setattr(emergency_stops, "withdraw_stopped_jobs", lambda *_: 0)
        stop(broker, ADA)
    assert broker.store.job(job).state is JobState.QUEUED
    now = broker.clock.now()
    assert broker.store.lease_work(WorkKind.RUN, job, "w", now, now) is None, "and never starts meanwhile"
    assert reconcile.end_all_stopped(broker.ports) == 1
    assert broker.store.job(job).state is JobState.WITHDRAWN


def test_a_running_sandbox_is_killed_long_before_its_lease_is_renewed(broker):
    """The renewer looks each second, although it renews the lease of an hour each ten minutes."""
    job, ended, sandbox = broker.send(), threading.Event(), Mock()
    sandbox.terminate.side_effect = lambda *_: ended.set()
    item = leased(broker, job)
    ports = replace(broker.ports, sandbox=sandbox, lease=timedelta(hours=1))
    with lease_renewer.lease_renewer(ports)(item):
        stop(broker, ADA)
        assert ended.wait(timeout=120)
    sandbox.terminate.assert_called_once_with(job, item.attempt)
