"""A job's text is compiled twice in its life: when it is submitted, and when it starts, under the policy of that day.
Pages, review, comparison and release read what was understood then."""

from collections import Counter

import pytest

from broker.domain.jobs.job import JobKind, Submission
from broker.domain.jobs.job_check import JobCheck, job_check_from_json, job_check_to_json
from broker.workflow.checking import stored_checks, submission_check
from broker.workflow.reviewing import output_review, review_context
from broker.workflow.submission.job_submission import submit
from broker.workflow.views import job_views
from tests.unit.workflow.conftest import CLEO, PROJECT, ROSA, SQL, Broker


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each text was compiled."""
    found, compile_sql = Counter[str](), submission_check.compile_sql

    def counting(text: str, *more: object, **also: object) -> object:
        found[text] += 1
        return compile_sql(text, *more, **also)

    monkeypatch.setattr(submission_check, "compile_sql", counting)
    return found


def sent(broker: Broker, text: str) -> str:
    """A job, refused or not."""
    draft = Submission(PROJECT, JobKind.SQL, "", text, "Absence", "A test.")
    return broker.by(ROSA, submit, draft)[0].ident


def test_a_job_is_compiled_twice_in_its_life(broker: Broker, compiled: Counter[str]) -> None:
    job, output = broker.ran()
    broker.by(ROSA, job_views.view_job, job)
    reviewed = broker.by(CLEO, output_review.view_output, output.ident)
    assert broker.by(CLEO, review_context.context_of, reviewed).uses
    broker.vote(CLEO, output.ident)
    assert broker.store.release_of(job) is not None
    broker.by(ROSA, job_views.view_job, job)
    assert compiled.total() == 2


def test_a_refused_text_is_compiled_once(broker: Broker, compiled: Counter[str]) -> None:
    job = sent(broker, "SELECT nothing FROM npd.absence")
    seen = broker.by(ROSA, job_views.view_job, job)
    assert {r.code for r in seen.refusals} >= {"unknown-variable"}
    assert compiled.total() == 1


def test_another_version_of_the_broker_understands_a_text_again_once(
    broker: Broker, compiled: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = broker.send(SQL)
    before = stored_checks.check_of_job(broker.ports, broker.store.job(job))
    monkeypatch.setattr(stored_checks, "compiler_version", lambda: "another")
    for _ in range(2):
        found = stored_checks.check_of_job(broker.ports, broker.store.job(job))
        assert (found.compiler, found.uses, found.outputs) == ("another", before.uses, before.outputs)
    assert compiled.total() == 2


def test_what_is_stored_of_a_check_is_read_as_it_was(broker: Broker) -> None:
    for text in (SQL, "SELECT nothing FROM npd.absence"):
        check = broker.store.job_check(sent(broker, text))
        assert isinstance(check, JobCheck)
        assert check.uses or check.refusals
        assert job_check_from_json(job_check_to_json(check)) == check
