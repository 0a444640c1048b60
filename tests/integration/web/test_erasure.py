"""A person's erasure from its form to the end: two administrators, no key anywhere, earlier snapshots gone."""

import pytest

from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import JobState
from broker.domain.ports import Snapshot
from broker.domain.projects.erasures import ErasureState
from broker.workflow.administration import snapshot_erasures
from broker.workflow.views.person_notices import notices_for
from tests.integration.web.conftest import ADA, AMIR, ROSA, send, text

KEY = "KX9Q7W3"
FORM = {"domain": "PMR", "key": KEY, "case": "E/2026/7"}


def put(site, ident):
    now = site.clock.now()
    site.ports.store.put_snapshot(Snapshot(ident, ident, now, True, "/x", "{}"), [AuditEvent(now, ADA, "p", ident)])


def confirmed(site):
    number = snapshot_erasures.request_erasure(site.ports, site.person(ADA), "PMR", KEY, "E/1")
    snapshot_erasures.confirm_erasure(site.ports, site.person(AMIR), number, KEY)
    return number


def carried_out(site, snapshot):
    removed = []
    left_out = snapshot_erasures.pending_erasures(site.ports)
    put(site, snapshot)
    return snapshot_erasures.carry_out_erasures(site.ports, left_out, snapshot, removed.append), removed, left_out


def test_two_administrators_name_the_same_person(site):
    ada, amir = site.browser(ADA), site.browser(AMIR)
    assert send(ada, "/administration/erasures", **FORM).status_code == 302
    assert "already requested" in send(amir, "/administration/erasures", **FORM).text
    assert "Another administrator has to confirm this erasure." in text(ada, "/administration/erasures")
    assert send(ada, "/administration/erasures/1/confirmation", key=KEY).status_code == 403
    (notice,) = notices_for(site.ports, site.person(AMIR))
    assert "E/2026/7, requested by demo-admin-1, is waiting for you" in notice.sentence
    assert notices_for(site.ports, site.person(ADA)) == []
    wrong = send(amir, "/administration/erasures/1/confirmation", key="KX9Q7W4")
    assert wrong.status_code == 400
    assert "not the key for which the erasure was requested" in wrong.text
    assert send(amir, "/administration/erasures/1/confirmation", key=f" {KEY} ").status_code == 302
    assert send(ada, "/administration/erasures/1/withdrawal").status_code == 409
    assert "will carry out this erasure" in text(ada, "/administration/erasures")
    assert list(site.ports.store.erased_digests()) == [1]


def test_the_key_is_nowhere_but_in_the_digest(site, tmp_path):
    send(site.browser(ADA), "/administration/erasures", **FORM)
    page = text(site.browser(AMIR), "/administration/erasures")
    wrong = send(site.browser(AMIR), "/administration/erasures", **FORM | {"case": "for KX9Q7W3"})
    assert wrong.status_code == 400
    assert KEY not in page + wrong.text.replace("for KX9Q7W3", "")
    site.ports.store._db.engine.dispose()
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path
    events = [line.event for line in site.ports.store.audit() if line.event.action.startswith("erasure")]
    assert [(e.actor, e.action, e.subject, e.codes) for e in events] == [
        (ADA, "erasure.asked", "1", (("case", "E/2026/7"),))
    ]


def test_a_withdrawn_erasure_erases_nobody_and_can_be_requested_again(site):
    ada, amir = site.browser(ADA), site.browser(AMIR)
    send(ada, "/administration/erasures", **FORM)
    assert send(amir, "/administration/erasures/1/withdrawal").status_code == 302
    assert send(amir, "/administration/erasures/1/confirmation", key=KEY).status_code == 409
    assert snapshot_erasures.pending_erasures(site.ports).numbers == ()
    assert send(ada, "/administration/erasures", **FORM).status_code == 302
    assert [e.state for e in site.ports.store.erasures()] == [ErasureState.REQUESTED, ErasureState.WITHDRAWN]


@pytest.mark.parametrize(
    "wrong", [{"domain": "UPN"}, {"key": "two words"}, {"key": ""}, {"domain": "AE_ID", "key": "x1"}, {"case": ""}]
)
def test_bad_input_shows_its_error_at_the_field(site, wrong):
    answer = send(site.browser(ADA), "/administration/erasures", **FORM | wrong)
    assert answer.status_code == 400
    assert f'href="#{next(reversed(wrong))}"' in answer.text
    assert site.ports.store.erasures() == []


def test_a_whole_number_is_the_same_key_however_it_is_written(site):
    number = snapshot_erasures.request_erasure(site.ports, site.person(ADA), "AE_ID", "000123", "E/1")
    digests = [snapshot_erasures.key_digest(site.ports.content_store, domain, "123") for domain in ("AE_ID", "PMR")]
    assert [digest == site.ports.store.erasure(number).digest for digest in digests] == [True, False]


def test_earlier_snapshots_go_with_the_first_one_without_the_person(site):
    put(site, "s1")
    put(site, "s2")
    number = confirmed(site)
    done, removed, left_out = carried_out(site, "s3")
    assert left_out.erased.digest("PMR", KEY) in left_out.erased.digests
    assert (done, sorted(removed)) == (True, ["s1", "s2"])
    found = site.ports.store.erasure(number)
    assert (found.state, found.snapshot) == (ErasureState.DONE, "s3")
    assert [s.retired is None for s in site.ports.store.snapshots()] == [True, False, False]
    assert site.ports.store.latest_snapshot().ident == "s3"
    done, removed, _ = carried_out(site, "s4")
    assert (done, removed) == (True, []), "it is done once"


def test_a_job_that_may_read_an_earlier_snapshot_is_waited_for(site):
    put(site, "s1")
    job = site.submitted()
    number = confirmed(site)
    done, removed, left_out = carried_out(site, "s2")
    assert (done, removed) == (False, [])
    assert site.ports.store.erasure(number).state is ErasureState.LEFT_OUT
    assert site.ports.store.latest_snapshot().ident == "s2", "what is accepted from now on runs without the person"
    later = site.submitted(title="Later")
    now = site.clock.now()
    site.ports.store.advance(job, None, JobState.QUEUED, JobState.WITHDRAWN, now, [AuditEvent(now, ROSA, "w", job)])
    assert snapshot_erasures.carry_out_erasures(site.ports, left_out, "s2", removed.append)
    assert removed == ["s1"]
    assert site.ports.store.job(later).state is JobState.QUEUED
    assert site.ports.store.erasure(number).state is ErasureState.DONE


def test_two_erasures_at_different_times(site):
    put(site, "s1")
    first = confirmed(site)
    assert carried_out(site, "s2")[1] == ["s1"]
    second = snapshot_erasures.request_erasure(site.ports, site.person(AMIR), "STAFF", "T1", "E/2")
    left_out = snapshot_erasures.pending_erasures(site.ports)
    assert left_out.numbers == (first,), "unconfirmed ones are carried out by nobody"
    snapshot_erasures.confirm_erasure(site.ports, site.person(ADA), second, "T1")
    assert carried_out(site, "s3")[1] == ["s2", "s1"]
    assert {e.state for e in site.ports.store.erasures()} == {ErasureState.DONE}
