"""Many at once, on both databases: exactly one wins, the others hear it, and the audit chain holds."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from broker.domain.errors import Conflict
from broker.domain.jobs.job import JobState, OutputState, TimeSlots, fair_order, seconds_used
from broker.domain.jobs.reviews import agreed_choice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.population_caps import MeasuredPopulation
from broker.domain.ports import ListFilter, RegisterFilter, VoteRecord
from broker.storage.sql_store import open_store

MANY = 8


def at_once(url, act, number=MANY):
    """Call act(store, n) from `number` threads, each with a store of its own, as near to one moment as can be."""
    barrier = threading.Barrier(number)

    def one(n):
        store = open_store(url)
        try:
            barrier.wait()
            return act(store, n)
        except Conflict as conflict:
            return conflict.code
        finally:
            store.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def test_of_many_leases_exactly_one(store, given, url):
    job = given.queued().ident
    event = given.event("job.started")
    won = at_once(url, lambda s, n: s.lease_work(WorkKind.RUN, job, f"w{n}", given.at(60), given.at(1), [event]))
    assert sum(lease is not None for lease in won) == 1
    assert store.job(job).attempt == 1
    assert [line.event.action for line in store.audit()].count("job.started") == 1


def test_workers_that_choose_at_once_take_turns_between_projects(store, given, url):
    """Each chooses by the store, and again where another was faster: half of the leases are of the project that came
    later."""
    slots = TimeSlots((60, 120))
    for project in ("P0421", "P0999"):
        for _ in range(MANY):
            given.queued(project=project)

    def take(s, n):
        while True:
            waiting = s.jobs(ListFilter(states=frozenset({JobState.QUEUED.value})))
            used = seconds_used(s.jobs_begun(given.at()), slots, given.at(1), timedelta(hours=1))
            job = fair_order(waiting, used, slots)[0]
            event = given.event("job.started")
            if s.lease_work(WorkKind.RUN, job.ident, f"w{n}", given.at(60), given.at(1), [event]) is not None:
                return job.submission.project

    assert Counter(at_once(url, take)) == {"P0421": MANY / 2, "P0999": MANY / 2}


def test_of_many_releases_exactly_one(store, given, url):
    job, outputs = given.decided(OutputState.APPROVED, OutputState.APPROVED)
    made = [given.release(job, outputs) for _ in range(MANY)]

    def release(s, n):
        s.release(*made[n], given.at(6), [given.event("release.made")])
        return "released"

    results = at_once(url, release)
    assert sorted(results) == ["already-released"] * (MANY - 1) + ["released"]
    assert [line.event.action for line in store.audit()].count("release.made") == 1
    assert len(store.register(RegisterFilter())) == 1


def test_of_many_who_measure_a_population_the_last_one_stays(store, url):
    def measure(s, n):
        for again in range(5):
            s.put_measured(
                [MeasuredPopulation("s1", "p", "pupils", "npd.a", 2022, 10, ("LA=301",), (100 * n + again,))]
            )
        return n

    at_once(url, measure)
    (found,) = store.measured("s1")
    assert found.sizes[0] % 100 == 4


def test_the_same_submission_sent_many_times_is_one_job(store, given, url):
    jobs = [given.job(client_id="c1") for _ in range(MANY)]
    idents = at_once(url, lambda s, n: s.accept(jobs[n], [given.event("job.submitted")]).ident)
    assert len(set(idents)) == 1
    assert [line.event.action for line in store.audit()].count("job.submitted") == 1


def test_withdrawing_and_ending_at_once_leaves_one_end(store, given, url):
    job = given.running().ident
    ends = (JobState.WITHDRAWN, JobState.ASSESSING)

    def end(s, n):
        s.advance(job, None, JobState.RUNNING, ends[n % 2], given.at(2), [given.event("job.ended")])
        return ends[n % 2]

    results = at_once(url, end)
    assert results.count("stale") == MANY - 1
    assert store.job(job).state == next(r for r in results if r != "stale")


def test_two_checkers_at_once_cannot_both_miss_the_decision(store, given, url):
    for _ in range(3):
        _, (output,) = given.assessing(OutputState.IN_REVIEW)

        def decide(votes):
            agreed = agreed_choice(votes, 2)
            return None if agreed is None else (OutputState.APPROVED, None, [given.event("output.approved")])

        votes = [given.vote(output, checker) for checker in ("carl", "dora")]
        at_once(url, lambda s, n: s.cast_all([VoteRecord(votes[n], [given.event()], decide)]), 2)  # noqa: B023
        assert store.output(output).state is OutputState.APPROVED


def test_one_checker_voting_many_times_at_once_has_one_vote(store, given, url):
    _, (output,) = given.assessing(OutputState.IN_REVIEW)
    results = at_once(url, lambda s, n: s.cast_all([VoteRecord(given.vote(output), [given.event()])]))
    assert results.count("already-voted") == MANY - 1
    assert len(store.votes_of(output)) == 1


def test_one_policy_proposal_is_applied_once(store, given, url):
    store.propose_policy(given.policy("b" * 64), [given.event()])
    results = at_once(url, lambda s, n: s.apply_policy("b" * 64, f"admin-{n + 2}", given.at(1), [given.event()]))
    assert results.count(None) == 1
    assert set(results) <= {None, "already-applied", "stale"}


def test_appends_from_many_sides_leave_the_chain_whole(store, given, url):
    before, _ = store.audit_head()

    def append(s, n):
        for k in range(20):
            s.record([given.event("test.done", f"t{n}-{k}"), given.event("test.again", f"t{n}-{k}")])

    at_once(url, append)
    checked = store.verify_audit()
    assert (checked.lines, checked.broken) == (before + MANY * 40, None)
    subjects = [(line.event.action, line.event.subject) for line in store.audit(before + 1)]
    # Events of one call stand side by side.
    assert all(subjects[i][1] == subjects[i + 1][1] for i in range(0, len(subjects), 2))


def test_one_store_serves_many_threads(store, given):
    jobs = [given.job() for _ in range(24)]
    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(lambda job: store.accept(job, [given.event()]), jobs))
    assert len(store.work_due(frozenset({WorkKind.RUN}), given.at(60))) == 24
    assert store.verify_audit().broken is None
