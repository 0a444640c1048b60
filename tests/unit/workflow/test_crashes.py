"""Invariant 6: between whichever two calls to the world a process dies, the job ends once and right."""

import os
from contextlib import suppress
from dataclasses import fields, replace
from itertools import chain, repeat
from typing import Any
from unittest.mock import DEFAULT, patch

import pytest
from dashboard_kit import Killed

from broker.domain.errors import Breach, Unavailable
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import SandboxEnd, WorkerPorts
from broker.worker import reconcile
from broker.workflow.reviewing import output_review
from tests.one_worker import complete_job, due, run_job
from tests.unit.workflow.conftest import CLEO, PYTHON, ROSA, SQL, Broker, ballot, refused, send

APART = int(os.environ.get("PROOF_CALLS_APART", "2"))
"""Between two calls at which it dies; in a proof it dies at each."""

pytestmark = pytest.mark.long


class Fuse:
    """Lets `left` calls through, over all ports; then kills before the next one. (Just after one is the same: between
    two calls nothing is done that anybody could see.)"""

    def __init__(self, left: int, error: type[BaseException] = Killed) -> None:
        self.left, self.error = left, error

    def burn(self) -> None:
        self.left -= 1
        if self.left == -1:
            self.blow()

    def blow(self) -> None:
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

    def of(port: Any) -> dict[str, Any]:
        return {f.name: Mortal(getattr(port, f.name), fuse) for f in fields(port) if f.name not in keep}

    return replace(ports, **of(ports), release_history=replace(ports.release_history, **of(ports.release_history)))


def story(ports: WorkerPorts, text: str, client_id: str) -> None:
    """From submission to the vote, in one process."""
    job = send(ports, ROSA, text, client_id=client_id)
    run_job(ports, job)
    vote(ports, job)
    complete_job(ports, job)


def vote(ports: WorkerPorts, job: str) -> None:
    for output in ports.store.outputs_of(job):
        if output.state is OutputState.IN_REVIEW:
            cast = ballot(ports, CLEO, output.ident)
            output_review.cast_vote(ports, ports.store.person(CLEO), output.ident, cast)


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


def test_a_sandbox_killed_by_the_reaper_is_no_failure_of_the_job(broker):
    """The worker lives, but its lease has lapsed (a stalled machine, a clock that is off): the reaper's kill shows in
    the worker as a crash, before the reaper has moved the job on."""
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


def test_one_poisoned_job_blocks_no_other_job(broker):
    """Content of one approved output is gone; the job behind it is released all the same."""
    broker.govern(votes=0)
    first, second = broker.send(client_id="1"), broker.send(client_id="2")
    with patch.object(broker.store, "release", side_effect=Killed):
        for job in (first, second):
            refused(Killed, broker.run, job)
    shelf, once = broker.ports.content_store, chain([Breach("spoilt")], repeat(DEFAULT))
    with patch.object(shelf, "get", wraps=shelf.get, side_effect=once):
        broker.reconcile()
    assert broker.store.release_of(first) is None
    assert broker.store.release_of(second) is not None
