"""The pages as a browser without scripts sees them, for each role."""

import re
from datetime import timedelta

import pytest

from broker.web.pages.account_pages import ATTEMPTS_EXTENSION
from tests.integration.web.conftest import (
    ADA,
    AMIR,
    CLEO,
    PASSWORD,
    REFUSED_SQL,
    ROSA,
    SQL,
    form_token,
    missing,
    send,
    text,
)

pytestmark = pytest.mark.long

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


def test_refusals_stand_at_their_line_with_advice(site):
    job = site.submitted("-- a comment\n" + REFUSED_SQL)
    page = text(site.browser(ROSA), f"/jobs/{job}")
    line = re.search(r'<div class="app-line app-line--refused" id="line-2">.*?</div>', page, re.S)[0]
    assert missing(line, "NoSuchThing", 'class="app-line__note"') == []


def test_a_form_with_a_fault_comes_back_filled_in_with_a_summary(site):
    browser = site.browser(ROSA)
    answer = send(browser, "/submit", project="P0421", kind="sql", title="", purpose="kept", text="SELECT 1")
    assert answer.status_code == 400
    told = ('href="#title"', 'id="title-error"', 'aria-invalid="true"', ">kept</textarea>", "SELECT 1</textarea>")
    assert missing(answer.text, *told) == []


def test_a_checker_sees_evidence_votes_and_recalls(site):
    _, output = site.assessed()
    browser = site.browser(CLEO)
    assert output in text(browser, "/inbox")
    page = text(browser, f"/outputs/{output}")
    assert missing(page, "103 → 105", "Too few persons.") == []
    hidden = dict(re.findall(r'name="(staff_hash|findings_hash|memory_version)" value="([^"]+)"', page))
    ballot = {"choice": "approve", "reason": "meets-rules", **hidden}
    assert send(browser, f"/outputs/{output}/claim", take="yes").status_code == 302
    wrong = send(browser, f"/outputs/{output}/vote", **ballot | {"reason": "because 3 pupils"})
    assert wrong.status_code == 400
    assert send(browser, f"/outputs/{output}/vote", **ballot).status_code == 302
    assert "Released" in text(browser, f"/outputs/{output}")
    figures = send(browser, f"/outputs/{output}/recall", reason="Wrong by 3.")
    assert figures.status_code == 400
    assert "Wrong by 3.</textarea>" in figures.text
    assert send(browser, f"/outputs/{output}/recall", reason="Wrong.").status_code == 302
    assert "Recalled" in text(site.http(), "/register")


def test_an_account_is_saved_with_a_password(site):
    ada = site.browser(ADA)
    person = {"ident": "new-one", "name": "New", "roles": "checker", "active": "yes", "password": "long enough"}
    assert send(ada, "/administration/people", **person).status_code == 302
    assert "new-one" in text(ada, "/administration/people")


def test_the_catalogue_is_searched(site):
    page = text(site.browser(ROSA), "/catalogue?q=absence+NCyearActual")
    assert missing(page, "npd.absence.NCyearActual", "P0421: ") == []


def test_a_researchers_text_is_never_markup(site):
    hostile = site.submitted("-- " + HOSTILE + "\n" + SQL, title=HOSTILE[:200], purpose=HOSTILE)
    for person, path in ((ROSA, "/"), (ROSA, f"/jobs/{hostile}"), (CLEO, f"/jobs/{hostile}"), (ADA, "/")):
        page = text(site.browser(person), path)
        assert missing(page, "<script>", "<img", "&lt;script&gt;", "{{7*7}}") == ["<script>", "<img"]
    answer = site.browser(ROSA).get("/catalogue", query_string={"q": HOSTILE}).text
    assert "<script>" not in answer


def test_signing_in_needs_the_right_password_and_discloses_nothing(site):
    def attempt(name, password):
        client = site.http()
        token = form_token(text(client, "/sign-in"))
        return client.post("/sign-in", data={"name": name, "password": password, "csrf_token": token})

    wrong, nobody = attempt(ROSA, "wrong"), attempt("nobody-here", "wrong")
    assert wrong.status_code == nobody.status_code == 403
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", wrong.text) == strip.sub("", nobody.text)
    assert attempt(ROSA, PASSWORD).status_code == 302


def test_attempts_to_sign_in_are_limited_by_name(site):
    site.app.extensions[ATTEMPTS_EXTENSION].clock = lambda: 0.0
    client = site.http()
    token = form_token(text(client, "/sign-in"))
    sent = {"name": AMIR, "password": "wrong", "csrf_token": token}
    found = [client.post("/sign-in", data=sent).status_code for _ in range(11)]
    assert found == [403] * 10 + [429]
    site.app.extensions[ATTEMPTS_EXTENSION].clock = lambda: 6.5
    assert client.post("/sign-in", data=sent).status_code == 403


def test_a_session_ends_at_sign_out_at_once_and_everywhere(site):
    browser = site.browser(ROSA)
    stolen = browser.get_cookie("session").value
    assert send(browser, "/sign-out").status_code == 302
    assert browser.get("/").status_code == 302
    thief = site.http()
    thief.set_cookie("session", stolen)
    assert thief.get("/").headers["Location"] == "/sign-in"


def test_a_session_ends_by_itself(site):
    """Eight hours after it began, however busy; half an hour after its last use."""
    browser, idle = site.browser(ROSA), site.browser(ROSA)
    for _ in range(19):
        site.clock.at += timedelta(minutes=25)
        assert browser.get("/").status_code == 200
    assert idle.get("/").status_code == 302
    site.clock.at += timedelta(minutes=6)
    assert browser.get("/").status_code == 302


def test_a_planted_session_is_not_the_one_after_sign_in(site):
    browser = site.http()
    browser.set_cookie("session", "planted-by-somebody")
    token = form_token(text(browser, "/sign-in"))
    browser.post("/sign-in", data={"name": ROSA, "password": PASSWORD, "csrf_token": token})
    assert browser.get_cookie("session").value != "planted-by-somebody"
    assert browser.get("/").status_code == 200


def test_records_are_reached_from_the_pages(site):
    """A researcher's page of a job leads to the released record, a checker's page of an output to the staff record."""
    job, output = site.released()
    assert f"/outputs/{output}/record" in text(site.browser(ROSA), f"/jobs/{job}")
    assert "disclosure control" in text(site.browser(ROSA), f"/outputs/{output}/record")
    text(site.browser(ROSA), f"/outputs/{output}/staff-record", 403)
    assert f"/outputs/{output}/staff-record" in text(site.browser(CLEO), f"/outputs/{output}")
    assert '"findings"' in text(site.browser(CLEO), f"/outputs/{output}/staff-record")


def test_whoever_is_not_signed_in_finds_a_way_on_from_a_page_that_is_not_there(site):
    public, jobs = "Go to the public register", "Go to your jobs"
    assert missing(text(site.http(), "/nothing", 404), public, jobs) == [jobs]
    assert jobs in text(site.browser(ROSA), "/nothing", 404)
