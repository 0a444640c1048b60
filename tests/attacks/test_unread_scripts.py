"""A script signals by its end, and then is withdrawn, fails or leaves nothing. A checker reads it (H2). A project with
too many unread scripts waits. What a project may send discloses nothing of real rows."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from unittest import mock

import httpx
import pytest

from broker.cli.commands import review_commands
from broker.client import BrokerClient
from broker.domain.errors import Conflict, Forbidden, Invalid, Unknown
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.ports import SandboxEnd
from broker.domain.ports.store_records import AuditFilter
from broker.workflow.administration import user_accounts
from broker.workflow.reviewing import script_failures
from broker.workflow.submission.job_withdrawal import withdraw
from broker.workflow.views import job_views, person_notices
from tests.attacks.broker_town import door
from tests.attacks.script_town import broker
from tests.proof_size import report_figures
from tests.unit.workflow.conftest import ADA, CHRIS, CLEO, PYTHON, REX, ROSA, SQL, Broker

pytestmark = pytest.mark.long

PRINTED = b"born in month 2\n"
Ending = Callable[[Broker], str]


def ran(npd: Broker, **sandbox: Any) -> str:
    """A script that prints, in a sandbox that then is as it was."""
    was = {name: getattr(npd.sandbox, name) for name in sandbox}
    vars(npd.sandbox).update(sandbox)
    npd.sandbox.printed = PRINTED
    npd.run(job := npd.send(PYTHON))
    vars(npd.sandbox).update(was)
    return job


def withdrawn(npd: Broker) -> str:
    """In the middle of its run on real rows, after it has waited as long as a secret said."""
    job = ran(npd, during=lambda request: withdraw(npd.ports, npd.person(ROSA), request.job))
    assert npd.store.job(job).state is JobState.WITHDRAWN
    return job


def withdrawn_later(npd: Broker) -> str:
    withdraw(npd.ports, npd.person(ROSA), job := ran(npd))
    return job


def failed(npd: Broker) -> str:
    return ran(npd, end=SandboxEnd.TIME_LIMIT)


def left_nothing(npd: Broker) -> str:
    job = ran(npd, files={})
    assert npd.store.outputs_of(job) == []
    return job


def withheld(npd: Broker) -> str:
    """Its only output is none that may leave."""
    job = ran(npd, files={"hidden.csv": b"x\n1\n"})
    assert [o.state for o in npd.store.outputs_of(job)] == [OutputState.WITHHELD]
    return job


def in_review(npd: Broker) -> str:
    job = ran(npd)
    assert [o.state for o in npd.store.outputs_of(job)] == [OutputState.IN_REVIEW]
    return job


ENDINGS: tuple[Ending, ...] = (withdrawn, withdrawn_later, failed, left_nothing, withheld)


@pytest.fixture
def npd() -> Iterator[Broker]:
    with broker() as found:
        yield found


def listed(npd: Broker, person: str = CLEO) -> list[str]:
    return [job.ident for job in script_failures.scripts_waiting(npd.ports, npd.person(person))]


def printed(npd: Broker, job: str, person: str = CLEO) -> bytes:
    return script_failures.view_print(npd.ports, npd.person(person), job)


def read(npd: Broker, job: str, person: str = CLEO) -> None:
    script_failures.mark_read(npd.ports, npd.person(person), job)


def limited(npd: Broker, most: int) -> None:
    npd.put_in_force(replace(npd.policies, service=replace(npd.policies.service, unread_scripts=most)))


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_came_to_nothing_is_listed_with_its_print_until_it_is_read(npd: Broker, ending: Ending) -> None:
    job = ending(npd)
    assert listed(npd) == listed(npd, CHRIS) == [job]
    assert printed(npd, job) == PRINTED
    read(npd, job)
    assert listed(npd) == []
    (line,) = npd.store.search_audit(AuditFilter(subject=job, action="script.read"))
    assert line.event.actor == CLEO


@pytest.mark.parametrize("ending", ENDINGS)
def test_only_an_independent_checker_who_has_opened_it_has_read_it(npd: Broker, ending: Ending) -> None:
    job = ending(npd)
    for somebody, act in product((ROSA, REX, ADA), (printed, read)):
        with pytest.raises((Unknown, Forbidden)):
            act(npd, job, somebody)
    with pytest.raises(Conflict) as told:
        read(npd, job)
    assert told.value.code == "not-looked-at"
    printed(npd, job, CHRIS)
    with pytest.raises(Conflict):
        read(npd, job)
    assert listed(npd) == [job]


def test_what_met_no_real_rows_is_nobodys_to_read(npd: Broker) -> None:
    job = ran(npd, there=SandboxEnd.CRASHED)
    assert npd.store.job(job).state is JobState.FAILED
    withdraw(npd.ports, npd.person(ROSA), queued := npd.send(PYTHON))
    assert listed(npd) == []
    for one in (job, queued):
        with pytest.raises(Unknown):
            printed(npd, one)


def test_what_has_outputs_is_in_the_inbox_and_not_among_these(npd: Broker) -> None:
    in_review(npd)
    npd.ran(SQL)
    assert listed(npd) == []


def refused(npd: Broker, text: str = PYTHON, **more: Any) -> str:
    """The code with which it is refused; nothing where it is accepted."""
    try:
        npd.send(text, **more)
    except Conflict as conflict:
        return conflict.code
    return ""


@pytest.mark.parametrize("ending", [*ENDINGS, in_review])
def test_a_project_with_unread_scripts_waits_however_they_ended(npd: Broker, ending: Ending) -> None:
    """Alike, so that the refusal tells nothing: one in review counts as one that is withheld."""
    limited(npd, 2)
    jobs = [ending(npd), ending(npd)]
    further, sql = refused(npd), refused(npd, SQL)
    report_figures(
        f"unread_scripts_{ending.__name__}", {"scripts": len(jobs), "a further one": further, "SQL": sql or "taken"}
    )
    assert further == "unread-scripts"
    assert sql == ""
    if ending is in_review:
        npd.vote(CLEO, npd.store.outputs_of(jobs[0])[0].ident, VoteChoice.REJECT)
    else:
        printed(npd, jobs[0])
        read(npd, jobs[0])
    assert refused(npd) == ""
    assert refused(npd) == "unread-scripts", "one that waits may meet real rows, too"


def test_a_vote_before_it_was_withdrawn_is_no_reading(npd: Broker) -> None:
    npd.policies = npd.govern(votes=2)
    limited(npd, 1)
    job = in_review(npd)
    npd.vote(CLEO, npd.store.outputs_of(job)[0].ident, VoteChoice.REJECT)
    withdraw(npd.ports, npd.person(ROSA), job)
    assert listed(npd) == [job]
    assert refused(npd) == "unread-scripts"


def test_a_failed_trial_counts_until_its_end_is_shown(npd: Broker) -> None:
    """It met no real rows; but that it ended while a neighbour's rows were there is told in slots."""
    npd.ports = replace(npd.ports, lease=timedelta(hours=1))
    limited(npd, 1)
    npd.sandbox.there = SandboxEnd.CRASHED
    held = npd.sandbox.holding

    @contextmanager
    def late(*given: Any) -> Iterator[bool]:
        npd.clock.sleep(4)
        with held(*given) as turn:
            yield turn

    npd.sandbox.holding = late  # type: ignore[method-assign, assignment]
    npd.run(npd.send(PYTHON), holds=False)
    assert refused(npd) == "unread-scripts"
    npd.clock.sleep(npd.policies.service.time_slots[0])
    assert refused(npd) == ""


