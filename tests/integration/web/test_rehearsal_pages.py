"""Rehearsals on the pages: asked for with and without scripts, followed, cancelled, edited; nobody else's."""

import pytest

from broker.domain.jobs.rehearsals import RehearsalStep
from broker.domain.jobs.work_items import WorkKind
from broker.domain.ports import LEASE_DURATION
from tests.integration.web.conftest import ADA, CLEO, OTIS, REFUSED_SQL, ROSA, SQL, form_token, missing, send, text
from tests.integration.web.every_page import rehearsals_of
from tests.one_worker import due, lease

FORM = {"project": "P0421", "kind": "sql", "title": "By year", "purpose": "A test", "text": SQL}
PRIVATE = "-- private: epsilon 0.1\n" + SQL


def test_without_scripts_the_form_leads_to_the_rehearsals_page(site):
    rosa = site.browser(ROSA)
    answer = send(rosa, "/submit", **FORM, do="rehearse")
    assert answer.status_code == 302
    waiting = "This rehearsal is waiting for a worker. Jobs run first."
    assert missing(text(rosa, answer.location), waiting, "Refresh") == []
    ident = answer.location.rpartition("/")[2]
    assert site.queue.offers == [(ident, 0)]
    assert not due(site.ports, WorkKind.RUN)
    assert missing(text(rosa, f"/submit?rehearsal={ident}"), 'value="By year"', "npd.absence AS a") == []


def test_a_refused_text_shows_its_reasons_and_makes_none(site):
    rosa, refused = site.browser(ROSA), FORM | {"text": REFUSED_SQL}
    for address, do in (("/submit", "rehearse"), ("/submit/rehearse", "")):
        answer = send(rosa, address, **refused, do=do)
        assert answer.status_code == 200
        assert "There is no variable NoSuchThing here." in answer.text
    assert "You have no rehearsals yet." in text(rosa, "/rehearsals")


def test_with_scripts_a_part_of_the_page_reloads_until_there_is_more(site):
    rosa = site.browser(ROSA)
    part = send(rosa, "/submit/rehearse", **FORM).text
    address = part.split('hx-get="')[1].split('"')[0]
    assert address.endswith("/state?known=queued-")
    assert rosa.get(address).status_code == 204
    token = {"csrf_token": form_token(text(rosa, "/"))}
    answer = rosa.post(f"/rehearsals/{site.queue.offers[0][0]}/cancel", data=token, headers={"HX-Request": "true"})
    assert "Nothing was stored." in answer.text
    assert "Nothing was stored." in text(rosa, address)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (RehearsalStep.MAKING, "The synthetic NPD of project P0421 is being made. This happens once"),
        (RehearsalStep.RUNNING, "The text is running on the synthetic NPD, for at most 120 seconds."),
        (RehearsalStep.JUDGING, "The rules are being applied to the result."),
    ],
)
def test_how_far_it_is_and_since_when(site, step, told):
    ident, rosa, store = site.rehearsal(), site.browser(ROSA), site.ports.store
    store.note_step(lease(site.ports, WorkKind.REHEARSAL, ident, LEASE_DURATION), step, 7)
    whole, done = f"<strong>Step {step.number} of 3.</strong> {told}", f'max="3" value="{step.number - 1}"'
    assert missing(text(rosa, f"/rehearsals/{ident}"), whole, done, "seconds ago") == []


def test_hidden_figures_are_marked_with_the_rule_that_hides_them(site):
    made, rosa = rehearsals_of(site), site.browser(ROSA)
    figures = ("2 of 4 figures", 'c <span class="app-rules">F1</span>', "Too few persons.", "first 2 of 3 rows")
    assert missing(text(rosa, f"/rehearsals/{made['rehearsed']}"), *figures) == []
    ran = (
        "The script ran to its end.",
        "hello",
        "declared but not written",
        "The 3 characters before them are left out",
    )
    assert missing(text(rosa, f"/rehearsals/{made['rehearsed_script']}"), *ran) == []


def test_a_private_query_shows_its_error_and_spend_at_once(site):
    rosa = site.browser(ROSA)
    part = send(rosa, "/submit/rehearse", **FORM | {"text": PRIVATE}).text
    told = ("Nothing was spent.", "epsilon 0.1", "of what the project has left", "Mean error", "% interval")
    assert missing(part, *told) == []
    assert "hx-get" not in part
    assert not site.queue.offers


def test_too_many_rehearsals_and_an_empty_text_are_errors_on_the_page(site):
    rosa = site.browser(ROSA)
    assert "Write a text to rehearse." in send(rosa, "/submit/rehearse", **FORM | {"text": ""}).text
    for _ in range(2):
        send(rosa, "/submit/rehearse", **FORM)
    part, page = send(rosa, "/submit/rehearse", **FORM), send(rosa, "/submit", **FORM, do="rehearse")
    for answer in (part, page):
        assert "You already have 2 rehearsals waiting or running" in answer.text
    assert page.status_code == 409


@pytest.mark.parametrize("person", [OTIS, CLEO, ADA])
def test_a_rehearsal_is_in_nobody_elses_list_and_ended_by_nobody_else(site, person):
    """Which answers they get: test_every_page.py."""
    ident, browser = site.rehearsal(), site.browser(person)
    assert send(browser, f"/rehearsals/{ident}/cancel").status_code == 404
    assert site.ports.store.requested_rehearsal(ident).is_open
    assert ident not in text(browser, "/rehearsals")
