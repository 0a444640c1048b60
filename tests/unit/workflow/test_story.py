"""From submission to release and recall, and the limits of people who collude, err or leave."""

from dataclasses import replace
from datetime import date, timedelta
from unittest.mock import patch

import pytest

from broker.disclosure.judge_job import judge_job
from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.findings import Finding, Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.reviews import Vote, VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import VoteRecord
from broker.workflow.access import relation_of
from broker.workflow.administration import user_accounts
from broker.workflow.pipeline import executors, job_release
from broker.workflow.reviewing import checker_inbox, output_review
from broker.workflow.submission.job_withdrawal import withdraw
from broker.workflow.views import job_views
from tests.one_worker import lease
from tests.unit.workflow.conftest import ADA, AMIR, CARA, CHRIS, CLEO, PROJECT, REX, ROSA, refused


def profile_changed(broker, **changes):
    profiles = tuple(replace(p, **changes) if p.name == "npd-default" else p for p in broker.policies.profiles)
    return broker.put_in_force(replace(broker.policies, profiles=profiles))


def refusing(broker):
    """A table that the rules refuse, in review: what judging gives is replaced by two findings that refuse."""
    findings = tuple(Finding(rule, Verdict.REFUSE, "Too little.") for rule in ("F1", "F3"))

    def refuse(*given):
        return tuple(replace(a, findings=findings, verdict=Verdict.REFUSE) for a in judge_job(*given))

    with patch.object(executors, "judge_job", refuse):
        return broker.ran()[1]


def project(broker):
    return broker.policies.project(PROJECT)


def test_the_whole_way(broker):
    job, output = broker.ran()
    assert output.state is OutputState.IN_REVIEW
    assert broker.vote(CLEO, output.ident) == "released"
    assert broker.by(ROSA, job_release.download, output.ident).content.startswith(b"NCyearActual,n")
    broker.refuses(CLEO, Invalid, job_release.recall, output.ident, "cell 7 had 3 pupils")
    broker.by(ADA, job_release.recall, output.ident, "The figures were wrong.")
    broker.refuses(ROSA, Conflict, job_release.download, output.ident)
    assert broker.events(job) == ["job.submitted", "job.started", "job.assessed", "job.compared", "job.decided"]
    assert broker.events(output.ident) == [
        "output.in_review", "output.viewed", "output.voted", "output.approved", "output.released",
        "output.downloaded", "output.recalled",
    ]  # fmt: skip
    assert broker.by(ROSA, job_views.view_job, job).state == "recalled"


def test_invariant_1_nothing_leaves_without_a_release(broker):
    """Invariant 1: neither an approved output of an undecided job, nor one that was never approved."""
    job, (first, second) = broker.ran_script("a.csv", "b.csv")
    assert broker.vote(CLEO, first.ident) == "approved"
    assert broker.store.release_of(job) is None
    for output in (first, second):
        broker.refuses(ROSA, Unknown, job_release.download, output.ident)
    assert broker.vote(CLEO, second.ident, VoteChoice.REJECT) == "rejected"
    assert broker.store.release_of(job).outputs == (first.ident,)


def test_invariant_1_a_withdrawn_job_releases_nothing(broker):
    """Invariant 1: not even what was approved before; a vote after it decides nothing."""
    job, (first, second) = broker.ran_script("a.csv", "b.csv")
    ballot = broker.ballot(CLEO, second.ident)
    broker.vote(CLEO, first.ident)
    broker.by(ROSA, withdraw, job)
    broker.refuses(CLEO, Conflict, output_review.cast_vote, second.ident, ballot)
    broker.reconcile()
    assert broker.store.release_of(job) is None
    assert [o.state for o in broker.store.outputs_of(job)] == [OutputState.APPROVED, OutputState.WITHDRAWN]


def test_withdrawing_while_a_worker_starts_the_job(broker):
    job = broker.send()
    whole, once = broker.store.job, []

    def job_then_start(ident):
        found = whole(ident)
        if not once:
            once.append(1)
            lease(broker.ports, WorkKind.RUN, job)
        return found

    broker.store.job = job_then_start
    broker.by(ROSA, withdraw, job)
    assert whole(job).state is JobState.WITHDRAWN


def test_a_vote_on_what_was_judged_by_other_rules_approves_nothing(broker):
    """Policy raised the threshold between assessing and the vote: findings are of the old rules."""
    _, output = broker.ran()
    profile_changed(broker, t=20)
    assert refused(Conflict, broker.vote, CLEO, output.ident).code == "rules-changed"
    assert broker.vote(CLEO, output.ident, VoteChoice.RETURN) == "returned"


