"""Times as carriers: the duration of a job is an output. No page or API shows more of it than the slot.

`PROOF_TIMES` says how many secrets are drawn, `PROOF_STEP` how many seconds lie between two looks of an observer.
"""

import os
import random
import re
import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from broker.domain.errors import Invalid
from broker.domain.jobs.job import FailureCode, JobState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import RegisterFilter, SandboxEnd
from broker.policy.service_limits import ServiceLimits
from broker.worker import reconcile
from broker.workflow.job_scheduling import WorkerSlot, jobs_in_turn, next_job
from broker.workflow.pipeline import job_release, pipeline
from broker.workflow.slot_work import resume_hold
from broker.workflow.submission.job_withdrawal import withdraw
from broker.workflow.timing_channel import check_slots
from broker.workflow.views import job_views, public_register
from tests.attacks.timed_town import OTHER_PROJECT, START, SharedClock, bits, watched
from tests.one_worker import lease
from tests.proof_size import report_figures
from tests.unit.workflow.conftest import PYTHON, REX, ROSA, SQL

pytestmark = pytest.mark.long

SECRETS = int(os.environ.get("PROOF_TIMES", "6"))
STEP = min(25.0, float(os.environ.get("PROOF_STEP", "25")))
SLOTS = ServiceLimits.time_slots
NEAR = SQL.replace("a.AcademicYear = '2022/2023'", "a.AcademicYear = '2022/2023' AND a.FSMeligible IS NOT NULL")


def drawn(number: int, most: float) -> list[float]:
    """As a script would draw them that wants to be read: as many in each slot. The last ones share a slot."""
    die = random.Random(19)
    bounds = list(zip((0.0, *SLOTS), SLOTS, strict=False))
    usable = [(low, high) for low, high in bounds if high <= most]
    return [die.uniform(low + 0.5, high - 0.5) for low, high in (usable[n % len(usable)] for n in range(number))]


def slot_of(seconds: float) -> int:
    return next(s for s in SLOTS if seconds <= s)


def script_and_what_waits(secret: float, end: SandboxEnd, withdrawn: float | None = None) -> tuple[object, ...]:
    """One project's script sleeps for a secret. Jobs of both projects, a rehearsal and another script wait behind it,
    sent before and while it runs."""
    fixed = {"script": secret, "behind": 7.0}
    with watched(lambda name, request: fixed.get(name, 0.5), STEP) as town:
        town.npd.sandbox.end = end
        script = town.send("script", PYTHON)
        town.clock.at_second(1, lambda: town.send("own sql"))
        town.clock.at_second(2, lambda: town.send("other sql", SQL, REX, OTHER_PROJECT))
        town.clock.at_second(3, lambda: town.rehearse("rehearsal"))
        town.clock.at_second(41, lambda: town.send("behind", PYTHON, REX, OTHER_PROJECT))
        town.clock.at_second(70, lambda: town.send("later sql", SQL, REX, OTHER_PROJECT))
        if withdrawn is not None:
            person = town.npd.person(ROSA)
            town.clock.at_second(withdrawn, lambda: town.tries(lambda: withdraw(town.npd.ports, person, script)))
        town.work()
        assert len(town.seen) > 1
        return tuple(town.seen)


def test_a_script_shows_its_slot_and_no_more() -> None:
    """Two accounts in two projects, every door, all the time: the same secrets' slots, the same looks."""
    secrets = drawn(SECRETS, 240)
    seen = [script_and_what_waits(s, SandboxEnd.ENDED) for s in secrets]
    slots = [slot_of(s) for s in secrets]
    report_figures("times", {
        "secrets": len(secrets), "seconds between looks": STEP, "slots": len(set(slots)),
        "bits of what was seen": round(bits(seen), 3), "bits of the slots": round(bits(slots), 3),
    })  # fmt: skip
    assert bits(seen) <= bits(slots) == bits(zip(slots, seen, strict=True))