def test_sending_again_is_answered_and_a_race_lets_no_more_through(npd: Broker) -> None:
    limited(npd, 3)
    first = npd.send(PYTHON, client_id="once")
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(refused, [npd] * 6))
    report_figures("unread_scripts_at_once", {"sent": len(found), "taken": found.count("")})
    assert sorted(found) == ["", "", *["unread-scripts"] * 4]
    assert npd.send(PYTHON, client_id="once") == first


def shown(npd: Broker, job: str) -> str:
    return job_views.view_job(npd.ports, npd.person(ROSA), job).state


@pytest.mark.parametrize("ending", [left_nothing, withheld])
def test_an_author_learns_a_rule_from_a_person_or_not_at_all(npd: Broker, ending: Ending) -> None:
    def report(words: str) -> None:
        script_failures.report_reason(npd.ports, npd.person(CLEO), job, words)

    job = ending(npd)
    npd.clock.sleep(60)
    assert shown(npd, job) == "waiting for a decision"
    assert script_failures.view_script(npd.ports, npd.person(CLEO), job).by_rule
    for words in ("Two pupils only.", "meets-rules", ""):
        with pytest.raises(Invalid):
            report(words)
    read(npd, job)
    assert shown(npd, job) == "waiting for a decision", "reading tells nothing"
    report("too-much-hidden")
    assert shown(npd, job) == "not released"
    assert reason_of(npd, job) == script_failures.SCRIPT_REASONS["too-much-hidden"]
    (line,) = npd.store.search_audit(AuditFilter(subject=job, action="failure.told"))
    assert line.event.codes == (("rule", "too-much-hidden"),)
    with pytest.raises(Conflict):
        report("ask-us")


def reason_of(npd: Broker, job: str) -> str | None:
    return script_failures.view_trace(npd.ports, npd.person(ROSA), job).told


def test_rules_have_no_figures() -> None:
    assert not any(c.isnumeric() for sentence in script_failures.SCRIPT_REASONS.values() for c in sentence)


def test_checkers_have_a_notice_of_each(npd: Broker) -> None:
    def paths() -> list[str]:
        return [n.path for n in person_notices.notices_for(npd.ports, npd.person(CLEO))]

    job = withheld(npd)
    assert f"/jobs/{job}/failure" in paths()
    printed(npd, job)
    read(npd, job)
    assert f"/jobs/{job}/failure" not in paths()


def hand(npd: Broker, person: str) -> BrokerClient:
    token = user_accounts.make_token(npd.ports, npd.person(person), person)
    return BrokerClient("http://broker.test", token, httpx.WSGITransport(app=door(npd)))


def test_a_checker_reads_by_the_api_and_at_a_terminal(npd: Broker, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(hand(npd, CLEO)) as cleo, closing(hand(npd, ROSA)) as rosa:
        job, other = withdrawn(npd), withheld(npd)
        assert [s["job"] for s in cleo.scripts_to_read()] == [job, other]
        for act in (rosa.printed, rosa.read_script):
            with pytest.raises((Unknown, Forbidden)):
                act(job)
        with pytest.raises(Conflict):
            cleo.read_script(job)
        with mock.patch("broker.cli.commands.review_commands.broker_client", return_value=cleo):
            assert review_commands.read(as_json=True) == 0
            assert [s["job"] for s in json.loads(capsys.readouterr().out)] == [job, other]
            assert review_commands.read(job) == 0
            shown_there = capsys.readouterr().out
            assert PRINTED.decode().strip() in shown_there
            assert "# input: npd.spring_census" in shown_there
            assert review_commands.read(job, done=True) == 0
            assert review_commands.read(other, as_json=True) == 0
            assert review_commands.read(other, tell="small-groups") == 0
        assert cleo.scripts_to_read() == []
        assert reason_of(npd, other) == script_failures.SCRIPT_REASONS["small-groups"]
