"""The pages as a browser without scripts sees them, for each role."""

import re
from datetime import timedelta

import pytest

from broker.domain.findings import Verdict
from broker.web.pages.account_pages import ATTEMPTS_EXTENSION
from tests.integration.web.conftest import ADA, AMIR, CHRIS, CLEO, PASSWORD, REFUSED_SQL, ROSA, SQL, form_token

pytestmark = pytest.mark.long

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"


def text(browser, path, status=200):
    answer = browser.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[-400:]
    return answer.get_data(as_text=True)


def post(browser, page, path, **data):
    return browser.post(path, data={"csrf_token": form_token(text(browser, page)), **data})


def test_a_researcher_submits_follows_and_downloads(site):
    browser = site.browser(ROSA)
    assert "P0421" in text(browser, "/")
    assert "/submit" in text(browser, "/")
    sent = {
        "project": "P0421",
        "kind": "sql",
        "title": "By year",
        "purpose": "A test",
        "text": SQL.replace("\n", "\r\n"),
    }
    answer = post(browser, "/submit", "/submit", **sent, descriptions="absence | By year group")
    assert answer.status_code == 302
    page = text(browser, answer.headers["Location"])
    assert "Queued" in page
    assert "npd.absence" in page
    _, output = site.released()
    download = browser.get(f"/outputs/{output}/download")
    assert download.headers["Content-Disposition"].startswith("attachment;")
    assert download.get_data().startswith(b"NCyearActual")


def test_refusals_stand_at_their_line_with_advice(site):
    job = site.submitted("-- a comment\n" + REFUSED_SQL)
    page = text(site.browser(ROSA), f"/jobs/{job}")
    line = re.search(r'<div class="app-line app-line--refused" id="line-2">.*?</div>', page, re.S)
    assert line
    assert "NoSuchThing" in line[0]
    assert 'class="app-line__note"' in line[0]


def test_a_form_with_a_fault_comes_back_filled_in_with_a_summary(site):
    browser = site.browser(ROSA)
    answer = post(browser, "/submit", "/submit", project="P0421", kind="sql", title="", purpose="kept", text="SELECT 1")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert 'href="#title"' in page
    assert 'id="title-error"' in page
    assert 'aria-invalid="true"' in page
    assert ">kept</textarea>" in page
    assert "SELECT 1</textarea>" in page


def test_a_checker_sees_evidence_votes_and_recalls(site):
    _, output = site.assessed()
    browser = site.browser(CLEO)
    assert output in text(browser, "/inbox")
    page = text(browser, f"/outputs/{output}")
    assert "103 → 105" in page
    assert "Too few persons." in page
    hidden = dict(re.findall(r'name="(staff_hash|findings_hash|memory_version)" value="([^"]+)"', page))
    ballot = {"choice": "approve", "reason": "meets-rules", **hidden}
    assert post(browser, "/inbox", f"/outputs/{output}/claim", take="yes").status_code == 302
    wrong = post(browser, "/inbox", f"/outputs/{output}/vote", **ballot | {"reason": "because 3 pupils"})
    assert wrong.status_code == 400
    assert post(browser, "/inbox", f"/outputs/{output}/vote", **ballot).status_code == 302
    assert "Released" in text(browser, f"/outputs/{output}")
    figures = post(browser, "/inbox", f"/outputs/{output}/recall", reason="Wrong by 3.")
    assert figures.status_code == 400
    assert "Wrong by 3.</textarea>" in figures.get_data(as_text=True)
    assert post(browser, "/inbox", f"/outputs/{output}/recall", reason="Wrong.").status_code == 302
    assert "Recalled" in text(site.http(), "/register")


def test_two_checkers_read_that_they_review_alone(site):
    _, output = site.assessed(Verdict.REFUSE)
    page = text(site.browser(CHRIS), f"/outputs/{output}")
    assert "2 equal votes" in page
    assert "checkers vote independently" in page
    assert 'name="overrides" value="F1"' in page


def test_administrators_manage_people_policies_and_jobs(site, policies):
    job = site.submitted()
    browser = site.browser(ADA)
    assert policies.fingerprint in text(browser, "/administration")
    verified = post(browser, "/administration/audit", "/administration/audit/verification")
    assert "lines follow" in verified.get_data(as_text=True)
    person = {"ident": "new-one", "name": "New", "roles": "checker", "active": "yes", "password": "long enough"}
    assert post(browser, "/administration/people", "/administration/people", **person).status_code == 302
    assert "new-one" in text(browser, "/administration/people")
    bad = post(browser, "/administration/people", "/administration/people", ident="No Spaces", name="x")
    assert bad.status_code == 400
    page = text(browser, f"/jobs/{job}")
    assert "SELECT" not in page
    assert post(browser, "/administration", f"/jobs/{job}/stop").status_code == 302
    assert "Withdrawn" in text(browser, f"/jobs/{job}")


def test_the_catalogue_is_searched(site):
    page = text(site.browser(ROSA), "/catalogue?q=absence+NCyearActual")
    assert "npd.absence.NCyearActual" in page
    assert "P0421: " in page


def test_a_researchers_text_is_never_markup(site):
    hostile = site.submitted("-- " + HOSTILE + "\n" + SQL, title=HOSTILE[:200], purpose=HOSTILE)
    for person, path in ((ROSA, "/"), (ROSA, f"/jobs/{hostile}"), (CLEO, f"/jobs/{hostile}"), (ADA, "/")):
        page = text(site.browser(person), path)
        assert "<script>" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page
        assert "{{7*7}}" in page
    answer = site.browser(ROSA).get("/catalogue", query_string={"q": HOSTILE}).get_data(as_text=True)
    assert "<script>" not in answer


def test_no_page_runs_a_script_or_calls_another_site(site):
    job, output = site.released()
    pages = {
        ROSA: ["/", "/submit", "/catalogue", f"/jobs/{job}"],
        CLEO: ["/", "/inbox", f"/outputs/{output}", f"/jobs/{job}"],
        ADA: ["/", "/administration", "/administration/people", "/administration/audit"],
    }
    for person, paths in pages.items():
        browser = site.browser(person)
        for path in [*paths, "/register"]:
            page = text(browser, path)
            assert not re.search(r"<script(?! src=\"/static/built/)|\son\w+=|\sstyle=|javascript:", page), path
            assert not re.search(r'(src|href|action)="(https?:)?//', page), path
            assert page.count("<h1") == 1, path
            assert 'lang="en-GB"' in page
            for control in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
                if 'type="hidden"' not in control:
                    ident = re.search(r'id="([^"]+)"', control)
                    assert ident, control
                    assert re.search(f'<label [^>]*for="{ident[1]}"', page), control


def test_signing_in_needs_the_right_password_and_discloses_nothing(site):
    def attempt(name, password):
        client = site.http()
        token = form_token(text(client, "/sign-in"))
        return client.post("/sign-in", data={"name": name, "password": password, "csrf_token": token})

    wrong, nobody = attempt(ROSA, "wrong"), attempt("nobody-here", "wrong")
    assert wrong.status_code == nobody.status_code == 403
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", wrong.get_data(as_text=True)) == strip.sub("", nobody.get_data(as_text=True))
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
    assert post(browser, "/", "/sign-out").status_code == 302
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
    nobody = site.app.test_client().get("/nothing").get_data(as_text=True)
    assert "Go to the public register" in nobody
    assert "Go to your jobs" not in nobody
    assert "Go to your jobs" in site.browser(ROSA).get("/nothing").get_data(as_text=True)
