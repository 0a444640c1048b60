"""From submission to release and recall, and the limits of people who collude, err or leave."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.disclosure.judge_job import judge_job
from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.findings import Finding, Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import FailureCode, JobState, OutputState
from broker.domain.jobs.reviews import Vote, VoteChoice
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import RegisterFilter, VoteRecord
from broker.workflow.access import relation_of
from broker.workflow.administration import user_accounts
from broker.workflow.pipeline import executors, job_release
from broker.workflow.reviewing import checker_inbox, output_review
from broker.workflow.submission.job_withdrawal import withdraw
from broker.workflow.views import job_views
from tests.one_worker import lease
from tests.unit.workflow.conftest import ADA, AMIR, CARA, CHRIS, CLEO, PROJECT, PYTHON, REX, ROSA


def profile_changed(broker, **changes):
    profiles = tuple(replace(p, **changes) if p.name == "npd-default" else p for p in broker.policies.profiles)
    return broker.put_in_force(replace(broker.policies, profiles=profiles))


def refusing(broker):
    """A table that the rules refuse, in review: what judging gives is replaced by two findings that refuse."""
    findings = tuple(Finding(rule, Verdict.REFUSE, "Too little.") for rule in ("F1", "F3"))

    def refuse(*given):
        return tuple(replace(a, findings=findings, verdict=Verdict.REFUSE) for a in judge_job(*given))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(executors, "judge_job", refuse)
        return broker.ran()[1]


def test_the_whole_way(broker):
    job, output = broker.ran()
    assert output.state is OutputState.IN_REVIEW
    assert broker.vote(CLEO, output.ident) == "released"
    assert job_release.download(broker.ports, broker.person(ROSA), output.ident).content.startswith(b"NCyearActual,n")
    job_release.recall(broker.ports, broker.person(ADA), output.ident, "The figures were wrong.")
    with pytest.raises(Conflict):
        job_release.download(broker.ports, broker.person(ROSA), output.ident)
    assert broker.events(job) == ["job.submitted", "job.started", "job.assessed", "job.compared", "job.decided"]
    assert broker.events(output.ident) == [
        "output.in_review", "output.viewed", "output.voted", "output.approved", "output.released",
        "output.downloaded", "output.recalled",
    ]  # fmt: skip
    assert job_views.view_job(broker.ports, broker.person(ROSA), job).state == "recalled"


def test_invariant_1_nothing_leaves_without_a_release(broker):
    """Invariant 1: neither an approved output of an undecided job, nor one that was never approved."""
    broker.sandbox.files = {"a.csv": b"x\n100\n", "b.csv": b"x\n200\n"}
    job, first = broker.ran(PYTHON)
    assert broker.vote(CLEO, first.ident) == "approved"
    assert broker.store.release_of(job) is None
    for output in broker.store.outputs_of(job):
        with pytest.raises(Unknown):
            job_release.download(broker.ports, broker.person(ROSA), output.ident)
    second = broker.store.outputs_of(job)[1]
    assert broker.vote(CLEO, second.ident, VoteChoice.REJECT) == "rejected"
    assert broker.store.release_of(job).outputs == (first.ident,)


def test_invariant_1_a_withdrawn_job_releases_nothing(broker):
    """Invariant 1: not even what was approved before; a vote after it decides nothing."""
    broker.sandbox.files = {"a.csv": b"x\n100\n", "b.csv": b"x\n200\n"}
    job, first = broker.ran(PYTHON)
    second = broker.store.outputs_of(job)[1]
    ballot = broker.ballot(CLEO, second.ident)
    broker.vote(CLEO, first.ident)
    withdraw(broker.ports, broker.person(ROSA), job)
    with pytest.raises(Conflict):
        output_review.cast_vote(broker.ports, broker.person(CLEO), second.ident, ballot)
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
    withdraw(broker.ports, broker.person(ROSA), job)
    assert whole(job).state is JobState.WITHDRAWN


def line(broker, subject):
    return AuditEvent(broker.clock.now(), "broker", "job.started", subject)


def test_a_vote_on_what_was_judged_by_other_rules_approves_nothing(broker):
    """Policy raised the threshold between assessing and the vote: findings are of the old rules."""
    _, output = broker.ran()
    profile_changed(broker, t=20)
    with pytest.raises(Conflict) as caught:
        broker.vote(CLEO, output.ident)
    assert caught.value.code == "rules-changed"
    assert broker.vote(CLEO, output.ident, VoteChoice.RETURN) == "returned"


def test_what_policy_lets_go_by_itself_does_not_go_under_other_rules(broker):
    """Accepted when no vote was needed; run when one is; and judged by rules that have changed before routing."""
    broker.govern(votes=0)
    job = broker.send()
    broker.put_in_force(broker.policies)
    assert broker.run(job)
    (output,) = broker.store.outputs_of(job)
    assert output.state is OutputState.IN_REVIEW


def test_rules_that_change_while_a_job_runs_bring_it_before_a_person(broker):
    broker.policies = broker.govern(votes=0)
    broker.sandbox.during = lambda _request: profile_changed(broker, t=12)
    _, output = broker.ran()
    assert output.state is OutputState.IN_REVIEW


def test_an_expired_project_releases_nothing_by_itself(broker):
    broker.policies = broker.govern(votes=0)
    broker.sandbox.during = lambda _request: broker.govern(votes=0, expires=broker.clock.at.date() - timedelta(days=1))
    _, output = broker.ran()
    assert output.state is OutputState.IN_REVIEW


def test_a_project_that_policy_dropped_gets_nothing_until_it_is_back(broker):
    broker.sandbox.files = {"a.csv": b"x\n100\n", "b.csv": b"x\n200\n"}
    job, first = broker.ran(PYTHON)
    broker.vote(CLEO, first.ident)
    others = tuple(p for p in broker.policies.projects if p.ident != PROJECT)
    broker.put_in_force(replace(broker.policies, projects=others))
    broker.vote(CLEO, broker.store.outputs_of(job)[1].ident, VoteChoice.REJECT)
    broker.reconcile()
    assert (broker.store.job(job).state, broker.store.release_of(job)) == (JobState.ASSESSING, None)
    with pytest.raises(Unknown):
        broker.send()
    broker.put_in_force(broker.policies)
    broker.reconcile()
    assert broker.store.release_of(job).outputs == (first.ident,)


def test_a_job_is_checked_again_when_it_starts(broker):
    job = broker.send()
    grants = tuple(g for g in project(broker).grants if g.table != "npd.absence")
    broker.govern(grants=grants)
    broker.run(job)
    found = broker.store.job(job)
    assert (found.state, found.failure) == (JobState.FAILED, FailureCode.POLICY_CHANGED)


def project(broker):
    return broker.policies.project(PROJECT)


def test_two_votes_and_a_third_where_they_differ(broker):
    broker.govern(votes=2)
    _, output = broker.ran()
    assert broker.vote(CLEO, output.ident) == "in_review"
    with pytest.raises(Conflict, match="already voted on this output"):
        broker.vote(CLEO, output.ident)
    assert broker.vote(CHRIS, output.ident, VoteChoice.REJECT) == "in_review"
    assert broker.vote(CARA, output.ident, VoteChoice.REJECT) == "rejected"


def test_fewer_votes_by_policy_do_not_make_one_approval_beat_one_rejection(broker):
    broker.govern(votes=2)
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    broker.govern(votes=1)
    assert broker.vote(CHRIS, output.ident, VoteChoice.REJECT) == "in_review"
    assert broker.vote(CARA, output.ident, VoteChoice.REJECT) == "rejected"


def test_what_the_rules_refuse_names_every_finding_and_needs_a_second(broker):
    output = refusing(broker)
    for overrides in ((), ("F1",), ("F1", "F3", "NOSUCH")):
        with pytest.raises(Invalid) as caught:
            broker.vote(CLEO, output.ident, VoteChoice.APPROVE, *overrides)
        assert caught.value.pointer == "/overrides"
    assert broker.vote(CLEO, output.ident, VoteChoice.APPROVE, "F1", "F3") == "in_review"
    assert broker.vote(CHRIS, output.ident, VoteChoice.APPROVE, "F1", "F3") == "released"


def test_invariant_2_a_vote_of_someone_who_became_a_colleague_counts_no_more(broker):
    broker.govern(votes=2)
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    broker.govern(votes=2, researchers=project(broker).researchers | {CLEO})
    assert broker.vote(CHRIS, output.ident) == "in_review"
    assert broker.vote(CARA, output.ident) == "released"


def test_invariant_2_a_vote_of_someone_who_has_left_counts_no_more(broker):
    broker.govern(votes=2)
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    user_accounts.save_person(broker.ports, broker.person(ADA), replace(broker.person(CLEO), active=False))
    assert broker.vote(CHRIS, output.ident) == "in_review"


def test_invariant_2_a_researcher_who_left_the_project_checks_none_of_its_jobs(broker):
    """Not their own, nor a colleague's of the time when they belonged to it."""
    jobs = [broker.ran(by=REX), broker.ran(by=ROSA)]
    broker.govern(researchers=frozenset({ROSA}))
    as_checker = Person(REX, "Rex", frozenset({Role.RESEARCHER, Role.CHECKER}))
    for administrator in (ADA, AMIR):
        user_accounts.save_person(broker.ports, broker.person(administrator), as_checker)
    assert broker.person(REX).active
    for _, output in jobs:
        with pytest.raises(Unknown):
            output_review.view_output(broker.ports, broker.person(REX), output.ident)
    assert checker_inbox.outputs_waiting(broker.ports, broker.person(REX)) == []


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
    broker.store.cast_all([VoteRecord(vote, [line(broker, output.ident)])])
    assert relation_of(broker.ports, policies, rosa, other, None).checked_by_member