def script_and_a_neighbour(secret: float, sent: float | None = None, rehearses: float = 0) -> tuple[object, ...]:
    """Two slots take scripts. One project's script sleeps for a secret; in the second slot the trial of the other
    project's script waits, or its rehearsals, which it requests again and again."""
    fixed = {"script": secret, "neighbour": 4.0}
    with watched(lambda name, request: fixed.get(name, 0.5), STEP, SharedClock) as town:
        town.send("script", PYTHON)
        if sent is not None:
            town.clock.at_second(sent, lambda: town.send("neighbour", PYTHON, REX, OTHER_PROJECT))
        town.work_side_by_side(260, partial(town.rehearse_again_and_again, rehearses))
        return tuple(town.seen)


def test_a_neighbour_on_synthetic_rows_shows_the_slot_and_no_more() -> None:
    """Who requests rehearsals of scripts again and again sees when real rows are free."""
    secrets = drawn(4 + SECRETS // 10, 120)
    seen = [script_and_a_neighbour(s, rehearses=260) for s in secrets]
    slots = [slot_of(s) for s in secrets]
    assert all(sum(what == "a rehearsal" for _, what in one) > 3 for one in seen)
    report_figures("times_neighbour", {
        "secrets": len(secrets), "slots": len(set(slots)), "bits of what was seen": round(bits(seen), 3),
        "bits of the slots": round(bits(slots), 3),
    })  # fmt: skip
    assert bits(seen) <= bits(slots) == bits(zip(slots, seen, strict=True))


def test_a_trial_that_waits_a_moment_shows_the_slot_and_no_more() -> None:
    """One that waits for no more than `rehearsal_prompt_seconds` is shown at once: when that was is no secret."""
    assert len({script_and_a_neighbour(secret, sent=35) for secret in (36.0, 39.0, 58.0)}) == 1


def test_a_failure_shows_its_slot_and_no_more() -> None:
    secrets = [3.0, 55.0]
    assert len({script_and_what_waits(s, SandboxEnd.CRASHED) for s in secrets}) == 1


@pytest.mark.parametrize("end", [SandboxEnd.ENDED, SandboxEnd.CRASHED])
def test_withdrawing_a_job_does_not_depend_on_its_end(end: SandboxEnd) -> None:
    """One that has failed already, one that has ended and one that runs: one answer, and the worker is free when it
    would have been."""
    first, second = (script_and_what_waits(s, end, withdrawn=45) for s in (3.0, 58.0))
    assert first == second
    assert (0.0, "done") in first


def sql_and_what_waits(seconds: float, moved: float = 0.0) -> tuple[object, ...]:
    fixed = {"asked": seconds}
    with watched(lambda name, request: fixed.get(name, 0.5), STEP) as town:
        town.send("asked", SQL, REX, OTHER_PROJECT)
        town.clock.at_second(1, lambda: town.send("behind"))
        town.work()
        assert town.npd.store.register(RegisterFilter())
        return tuple(town.seen)


def test_a_sql_job_shows_its_slot_and_no_more() -> None:
    """It leaves without a person, and the register shows it at the end of its slot, not when it was ready."""
    assert len({sql_and_what_waits(seconds) for seconds in (0.2, 21.0, 50.0)}) == 1


def repair_times(missing: int) -> tuple[float, tuple[object, ...]]:
    """A5: a table, then the same less so many: few of them cost another run of the evidence. The seconds that it took,
    and what was seen."""
    with watched(lambda name, request: 9.0, STEP) as town:
        engine = town.npd.ports.release_history.engine  # type: ignore[union-attr]
        whole = engine.cells_of  # type: ignore[attr-defined]

        def cells_of(plan: Any, where: Any) -> Any:
            every = {k: range(n * 100, n * 100 + 40) for n, k in enumerate(whole(plan, where))}
            fewer = "FSMeligible" in repr(plan.outputs[where[0]].tables[where[1]].contributions)
            return {k: found[missing:] if fewer else found for k, found in every.items()}

        engine.cells_of = cells_of  # type: ignore[attr-defined]
        town.send("first", SQL, REX, OTHER_PROJECT)
        town.work()
        near = town.send("near", NEAR, REX, OTHER_PROJECT)
        town.clock.at_second(100, lambda: town.send("behind"))
        town.work()
        job = town.npd.store.job(near)
        assert job.started
        assert job.ended
        return (job.ended - job.started).total_seconds(), tuple(town.seen)


def test_rounds_of_repair_disclose_nothing() -> None:
    took, seen = zip(*(repair_times(missing) for missing in (0, 3)), strict=True)
    assert took[1] > took[0] + 5, "the difference costs another run"
    assert seen[0] == seen[1]


def test_the_shown_time_of_a_sql_job_covers_its_longest_comparisons() -> None:
    """By its text and by how much was released before it began: the second job begins with one released table."""
    with watched(lambda name, request: 0.5, compare_milliseconds=100_000) as town:
        town.send("first", SQL, REX, OTHER_PROJECT)
        town.work()
        assert (town.clock.at - START).total_seconds() == 60
        town.send("second", SQL, REX, OTHER_PROJECT)
        town.work()
        assert (town.clock.at - START).total_seconds() == 60 + 120


def test_room_in_a_projects_queue_is_shown_in_slots() -> None:
    """A job that has ended and looks as if it ran takes its place still."""
    with watched(lambda name, request: 1.0, jobs_per_project=1) as town:
        said: list[str] = []
        town.send("asked", PYTHON)
        for second in (0.5, 5, 59):
            town.clock.at_second(second, lambda: said.append(town.room(ROSA, "P0421")))
        town.work()
        assert said == ["too-many-jobs"] * 3
        assert town.room(ROSA, "P0421") == "room"


@pytest.mark.parametrize("read", ["active_jobs", "jobs_begun"])
def test_a_job_that_ends_while_the_queue_is_counted_takes_its_place_still(read, monkeypatch) -> None:
    """Whichever of the two is counted first: the job is seen running, or as one that looks as if it ran."""
    with watched(lambda name, request: 1.0, jobs_per_project=1) as town:
        store = town.npd.ports.store
        job = lease(town.npd.ports, WorkKind.RUN, town.send("script", PYTHON))
        town.clock.sleep(5)
        count = getattr(store, read)

        def end_job_after(*asked: Any) -> Any:
            counted = count(*asked)
            if store.job(job.subject).state is JobState.RUNNING:
                pipeline._end_failed(town.npd.ports, job, FailureCode.CRASHED)
            return counted

        monkeypatch.setattr(store, read, end_job_after)
        assert town.room(ROSA, "P0421") == "too-many-jobs"
        assert store.job(job.subject).state is JobState.FAILED


def test_a_slot_that_was_killed_waits_for_the_end_of_its_slot_of_time() -> None:
    """A script may bring its worker down: the next process of that slot begins nothing before the script's slot ends,
    and its researcher sees it run on."""
    with watched(lambda name, request: 0.5) as town:
        store, ports = town.npd.store, town.npd.ports
        job = town.send("script", PYTHON)
        item = lease(ports, WorkKind.RUN, job)
        town.clock.sleep(31)
        store.give_back(item, town.clock.now(), town.clock.now())
        assert job_views.view_job(ports, town.npd.person(ROSA), job).state == "running"
        resume_hold(ports, "another")
        assert town.clock.at == START + timedelta(seconds=31)
        resume_hold(ports, "w1")
        assert town.clock.at == START + timedelta(seconds=60)
        withdraw(ports, town.npd.person(ROSA), job)
        town.clock.sleep(1)
        assert not store.jobs_begun(town.clock.now()), "it holds nothing for ever"


def test_the_next_attempt_begins_at_the_end_of_a_slot() -> None:
    """Whenever the worker died: another slot may take it, and hold its real rows."""
    begins = []
    for died in (3.0, 24.0):
        with watched(lambda name, request: 0.5) as town:
            ports = replace(town.npd.ports, lease=timedelta(seconds=30))
            job = town.send("script", PYTHON)
            lease(ports, WorkKind.RUN, job)
            town.clock.sleep(died + 31)
            assert reconcile.reap(ports) == 1
            while next_job(ports, town.npd.policies, WorkerSlot()) is None:
                town.clock.sleep(1)
            begins.append((town.clock.at - START).total_seconds())
    assert begins == [60, 60]


def test_attempts_share_one_grid() -> None:
    """What a crash costs is no new beginning: the job's slots are counted from its first attempt."""
    with watched(lambda name, request: 5.0) as town:
        store, ports = town.npd.store, town.npd.ports
        job = town.send("script", PYTHON)
        item = lease(ports, WorkKind.RUN, job)
        town.clock.sleep(31)
        store.give_back(item, town.clock.now(), town.clock.now())
        ports = town.npd.ports = replace(ports, lease=timedelta(0))
        town.work()
        assert town.clock.at == START + timedelta(seconds=60)


def test_the_next_job_is_of_the_project_that_had_the_workers_least() -> None:
    """By what is told: a job takes a worker to the end of its slot of time."""
    with watched(lambda name, request: 61.0 if name == "long" else 1.0) as town:
        town.send("long")
        town.clock.at_second(1, lambda: town.send("own"))
        for number in range(3):
            name = f"other {number}"
            town.clock.at_second(2 + number, lambda name=name: town.send(name, SQL, REX, OTHER_PROJECT))
        town.work()
        order = sorted(town.npd.store.jobs_begun(START), key=lambda job: job.started)
        assert [town.names[job.ident] for job in order] == ["long", "other 0", "other 1", "own", "other 2"]
        town.send("own again")
        town.work()
        town.clock.sleep(town.npd.policies.service.fair_window_seconds)
        first = town.send("own later")
        town.clock.sleep(1)
        town.send("other later", SQL, REX, OTHER_PROJECT)
        assert jobs_in_turn(town.npd.ports, town.npd.policies)[0].ident == first, "what lies long back does not count"


def test_a_lane_is_reserved_for_sql() -> None:
    """Where a worker has several slots, one of them takes no scripts; a single slot takes all."""
    with watched(lambda name, request: 1.0) as town:
        script = town.send("script", PYTHON)
        town.clock.sleep(1)
        sql = town.send("sql", SQL, REX, OTHER_PROJECT)
        ports, policies = town.npd.ports, town.npd.policies
        assert [next_job(ports, policies, WorkerSlot(*slot)) for slot in ((0, 1), (0, 2), (1, 2))] == [
            script,
            sql,
            script,
        ]


def test_real_data_refuse_slots_under_a_minute() -> None:
    with watched(lambda name, request: 1.0) as town:
        service = replace(town.npd.policies.service, time_slots=(10, 60))
        with pytest.raises(Invalid, match="the first slot must last at least 60 seconds"):
            town.npd.put_in_force(replace(town.npd.policies, service=service))
        check_slots(replace(town.npd.ports, synthetic_only=True), replace(town.npd.policies, service=service))


def test_no_time_is_finer_than_a_minute() -> None:
    """In a manifest, in the register, in what its researcher reads of a job."""
    with watched(lambda name, request: 7.3) as town:
        town.clock.sleep(3.7)
        job = town.send("asked", SQL, REX, OTHER_PROJECT)
        town.work()
        ports, person = town.npd.ports, town.npd.person(REX)
        manifest = job_release.manifest(ports, person, job)
        view = job_views.view_job(ports, person, job)
        told = [manifest, *(m.isoformat() for m in (view.created, view.updated))]
        told += [r.released_at.isoformat() for r in public_register.list_releases(ports, RegisterFilter())]
        times = re.findall(r"\d\d:(\d\d:\d\d(?:\.\d+)?)\+00:00", " ".join(told))
        assert len(times) == 4
        assert all(re.fullmatch(r"\d\d:00", t) for t in times)
        listed = town.npd.store.register(RegisterFilter())
        idents = [job, *(o.ident for o in view.outputs), *(r.release for r in listed)]
        assert {uuid.UUID(ident).version for ident in idents} == {4}
