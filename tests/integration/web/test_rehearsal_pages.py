"""Rehearsals on the pages: asked for with and without scripts, followed, cancelled, edited; nobody else's."""

import pytest

from broker.domain.jobs.rehearsals import RehearsalStep
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import LEASE_DURATION
from tests.integration.web.conftest import ADA, CLEO, OTIS, REFUSED_SQL, ROSA, SQL, form_token
from tests.integration.web.every_page import rehearsals_of
from tests.one_worker import due, lease

FORM = {"project": "P0421", "kind": "sql", "title": "By year", "purpose": "A test", "text": SQL}
PRIVATE = "-- private: epsilon 0.1\n" + SQL


def text(browser, path, status=200):
    answer = browser.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[-400:]
    return answer.get_data(as_text=True)


def sent(browser, path, **data):
    return browser.post(path, data={"csrf_token": form_token(text(browser, "/submit")), **data})


def test_without_scripts_the_form_leads_to_the_rehearsals_page(site):
    rosa = site.browser(ROSA)
    answer = sent(rosa, "/submit", **FORM, do="rehearse")
    assert answer.status_code == 302
    page = text(rosa, answer.location)
    assert "This rehearsal is waiting for a worker. Jobs run first." in page
    assert "Refresh" in page
    assert site.queue.offers == [(answer.location.rpartition("/")[2], 0)]
    assert not due(site.ports, WorkKind.RUN)
    edited = text(rosa, f"/submit?rehearsal={answer.location.rpartition('/')[2]}")
    assert 'value="By year"' in edited
    assert "npd.absence AS a" in edited


def test_a_refused_text_shows_its_reasons_and_makes_none(site):
    rosa = site.browser(ROSA)
    answer = sent(rosa, "/submit", **FORM | {"text": REFUSED_SQL}, do="rehearse")
    assert answer.status_code == 200
    assert "There is no variable NoSuchThing here." in answer.get_data(as_text=True)
    part = sent(rosa, "/submit/rehearse", **FORM | {"text": REFUSED_SQL}).get_data(as_text=True)
    assert "There is no variable NoSuchThing here." in part
    assert "You have no rehearsals yet." in text(rosa, "/rehearsals")


def test_with_scripts_a_part_of_the_page_reloads_until_there_is_more(site):
    rosa = site.browser(ROSA)
    part = sent(rosa, "/submit/rehearse", **FORM).get_data(as_text=True)
    address = part.split('hx-get="')[1].split('"')[0]
    assert address.endswith("/state?known=queued-")
    assert rosa.get(address).status_code == 204
    ident = site.queue.offers[0][0]
    answer = rosa.post(
        f"/rehearsals/{ident}/cancel",
        data={"csrf_token": form_token(text(rosa, "/submit"))},
        headers={"HX-Request": "true"},
    )
    assert "Nothing was stored." in answer.get_data(as_text=True)
    assert "Nothing was stored." in text(rosa, address)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            RehearsalStep.MAKING,
            "<strong>Step 1 of 3.</strong> The synthetic NPD of project P0421 is being made. This happens once",
        ),
        (
            RehearsalStep.RUNNING,
            "<strong>Step 2 of 3.</strong> The text is running on the synthetic NPD, for at most 120 seconds.",
        ),
        (RehearsalStep.JUDGING, "<strong>Step 3 of 3.</strong> The rules are being applied to the result."),
    ],
)
def test_how_far_it_is_and_since_when(site, step, told):
    ident, rosa, store = site.rehearsal(), site.browser(ROSA), site.ports.store
    store.note_step(lease(site.ports, WorkKind.REHEARSAL, ident, LEASE_DURATION), step, 7)
    page = text(rosa, f"/rehearsals/{ident}")
    assert told in page
    assert f'max="3" value="{step.number - 1}"' in page
    assert "seconds ago" in page


def test_hidden_figures_are_marked_with_the_rule_that_hides_them(site):
    made, rosa = rehearsals_of(site), site.browser(ROSA)
    page = text(rosa, f"/rehearsals/{made['rehearsed']}")
    for told in ("2 of 4 figures", 'c <span class="app-rules">F1</span>', "Too few persons.", "first 2 of 3 rows"):
        assert told in page
    script = text(rosa, f"/rehearsals/{made['rehearsed_script']}")
    for told in (
        "The script ran to its end.",
        "hello",
        "declared but not written",
        "The 3 characters before them are left out",
    ):
        assert told in script


def test_a_private_query_shows_its_error_and_spend_at_once(site):
    rosa = site.browser(ROSA)
    part = sent(rosa, "/submit/rehearse", **FORM | {"text": PRIVATE}).get_data(as_text=True)
    for told in ("Nothing was spent.", "epsilon 0.1", "of what the project has left", "Mean error", "% interval"):
        assert told in part
    assert "hx-get" not in part
    assert not site.queue.offers


def test_too_many_rehearsals_and_an_empty_text_are_errors_on_the_page(site):
    rosa = site.browser(ROSA)
    assert "Write a text to rehearse." in sent(rosa, "/submit/rehearse", **FORM | {"text": ""}).get_data(True)
    for _ in range(2):
        sent(rosa, "/submit/rehearse", **FORM)
    assert "You already have 2 rehearsals waiting or running" in sent(rosa, "/submit/rehearse", **FORM).get_data(
        as_text=True
    )
    answer = sent(rosa, "/submit", **FORM, do="rehearse")
    assert answer.status_code == 409
    assert "You already have 2 rehearsals waiting or running" in answer.get_data(as_text=True)


@pytest.mark.parametrize(("person", "ask"), [(OTIS, 404), (CLEO, 403), (ADA, 403)])
def test_who_may_not(site, person, ask):
    ident, browser = site.rehearsal(), site.browser(person)
    assert sent(browser, "/submit/rehearse", **FORM).status_code == ask
    assert sent(browser, f"/rehearsals/{ident}/cancel").status_code == 404
    text(browser, f"/submit?rehearsal={ident}", 404)
    assert site.ports.store.requested_rehearsal(ident).is_open
    assert ident not in text(browser, "/rehearsals")