CHANGES = {
    "a vote is needed": lambda broker: broker.govern(votes=1),
    "other rules": lambda broker: profile_changed(broker, t=12),
    "an expired project": lambda broker: broker.govern(votes=0, expires=broker.clock.at.date() - timedelta(days=1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_a_job_runs_brings_it_before_a_person(broker, change):
    broker.policies = broker.govern(votes=0)
    broker.sandbox.during = lambda _request: CHANGES[change](broker)
    _, output = broker.ran()
    assert output.state is OutputState.IN_REVIEW


def test_a_project_that_policy_dropped_gets_nothing_until_it_is_back(broker):
    job, (first, second) = broker.ran_script("a.csv", "b.csv")
    broker.vote(CLEO, first.ident)
    broker.drop_project()
    broker.vote(CLEO, second.ident, VoteChoice.REJECT)
    broker.reconcile()
    assert (broker.store.job(job).state, broker.store.release_of(job)) == (JobState.ASSESSING, None)
    refused(Unknown, broker.send)
    broker.put_in_force(broker.policies)
    broker.reconcile()
    assert broker.store.release_of(job).outputs == (first.ident,)


@pytest.mark.parametrize("by_then", [2, 1])
def test_of_two_who_differ_a_third_decides_although_policy_needs_fewer_by_then(broker, by_then):
    broker.govern(votes=2)
    _, output = broker.ran()
    assert broker.vote(CLEO, output.ident) == "in_review"
    assert "already voted on this output" in str(refused(Conflict, broker.vote, CLEO, output.ident))
    if by_then != 2:
        broker.govern(votes=by_then)
    assert broker.vote(CHRIS, output.ident, VoteChoice.REJECT) == "in_review"
    assert broker.vote(CARA, output.ident, VoteChoice.REJECT) == "rejected"


def test_what_the_rules_refuse_names_every_finding_with_a_reason_and_needs_a_second(broker):
    output = refusing(broker)
    for overrides in ((), ("F1",), ("F1", "F3", "NOSUCH")):
        told = refused(Invalid, broker.vote, CLEO, output.ident, VoteChoice.APPROVE, *overrides)
        assert told.pointer == "/overrides"
    silent = replace(broker.ballot(CLEO, output.ident, VoteChoice.APPROVE, "F1", "F3"), why="")
    assert broker.refuses(CLEO, Invalid, output_review.cast_vote, output.ident, silent).pointer == "/why"
    assert broker.vote(CLEO, output.ident, VoteChoice.APPROVE, "F1", "F3") == "in_review"
    assert broker.store.votes_of(output.ident)[0].why == "A person can see it."
    assert broker.vote(CHRIS, output.ident, VoteChoice.APPROVE, "F1", "F3") == "released"


@pytest.mark.parametrize("by_now", ["a colleague", "not there"])
def test_invariant_2_a_vote_of_someone_who_could_not_vote_today_counts_no_more(broker, by_now):
    broker.govern(votes=2)
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    if by_now == "a colleague":
        broker.govern(votes=2, researchers=project(broker).researchers | {CLEO})
    else:
        broker.by(ADA, user_accounts.save_person, replace(broker.person(CLEO), active=False))
    assert broker.vote(CHRIS, output.ident) == "in_review"
    assert broker.vote(CARA, output.ident) == "released"


def test_invariant_2_a_researcher_who_left_the_project_checks_none_of_its_jobs(broker):
    """Not their own, nor a colleague's of the time when they belonged to it."""
    jobs = [broker.ran(by=REX), broker.ran(by=ROSA)]
    broker.govern(researchers=frozenset({ROSA}))
    as_checker = Person(REX, "Rex", frozenset({Role.RESEARCHER, Role.CHECKER}))
    for administrator in (ADA, AMIR):
        broker.by(administrator, user_accounts.save_person, as_checker)
    assert broker.person(REX).active
    for _, output in jobs:
        broker.refuses(REX, Unknown, output_review.view_output, output.ident)
    assert broker.by(REX, checker_inbox.outputs_waiting) == []


def test_invariant_2_no_checks_in_return_even_by_colleagues(broker):
    """Cleo has voted on a job of P0421 that Rex made: then she checks none of Rosa's, and Rosa none of Cleo's."""
    other = replace(broker.policies.project("P0999"), researchers=frozenset({CLEO}), expires=date(2025, 12, 31))
    rest = tuple(p for p in broker.policies.projects if p.ident != other.ident)
    policies = replace(broker.policies, projects=(*rest, other))
    rosa = replace(broker.person(ROSA), roles=frozenset({Role.RESEARCHER, Role.CHECKER}))
    _, output = broker.ran(by=REX)
    assert not relation_of(broker.ports, policies, rosa, other, None).checked_by_member
    vote = Vote(
        output.ident, CLEO, VoteChoice.REJECT, "ask-us", output.staff_hash, output.findings_hash, "0", output.created
    )
    line = AuditEvent(broker.clock.now(), "broker", "job.started", output.ident)
    broker.store.cast_all([VoteRecord(vote, [line])])
    assert relation_of(broker.ports, policies, rosa, other, None).checked_by_member
