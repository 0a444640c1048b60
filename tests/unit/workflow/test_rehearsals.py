"""Requested rehearsals: queued by id, run on synthetic data, shown to their author. A crash costs nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest

from broker.domain.errors import Conflict, Invalid, Unavailable, Unknown
from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.rehearsals import OPEN_REHEARSAL_STATES, REHEARSAL_TRANSITIONS, RehearsalState, RehearsalStep
from broker.domain.ports import SandboxEnd
from broker.domain.projects.stops import StopKind
from broker.worker.reconcile import drop_rehearsals, offer_waiting, reap, sweep
from broker.workflow.administration import emergency_stops
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.rehearsal import rehearsal_requests
from tests.one_worker import run_rehearsal
from tests.unit.workflow.conftest import ADA, CLEO, PROJECT, PYTHON, REX, ROSA, SQL, Vaults
from tests.unit.workflow.test_crashes import Fuse, Killed, mortal

pytestmark = pytest.mark.slow

PRIVATE = "-- private: epsilon 0.1\n" + SQL
KEEP = "SELECT a.NCyearActual INTO project.pupils FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023'"


def draft(text=SQL, **more):
    kind = JobKind.PYTHON if text.startswith("# input") else JobKind.SQL
    fields = {"project": PROJECT, "kind": kind, "dialect": "", "text": text, "title": "", "purpose": ""}
    return Submission(**fields | more)


def request_rehearsal(broker, text=SQL, by=ROSA, **more):
    checked, made = rehearsal_requests.request_rehearsal(broker.ports, broker.person(by), draft(text, **more))
    assert made is not None, checked.refusals
    return made.ident


def run(broker, ident, ports=None):
    return run_rehearsal(ports or broker.ports, ident)


def view_rehearsal(broker, ident, by=ROSA):
    return rehearsal_requests.view_rehearsal(broker.ports, broker.person(by), ident)


def later(broker, **more):
    broker.clock.at += timedelta(**more)


def test_the_table_as_it_would_be_released_with_the_rule_of_each_hidden_figure(broker):
    broker.engine.persons = 4
    ident = request_rehearsal(broker, title="By year")
    assert broker.queue.offers == [(ident, 0)]
    assert view_rehearsal(broker, ident).state is RehearsalState.QUEUED
    assert run(broker, ident)
    seen = view_rehearsal(broker, ident)
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
    ident = request_rehearsal(broker, PYTHON)
    run(broker, ident)
    found = view_rehearsal(broker, ident).document
    assert (found["end"], found["log"]) == ("ended", "hello \x00 there")
    assert [o["name"] for o in found["left"]] == ["phases.csv"]
    assert "a.csv" in found["absent"]
    broker.sandbox.there = SandboxEnd.CRASHED
    failing = request_rehearsal(broker, PYTHON)
    run(broker, failing)
    assert view_rehearsal(broker, failing).document["end"] == "crashed"


def test_invariant_11_a_private_text_gets_its_forecast_and_nothing_runs(broker):
    ident = request_rehearsal(broker, PRIVATE)
    private = view_rehearsal(broker, ident).document["private"]
    assert private["expected"]
    assert private["spend"]["epsilon"] == 0.1
    assert not broker.sandbox.ran
    assert not broker.queue.offers
    assert not run(broker, ident)


def test_a_text_that_only_saves_needs_no_run(broker):
    seen = view_rehearsal(broker, request_rehearsal(broker, KEEP))
    assert (seen.state, seen.document["outputs"], broker.queue.offers) == (RehearsalState.DONE, [], [])


def test_a_refused_text_makes_none(broker):
    checked, made = rehearsal_requests.request_rehearsal(
        broker.ports, broker.person(ROSA), draft("SELECT nothing FROM npd.absence")
    )
    assert checked.refusals
    assert made is None
    for bad, code in ((draft(" "), "text"), (draft(title="t" * 201), "title"), (draft(purpose="\x00"), "characters")):
        with pytest.raises(Invalid) as told:
            rehearsal_requests.request_rehearsal(broker.ports, broker.person(ROSA), bad)
        assert told.value.code == code


def test_invariant_11_real_data_are_refused_before_they_are_read(broker, monkeypatch):
    ensure = Vaults.ensure
    monkeypatch.setattr(Vaults, "ensure", lambda self, *given: replace(ensure(self, *given), synthetic=False))
    ident = request_rehearsal(broker)
    run(broker, ident)
    assert view_rehearsal(broker, ident).document["problem"]["code"] == "bad-frames"
    assert not broker.sandbox.ran


@pytest.mark.parametrize("person", [REX, CLEO, ADA])
def test_invariant_8_nobody_else_learns_that_it_is_there(broker, person):
    ident = request_rehearsal(broker)
    for act in (view_rehearsal, lambda b, i, by: rehearsal_requests.cancel_rehearsal(b.ports, b.person(by), i)):
        for found in (ident, "none"):
            with pytest.raises(Unknown) as told:
                act(broker, found, person)
            assert str(told.value) == f"There is no rehearsal {found!r}."
    assert rehearsal_requests.list_rehearsals(broker.ports, broker.person(person)) == []


def test_who_leaves_the_project_sees_none_of_it_and_it_does_not_run(broker):
    ident = request_rehearsal(broker, by=REX)
    broker.govern(researchers=frozenset({ROSA}))
    with pytest.raises(Unknown):
        view_rehearsal(broker, ident, REX)
    run(broker, ident)
    assert broker.store.requested_rehearsal(ident).state is RehearsalState.FAILED
    assert not broker.sandbox.ran


def test_a_stop_ends_it(broker):
    ident = request_rehearsal(broker, by=REX)
    emergency_stops.stop(broker.ports, broker.person(ADA), StopKind.PROJECT, PROJECT, "A test.")
    run(broker, ident)
    assert broker.store.requested_rehearsal(ident).state is RehearsalState.FAILED
    with pytest.raises(Conflict, match="stopped"):
        rehearsal_requests.request_rehearsal(broker.ports, broker.person(ROSA), draft())


def test_few_rehearsals_wait_and_few_are_stored(broker):
    service = replace(broker.policies.service, rehearsals_kept=3, rehearsals_under_way=2)
    broker.put_in_force(replace(broker.policies, service=service))
    first = request_rehearsal(broker)
    request_rehearsal(broker)
    with pytest.raises(Conflict, match="You already have 2 rehearsals waiting or running"):
        request_rehearsal(broker)
    request_rehearsal(broker, PRIVATE)  # needs no worker
    request_rehearsal(broker, by=REX)
    rehearsal_requests.cancel_rehearsal(broker.ports, broker.person(ROSA), first)
    newest = [request_rehearsal(broker, PRIVATE) for _ in range(4)][-1]
    kept = [s.rehearsal.ident for s in rehearsal_requests.list_rehearsals(broker.ports, broker.person(ROSA))]
    assert (len(kept), kept[0]) == (4, newest)  # three, and the one that waits
    later(broker, days=15)
    assert drop_rehearsals(broker.ports) == 3
    assert len(rehearsal_requests.list_rehearsals(broker.ports, broker.person(ROSA))) == 1


def test_stored_rows_of_a_rehearsal_are_bounded(broker):
    service = replace(broker.policies.service, rehearsal_rows=2)
    broker.put_in_force(replace(broker.policies, service=service))
    ident = request_rehearsal(broker)
    run(broker, ident)
    (output,) = view_rehearsal(broker, ident).document["outputs"]
    assert len(output["rows"]) == len(output["hidden"]) == len(output["rules"]) == 2 < output["all_rows"]
    broker.put_in_force(replace(broker.policies, service=replace(service, rehearsal_bytes=100)))
    ident = request_rehearsal(broker)
    run(broker, ident)
    assert view_rehearsal(broker, ident).document["problem"]["code"] == "too-large"


def test_a_cancelled_one_is_harmless_at_any_moment(broker):
    waiting = request_rehearsal(broker)
    rehearsal_requests.cancel_rehearsal(broker.ports, broker.person(ROSA), waiting)
    assert not run(broker, waiting)
    running = request_rehearsal(broker)
    broker.sandbox.during = lambda request: rehearsal_requests.cancel_rehearsal(
        broker.ports, broker.person(ROSA), running
    )
    assert not run(broker, running)
    broker.sandbox.during = None
    done = request_rehearsal(broker)
    run(broker, done)
    rehearsal_requests.cancel_rehearsal(broker.ports, broker.person(ROSA), done)
    for ident in (waiting, running, done):
        seen = view_rehearsal(broker, ident)
        assert (seen.state, seen.document) == (RehearsalState.CANCELLED, None)
    rehearsal_requests.cancel_rehearsal(broker.ports, broker.person(ROSA), done)
    assert broker.events(done).count("rehearsal.cancelled") == 1


def test_how_far_it_is(broker):
    ident, told = request_rehearsal(broker), []
    asked = broker.store.requested_rehearsal

    def during(request):
        told.append(asked(ident).step)

    broker.sandbox.during = during
    note = broker.store.note_step

    def noted(item, step, about=0):
        told.append((step, about))
        note(item, step, about)

    broker.store.note_step = noted
    run(broker, ident)
    assert told == [
        (RehearsalStep.MAKING, 7),
        (RehearsalStep.RUNNING, 0),
        RehearsalStep.RUNNING,
        (RehearsalStep.JUDGING, 0),
    ]


def test_the_expected_time_follows_the_clock_and_the_policy(broker):
    """Nothing of what runs: the seconds since it was asked for, and those that its run may take."""
    sql, script = request_rehearsal(broker), request_rehearsal(broker, PYTHON)
    later(broker, seconds=2.7)
    service = policies_in_force(broker.store).service
    limits = [min(service.rehearsal_wall_seconds, s) for s in (service.sql_wall_seconds, service.python_wall_seconds)]
    for ident, limit in zip((sql, script), limits, strict=True):
        seen = view_rehearsal(broker, ident)
        assert (seen.seconds, seen.limit) == (2, limit)


def test_invariant_9_a_rehearsal_that_waited_for_a_job_does_not_show_its_end(broker):
    """A worker that became free tells of the job before it: until the end of a slot it looks as if it waits."""
    ident = request_rehearsal(broker)
    later(broker, seconds=23)
    broker.sandbox.during = lambda request: seen.append(view_rehearsal(broker, ident).word)
    seen = []
    run(broker, ident)
    assert [*seen, view_rehearsal(broker, ident).word] == ["queued-", "queued-"]
    for _ in range(2):
        with pytest.raises(Conflict):  # asking tells no more
            request_rehearsal(broker), request_rehearsal(broker)
    later(broker, seconds=8)
    assert view_rehearsal(broker, ident).state is RehearsalState.DONE


@pytest.mark.parametrize("text", [SQL, PYTHON], ids=["sql", "python"])
def test_invariant_6_a_rehearsal_whose_worker_dies_at_any_call_is_run_again(broker, text):
    deaths, died = 0, True
    while died:
        fuse, ident = Fuse(deaths), request_rehearsal(broker, text)
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
        seen = view_rehearsal(broker, ident)
        assert (seen.state, bool(seen.document)) == (RehearsalState.DONE, True), deaths
        assert broker.events(ident) == ["rehearsal.asked", "rehearsal.ended"], deaths
        broker.sandbox.running.clear()
    assert deaths > 10
    assert broker.store.verify_audit().broken is None


def test_a_rehearsal_that_is_lost_repeatedly_is_shown_as_lost(broker):
    ident = request_rehearsal(broker)
    broker.sandbox.during = lambda request: (_ for _ in ()).throw(Killed)
    for _ in range(broker.policies.service.max_attempts):
        with pytest.raises(Killed):
            run(broker, ident)
        broker.sandbox.running.clear()
        later(broker, seconds=31)
        reap(broker.ports)
    later(broker, seconds=200)
    seen = view_rehearsal(broker, ident)
    assert (seen.state, seen.document["problem"]["code"]) == (RehearsalState.FAILED, "infrastructure")
    assert len(broker.sandbox.killed) == broker.policies.service.max_attempts


def test_a_service_that_is_away_costs_an_attempt_and_a_silent_queue_nothing(broker):
    broker.queue.answers = False
    ident = request_rehearsal(broker)

    def away(request):
        raise Unavailable("the engine is away")

    broker.sandbox.during = away
    run(broker, ident)
    broker.sandbox.during, broker.queue.answers = None, True
    broker.sandbox.running.clear()
    assert offer_waiting(broker.ports) == 0  # it rests first
    later(broker, seconds=31)
    assert offer_waiting(broker.ports) == 1
    assert run(broker, ident)


def test_the_sweeper_leaves_running_rehearsals_alone(broker):
    ident, left = request_rehearsal(broker), []
    broker.sandbox.during = lambda request: left.append(sweep(broker.ports))
    run(broker, ident)
    assert (left, sweep(broker.ports)) == ([0], 1)


def test_every_state_can_be_left_but_one():
    assert set(REHEARSAL_TRANSITIONS) == set(RehearsalState)
    assert [s for s, after in REHEARSAL_TRANSITIONS.items() if not after] == [RehearsalState.CANCELLED]
    assert {RehearsalState.QUEUED, RehearsalState.RUNNING} == OPEN_REHEARSAL_STATES
