"""Requested rehearsals: queued by id, run on synthetic data, shown to their author. A crash costs nothing."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import Mock

import pytest
from dashboard_kit import Killed

from broker.domain.errors import Conflict, Invalid, Unavailable, Unknown
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.rehearsals import RehearsalState, RehearsalStep
from broker.domain.ports import SandboxEnd
from broker.domain.projects.stops import StopKind
from broker.worker.reconcile import drop_rehearsals, offer_waiting, reap, sweep
from broker.workflow.administration import emergency_stops
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.rehearsal import rehearsal_requests
from tests.one_worker import run_rehearsal
from tests.unit.workflow.conftest import ADA, CLEO, PROJECT, PYTHON, REX, ROSA, SQL, Vaults, refused
from tests.unit.workflow.test_crashes import Fuse, mortal

pytestmark = pytest.mark.slow

PRIVATE = "-- private: epsilon 0.1\n" + SQL
KEEP = "SELECT a.NCyearActual INTO project.pupils FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023'"


def draft(text=SQL, **more):
    kind = JobKind.PYTHON if text.startswith("# input") else JobKind.SQL
    fields = {"project": PROJECT, "kind": kind, "dialect": "", "text": text, "title": "", "purpose": ""}
    return Submission(**fields | more)


def request(broker, text=SQL, by=ROSA, **more):
    checked, made = broker.by(by, rehearsal_requests.request_rehearsal, draft(text, **more))
    assert made is not None, checked.refusals
    return made.ident


def run(broker, ident, ports=None):
    return run_rehearsal(ports or broker.ports, ident)


def view(broker, ident, by=ROSA):
    return broker.by(by, rehearsal_requests.view_rehearsal, ident)


def cancel(broker, ident, by=ROSA):
    broker.by(by, rehearsal_requests.cancel_rehearsal, ident)


def listed(broker, by=ROSA):
    return [s.rehearsal.ident for s in broker.by(by, rehearsal_requests.list_rehearsals)]


def shown(broker, *given, **more):
    """What a new one shows when it has run."""
    ident = request(broker, *given, **more)
    run(broker, ident)
    return view(broker, ident)


def later(broker, **more):
    broker.clock.at += timedelta(**more)


def test_the_table_as_it_would_be_released_with_the_rule_of_each_hidden_figure(broker):
    broker.engine.persons = 4
    ident = request(broker, title="By year")
    assert broker.queue.offers == [(ident, 0)]
    assert view(broker, ident).state is RehearsalState.QUEUED
    assert run(broker, ident)
    seen = view(broker, ident)
    (output,) = seen.document["outputs"]
    assert (seen.state, output["name"], output["columns"]) == (RehearsalState.DONE, "absence", ["NCyearActual", "n"])
    assert output["figures_hidden"] == output["figures"] == len(output["rows"])
    assert all(hidden[1] and rules[1] for hidden, rules in zip(output["hidden"], output["rules"], strict=True))
    assert {rule for rules in output["rules"] for rule in rules[1]} <= output["meaning"].keys()
    assert seen.document["data"]["pupils"] == 500
    assert broker.sandbox.ran == [(ident, 1)]
    assert broker.store.outputs_in("assessed") == 0
    assert broker.events(ident) == ["rehearsal.asked", "rehearsal.ended"]


def test_a_script_with_what_it_printed_and_left(broker):
    broker.sandbox.printed = b"hello \x00 there"
    found = shown(broker, PYTHON).document
    assert (found["end"], found["log"]) == ("ended", "hello \x00 there")
    assert [o["name"] for o in found["left"]] == ["phases.csv"]
    assert "a.csv" in found["absent"]
    broker.sandbox.there = SandboxEnd.CRASHED
    assert shown(broker, PYTHON).document["end"] == "crashed"


def test_invariant_11_a_private_text_gets_its_forecast_and_neither_it_nor_one_that_only_saves_runs(broker):
    ident = request(broker, PRIVATE)
    private = view(broker, ident).document["private"]
    assert private["expected"]
    assert private["spend"]["epsilon"] == 0.1
    assert not broker.sandbox.ran
    assert not broker.queue.offers
    assert not run(broker, ident)
    saves = view(broker, request(broker, KEEP))
    assert (saves.state, saves.document["outputs"], broker.queue.offers) == (RehearsalState.DONE, [], [])


def test_a_refused_text_makes_none(broker):
    ask = rehearsal_requests.request_rehearsal
    checked, made = broker.by(ROSA, ask, draft("SELECT nothing FROM npd.absence"))
    assert checked.refusals
    assert made is None
    for bad, code in ((draft(" "), "text"), (draft(title="t" * 201), "title"), (draft(purpose="\x00"), "characters")):
        assert broker.refuses(ROSA, Invalid, ask, bad).code == code


def test_invariant_11_real_data_are_refused_before_they_are_read(broker, monkeypatch):
    ensure = Vaults.ensure
    monkeypatch.setattr(Vaults, "ensure", lambda self, *given: replace(ensure(self, *given), synthetic=False))
    assert shown(broker).document["problem"]["code"] == "bad-frames"
    assert not broker.sandbox.ran


@pytest.mark.parametrize("person", [REX, CLEO, ADA])
def test_invariant_8_nobody_else_learns_that_it_is_there(broker, person):
    for found in (request(broker), "none"):
        for act in (view, cancel):
            assert str(refused(Unknown, act, broker, found, person)) == f"There is no rehearsal {found!r}."
    assert listed(broker, person) == []


def leave_the_project(broker):
    broker.govern(researchers=frozenset({ROSA}))


def stop_the_project(broker):
    broker.by(ADA, emergency_stops.stop, StopKind.PROJECT, PROJECT, "A test.")
    assert "stopped" in str(refused(Conflict, request, broker))


@pytest.mark.parametrize("act", [leave_the_project, stop_the_project])
def test_who_has_left_the_project_or_is_stopped_sees_none_of_it_and_it_does_not_run(broker, act):
    ident = request(broker, by=REX)
    act(broker)
    if act is leave_the_project:
        refused(Unknown, view, broker, ident, REX)
    run(broker, ident)
    assert broker.store.requested_rehearsal(ident).state is RehearsalState.FAILED
    assert not broker.sandbox.ran


def test_few_rehearsals_wait_and_few_are_stored(broker):
    broker.serve(rehearsals_kept=3, rehearsals_under_way=2)
    first = request(broker)
    request(broker)
    assert "You already have 2 rehearsals waiting or running" in str(refused(Conflict, request, broker))
    request(broker, PRIVATE)  # needs no worker
    request(broker, by=REX)
    cancel(broker, first)
    newest = [request(broker, PRIVATE) for _ in range(4)][-1]
    kept = listed(broker)
    assert (len(kept), kept[0]) == (4, newest)  # three, and the one that waits
    later(broker, days=15)
    assert drop_rehearsals(broker.ports) == 3
    assert len(listed(broker)) == 1


def test_stored_rows_of_a_rehearsal_are_bounded(broker):
    broker.serve(rehearsal_rows=2)
    (output,) = shown(broker).document["outputs"]
    assert len(output["rows"]) == len(output["hidden"]) == len(output["rules"]) == 2 < output["all_rows"]
    broker.serve(rehearsal_rows=2, rehearsal_bytes=100)
    assert shown(broker).document["problem"]["code"] == "too-large"


def test_a_cancelled_one_is_harmless_at_any_moment(broker):
    waiting = request(broker)
    cancel(broker, waiting)
    assert not run(broker, waiting)
    running = request(broker)
    broker.sandbox.during = lambda _request: cancel(broker, running)
    assert not run(broker, running)
    broker.sandbox.during = None
    done = request(broker)
    run(broker, done)
    for ident in (done, done, waiting, running):
        cancel(broker, ident)
        seen = view(broker, ident)
        assert (seen.state, seen.document) == (RehearsalState.CANCELLED, None)
    assert broker.events(done).count("rehearsal.cancelled") == 1


def test_how_far_it_is(broker):
    ident, told = request(broker), []
    asked, note = broker.store.requested_rehearsal, broker.store.note_step

    def noted(item, step, about=0):
        told.append((step, about))
        note(item, step, about)

    broker.sandbox.during = lambda _request: told.append(asked(ident).step)
    broker.store.note_step = noted
    run(broker, ident)
    making, running, judging = RehearsalStep.MAKING, RehearsalStep.RUNNING, RehearsalStep.JUDGING
    assert told == [(making, 7), (running, 0), running, (judging, 0)]


def test_the_expected_time_follows_the_clock_and_the_policy(broker):
    """Nothing of what runs: the seconds since it was asked for, and those that its run may take."""
    sql, script = request(broker), request(broker, PYTHON)
    later(broker, seconds=2.7)
    service = policies_in_force(broker.store).service
    limits = [min(service.rehearsal_wall_seconds, s) for s in (service.sql_wall_seconds, service.python_wall_seconds)]
    for ident, limit in zip((sql, script), limits, strict=True):
        seen = view(broker, ident)
        assert (seen.seconds, seen.limit) == (2, limit)


def test_invariant_9_a_rehearsal_that_waited_for_a_job_does_not_show_its_end(broker):
    """A worker that became free tells of the job before it: until the end of a slot it looks as if it waits."""
    ident, seen = request(broker), []
    later(broker, seconds=23)
    broker.sandbox.during = lambda _request: seen.append(view(broker, ident).word)
    run(broker, ident)
    assert [*seen, view(broker, ident).word] == ["queued-", "queued-"]
    for _ in range(2):
        with pytest.raises(Conflict):  # asking tells no more
            request(broker), request(broker)
    later(broker, seconds=8)
    assert view(broker, ident).state is RehearsalState.DONE


@pytest.mark.parametrize("text", [SQL, PYTHON], ids=["sql", "python"])
def test_invariant_6_a_rehearsal_whose_worker_dies_at_any_call_is_run_again(broker, text):
    deaths, died = 0, True
    while died:
        fuse, ident = Fuse(deaths), request(broker, text)
        try:
            run(broker, ident, mortal(broker.ports, fuse))
        except Killed:
            deaths += 1
        died = fuse.left < 0
        later(broker, seconds=31)
        reap(broker.ports)
        later(broker, seconds=31)
        broker.queue.offers.clear()
        offer_waiting(broker.ports)
        for offered, _ in broker.queue.offers:
            run(broker, offered)
        later(broker, seconds=200)
        seen = view(broker, ident)
        assert (seen.state, bool(seen.document)) == (RehearsalState.DONE, True), deaths
        assert broker.events(ident) == ["rehearsal.asked", "rehearsal.ended"], deaths
        broker.sandbox.running.clear()
    assert deaths > 10
    assert broker.store.verify_audit().broken is None


def test_a_rehearsal_that_is_lost_repeatedly_is_shown_as_lost(broker):
    ident = request(broker)
    broker.sandbox.during = Mock(side_effect=Killed)
    for _ in range(broker.policies.service.max_attempts):
        refused(Killed, run, broker, ident)
        broker.sandbox.running.clear()
        later(broker, seconds=31)
        reap(broker.ports)
    later(broker, seconds=200)
    seen = view(broker, ident)
    assert (seen.state, seen.document["problem"]["code"]) == (RehearsalState.FAILED, "infrastructure")
    assert len(broker.sandbox.killed) == broker.policies.service.max_attempts


def test_a_service_that_is_away_costs_an_attempt_and_a_silent_queue_nothing(broker):
    broker.queue.answers = False
    ident = request(broker)
    broker.sandbox.during = Mock(side_effect=Unavailable("the engine is away"))
    run(broker, ident)
    broker.sandbox.during, broker.queue.answers = None, True
    broker.sandbox.running.clear()
    assert offer_waiting(broker.ports) == 0  # it rests first
    later(broker, seconds=31)
    assert offer_waiting(broker.ports) == 1
    assert run(broker, ident)


def test_the_sweeper_leaves_running_rehearsals_alone(broker):
    ident, left = request(broker), []
    broker.sandbox.during = lambda request: left.append(sweep(broker.ports))
    run(broker, ident)
    assert (left, sweep(broker.ports)) == ([0], 1)
