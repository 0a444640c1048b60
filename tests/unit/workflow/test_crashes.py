"""Invariant 6: between whichever two calls to the world a process dies, the job ends once and right."""

import os
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import pytest

from broker.domain.errors import Breach, Unavailable
from broker.domain.jobs.job import FailureCode, JobState, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import WorkerPorts
from broker.worker import reconcile
from broker.workflow.reviewing import output_review
from broker.workflow.reviewing.output_review import Ballot
from tests.one_worker import complete_job, due, lease, run_job
from tests.unit.workflow.conftest import CLEO, PYTHON, ROSA, SQL, Broker, send

APART = int(os.environ.get("PROOF_CALLS_APART", "2"))
"""Between two calls at which it dies; in a proof it dies at each."""

pytestmark = pytest.mark.long


class Killed(BaseException):
    """kill -9: nothing in the broker catches it."""


class Fuse:
    """Lets `left` calls through, over all ports; then kills before the next one. (Just after one is the same: between
    two calls nothing is done that anybody could see.)"""

    def __init__(self, left: int, error: type[BaseException] = Killed) -> None:
        self.left, self.error = left, error

    def burn(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise self.error


class Mortal:
    """A port whose calls burn the fuse."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if not callable(member):  # a port of a port
            return Mortal(member, self._fuse)

        def call(*given: Any, **named: Any) -> Any:
            self._fuse.burn()
            return member(*given, **named)

        return call


def mortal(ports: WorkerPorts, fuse: Fuse) -> WorkerPorts:
    keep = {"clock", "lease", "release_history"}
    made = {f.name: Mortal(getattr(ports, f.name), fuse) for f in fields(ports) if f.name not in keep}
    memory = replace(
        ports.release_history,
        **{f.name: Mortal(getattr(ports.release_history, f.name), fuse) for f in fields(ports.release_history)},
    )
    return replace(ports, **made, release_history=memory)


def story(ports: WorkerPorts, text: str, client_id: str) -> None:
    """From submission to the vote, in one process."""
    job = send(ports, ROSA, text, client_id=client_id)
    run_job(ports, job)
    vote(ports, job)
    complete_job(ports, job)


def vote(ports: WorkerPorts, job: str) -> None:
    cleo = ports.store.person(CLEO)
    for output in ports.store.outputs_of(job):
        if output.state is OutputState.IN_REVIEW:
            seen = output_review.view_output(ports, cleo, output.ident)
            hashes = (seen.output.staff_hash, seen.output.findings_hash, seen.memory_version)
            output_review.cast_vote(ports, cleo, output.ident, Ballot(VoteChoice.APPROVE, "meets-rules", *hashes))


def finish(broker: Broker, text: str, client_id: str) -> str:
    """The researcher sends again, the reconciler makes good, the checker looks again: until nothing is left to do, and
    once more."""
    job = send(broker.ports, ROSA, text, client_id=client_id)
    for _ in range(3):
        is_decided = broker.store.job(job).state is JobState.DECIDED
        broker.reconcile()
        for waiting in due(broker.ports, WorkKind.RUN):
            broker.run(waiting.subject)
        vote(broker.ports, job)
        if is_decided:
            break
    broker.reconcile()
    return job


@pytest.mark.parametrize(("text", "votes"), [(SQL, 0), (SQL, 1), (PYTHON, 1)], ids=["sql-0", "sql-1", "python-1"])
def test_invariant_6_and_1_dying_at_any_call_still_makes_exactly_one_release(broker, text, votes):
    """Invariants 1 and 6: at calls in turn; then the chain is followed from end to end."""
    if votes == 0:
        broker.govern(votes=0)
    deaths = votes % APART  # what stories have in common, they die at in turns
    while True:
        fuse = Fuse(deaths)
        with suppress(Killed):
            story(mortal(broker.ports, fuse), text, f"story-{deaths}")
        job = finish(broker, text, f"story-{deaths}")
        assert broker.store.job(job).state is JobState.DECIDED, deaths
        assert [o.state for o in broker.store.outputs_of(job)] == [OutputState.RELEASED], deaths
        release = broker.store.release_of(job)
        events = broker.events(job)
        assert (events.count("job.submitted"), events.count("job.assessed"), events.count("job.decided")) == (1, 1, 1)
        assert broker.events(release.ident) == ["release.made"]
        output = broker.store.output(release.outputs[0])
        assert broker.ports.content_store.get("released", output.release_hash)
        if fuse.left >= 0:
            break
        deaths += APART
    assert deaths > 25
    assert broker.store.verify_audit().broken is None
    assert not broker.vaults.there


def test_a_service_that_is_away_costs_an_attempt_and_never_the_job(broker):
    """At calls in turn the service does not answer, and then it does."""
    deaths, died = 0, True
    while died:
        fuse = Fuse(deaths, error=Unavailable)
        job = broker.send(client_id=f"away-{deaths}")
        with suppress(Unavailable):
            run_job(mortal(broker.ports, fuse), job)
        died = fuse.left < 0
        finish(broker, SQL, f"away-{deaths}")
        assert broker.store.job(job).state is JobState.DECIDED, deaths
        deaths += APART
    assert broker.store.verify_audit().broken is None


def test_attempts_are_bounded(broker):
    """A job whose worker dies every time fails as infrastructure, and its sandboxes were killed first."""
    job = broker.send()
    attempts = broker.policies.service.max_attempts
    for attempt in range(1, attempts + 1):
        lease(broker.ports, WorkKind.RUN, job)
        broker.reconcile()
        assert broker.sandbox.killed[-1] == (job, attempt)
    found = broker.store.job(job)
    assert (found.state, found.failure) == (JobState.FAILED, FailureCode.INFRASTRUCTURE)


def test_a_sandbox_killed_by_the_reaper_is_no_failure_of_the_job(broker):
    """The worker lives, but its lease has lapsed (a stalled machine, a clock that is off): the reaper's kill shows in
    the worker as a crash, before the reaper has moved the job on."""
    from broker.domain.ports import SandboxEnd

    job = broker.send()
    broker.sandbox.end = SandboxEnd.CRASHED

    def lapse(_request: Any) -> None:
        broker.clock.at += broker.ports.lease * 2

    broker.sandbox.during = lapse
    assert not broker.run(job)
    assert broker.store.job(job).state is JobState.RUNNING
    broker.sandbox.end, broker.sandbox.during = SandboxEnd.ENDED, None
    broker.reconcile()
    assert broker.store.job(job).state is JobState.QUEUED
    assert broker.run(job)
    assert broker.sandbox.ran == [(job, 1), (job, 2)]


def test_a_lapsed_lease_is_never_prolonged(broker):
    job = broker.send()
    item, now = lease(broker.ports, WorkKind.RUN, job), broker.clock.now()
    ends, late = now + broker.ports.lease * 2, now + broker.ports.lease * 3
    assert broker.store.renew_work(item, ends, now)
    assert not broker.store.renew_work(item, late + broker.ports.lease, late)


def test_two_workers_at_once_run_a_job_once(broker):
    job = broker.send()
    second: list[bool] = []
    broker.sandbox.during = lambda _request: second.append(broker.run(job))
    assert broker.run(job)
    assert second == [False]
    assert broker.sandbox.ran == [(job, 1)]


def test_a_lease_lost_while_the_vault_is_built_starts_no_sandbox(broker):
    job = broker.send()

    def lose() -> None:
        broker.vaults.asked = None
        broker.reconcile()

    broker.vaults.asked = lose
    assert not broker.run(job)
    assert broker.sandbox.ran == []
    assert broker.store.job(job).state is JobState.QUEUED


def test_a_vault_is_not_removed_under_a_running_job_and_goes_after_it(broker):
    def removing(_request: Any) -> None:
        reconcile.remove_vaults(broker.ports)
        assert broker.vaults.there == {"v-P0421-s1"}

    broker.sandbox.during = removing
    job, output = broker.ran()
    reconcile.remove_vaults(broker.ports)
    assert broker.vaults.there, "a job in review is not finished"
    broker.vote(CLEO, output.ident)
    assert reconcile.remove_vaults(broker.ports) == 1
    assert broker.store.job(job).state is JobState.DECIDED


def test_a_vault_removed_before_the_job_could_name_it_is_built_again(broker):
    asked = []

    def remove_first() -> None:
        asked.append(1)
        if len(asked) == 1:
            reconcile.remove_vaults(broker.ports)

    broker.vaults.asked = remove_first
    broker.sandbox.during = lambda _request: asked.append(set(broker.vaults.there))
    broker.ran()
    assert {"v-P0421-s1"} in asked


def test_one_poisoned_job_blocks_no_other_job(broker, monkeypatch):
    """Content of one approved output is gone; the job behind it is released all the same."""
    broker.govern(votes=0)
    first, second = broker.send(client_id="1"), broker.send(client_id="2")
    with monkeypatch.context() as patched:
        for job in (first, second):
            patched.setattr(broker.store, "release", Mortal(broker.store, Fuse(0)).release_of)
            with pytest.raises(Killed):
                broker.run(job)
    whole, spoilt = broker.ports.content_store.get, iter([Breach("spoilt")])

    def get(shelf: str, digest: str) -> bytes:
        for error in spoilt:
            raise error
        return whole(shelf, digest)

    monkeypatch.setattr(broker.ports.content_store, "get", get)
    broker.reconcile()
    assert broker.store.release_of(first) is None
    assert broker.store.release_of(second) is not None


def test_a_job_given_back_rests_before_its_next_attempt(broker):
    """An engine that is away for a while must not use up all attempts within seconds."""
    job = broker.send(SQL)
    broker.sandbox.during = _engine_is_away
    broker.run(job)
    offers = len(broker.ports.queue.offers)
    reconcile.offer_waiting(broker.ports)
    assert len(broker.ports.queue.offers) == offers
    broker.ports.clock.at += broker.ports.lease * 2  # the end of the slot of time in which a lease has passed
    reconcile.offer_waiting(broker.ports)
    assert len(broker.ports.queue.offers) == offers + 1


def _engine_is_away(_request):
    raise Unavailable("The container engine does not answer.")