def test_two_checkers_at_once_decide_once(broker):
    """The second vote arrives while the first is being stored: it finds the output decided."""
    _, output = broker.ran()
    ballot = broker.ballot(CHRIS, output.ident)
    broker.vote(CLEO, output.ident)
    with pytest.raises(Conflict):
        output_review.cast_vote(broker.ports, broker.person(CHRIS), output.ident, ballot)
    assert broker.events(output.ident).count("output.released") == 1


def test_a_recall_has_no_figures(broker):
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    with pytest.raises(Invalid, match="do not include figures"):
        job_release.recall(broker.ports, broker.person(CLEO), output.ident, "cell 7 had 3 pupils")


def test_who_may_not_download(broker):
    _, output = broker.ran()
    broker.vote(CLEO, output.ident)
    for ident in (ADA, CLEO):
        with pytest.raises(Forbidden):
            job_release.download(broker.ports, broker.person(ident), output.ident)


def test_invariant_12_what_was_released_survives_its_project(broker):
    job, output = broker.ran()
    broker.vote(CLEO, output.ident)
    before = broker.store.register(RegisterFilter())
    assert [e.release for e in before] == [broker.store.release_of(job).ident]
    others = tuple(p for p in broker.policies.projects if p.ident != PROJECT)
    broker.put_in_force(replace(broker.policies, projects=others))
    broker.reconcile()
    assert broker.store.register(RegisterFilter()) == before
    assert broker.ports.content_store.get("released", output.release_hash)
