"""Researchers' pages: follow, write, find, collect, budget, cohorts, lookups."""

import io
import json
import re
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from broker.domain.identity.audit import AuditEvent
from broker.domain.ports import Snapshot
from tests.integration.web.conftest import ADA, REFUSED_SQL, ROSA, SQL, missing, send, text

pytestmark = pytest.mark.long

KEEP = "SELECT a.NCyearActual INTO project.pupils FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023'"
PRIVATE = "-- private: epsilon 0.1\n" + SQL


FORM = {"project": "P0421", "kind": "sql", "title": "By year", "purpose": "A test", "text": SQL}


def test_a_waiting_job_shows_its_place_in_steps(site):
    browser = site.browser(ROSA)
    first, second = site.submitted(), site.submitted()
    assert "Your job is next." in text(browser, f"/jobs/{first}")
    assert "At most 5 jobs are ahead of it." in text(browser, f"/jobs/{second}/state")
    assert f'hx-get="/jobs/{second}/state"' in text(browser, f"/jobs/{second}")


def test_a_running_job_shows_whole_minutes_of_its_limit(site):
    browser = site.browser(ROSA)
    job, _ = site.running()
    assert "less than a minute of at most 5 minutes" in text(browser, f"/jobs/{job}/state")
    site.clock.at += timedelta(seconds=200)
    assert "2 minutes of at most 5 minutes" in text(browser, f"/jobs/{job}/state")


def test_a_watching_page_learns_that_there_is_more_to_see(site):
    browser = site.browser(ROSA)
    job = site.submitted()
    assert "HX-Refresh" not in browser.get(f"/jobs/{job}/state").headers
    assert send(browser, f"/jobs/{job}/withdraw").status_code == 302
    assert browser.get(f"/jobs/{job}/state").headers["HX-Refresh"] == "true"


def test_run_again_is_a_new_job_that_replaces_and_a_second_click_is_none(site):
    browser = site.browser(ROSA)
    job = site.submitted()
    assert send(browser, f"/jobs/{job}/withdraw").status_code == 302
    nonce = re.search(r'name="nonce" value="([^"]+)"', text(browser, f"/jobs/{job}"))[1]
    made = {send(browser, f"/jobs/{job}/again", nonce=nonce).headers["Location"] for _ in range(2)}
    assert len(made) == 1
    page = text(browser, made.pop())
    assert "Your job is next." in page
    assert f'href="/jobs/{job}"' in page


def test_a_refused_text_is_corrected_and_accepted(site):
    browser = site.browser(ROSA)
    job = site.submitted(REFUSED_SQL)
    assert f"/submit?replaces={job}" in text(browser, f"/jobs/{job}")
    told = ("The job would be refused", "a.NoSuchThing", 'href="#line-1"', 'id="line-1"')
    assert missing(text(browser, f"/submit?replaces={job}"), *told) == []
    as_browsers_send_it = FORM | {"text": SQL.replace("\n", "\r\n"), "descriptions": "absence | By year group"}
    answer = send(browser, "/submit", **as_browsers_send_it, replaces=job)
    assert missing(text(browser, answer.headers["Location"]), "Queued", "npd.absence") == []
    assert site.ports.store.job(answer.headers["Location"].rpartition("/")[2]).submission.replaces == job


def test_checking_submits_nothing(site):
    browser = site.browser(ROSA)
    answer = send(browser, "/submit", **FORM, do="check")
    assert "No problems found" in answer.text
    part = send(browser, "/submit/check", **FORM | {"text": REFUSED_SQL}).text
    assert 'data-line="1" data-column="8"' in part
    assert "<html" not in part
    assert site.client(ROSA).jobs() == []


def test_a_private_text_shows_its_privacy_loss_beforehand(site):
    part = send(site.browser(ROSA), "/submit/check", **FORM | {"text": PRIVATE}).text
    assert missing(part, "How accurate the private answer would be", "of what the project has left") == []


def test_the_same_form_twice_is_one_job_and_a_corrected_form_is_another(site):
    browser = site.browser(ROSA)
    first = [send(browser, "/submit", **FORM, nonce="n").headers["Location"] for _ in range(2)]
    other = send(browser, "/submit", **FORM | {"title": "Other"}, nonce="n").headers["Location"]
    assert first[0] == first[1] != other


def test_the_editor_completes_granted_and_saved_names_only(site, policies):
    site.submitted(KEEP)
    found = site.browser(ROSA).get("/projects/P0421/names").json
    names = {(t["name"], v["name"]) for t in found["tables"] for v in t["variables"]}
    granted = {(g.table, g.variable) for g in policies.project("P0421").grants}
    assert names == granted | {("project.pupils", "ncyearactual")}


def test_a_variable_shows_years_codes_class_and_an_example(site):
    browser = site.browser(ROSA)
    told = (
        "White British",
        "Sensitive",
        "2015/16",
        "Granted",
        "Not granted",
        "How to request access",
        "administrators",
    )
    assert missing(text(browser, "/catalogue/npd.absence/EthnicGroupMinor"), *told) == []
    assert "None of your projects." in text(browser, "/catalogue/npd.cla/cla_SEX")
    for unknown in ("npd.absence/Nothing", "npd.nothing"):
        text(browser, f"/catalogue/{unknown}", 404)


def test_a_released_table_is_shown_with_its_symbols_and_rounding_and_collected_in_three_forms(site):
    browser = site.browser(ROSA)
    _, output = site.released()
    page = text(browser, f"/outputs/{output}/released")
    assert missing(page, "Counts are rounded to 5.", '<abbr title="suppressed">c</abbr>') == []
    download = browser.get(f"/outputs/{output}/download")
    assert download.headers["Content-Disposition"].startswith("attachment;")
    assert download.get_data().startswith(b"NCyearActual")
    table = pq.read_table(io.BytesIO(browser.get(f"/outputs/{output}/parquet").get_data()))
    assert table.to_pydict() == {"NCyearActual": [7, 8], "n": [100, None], "n.symbol": [None, "c"]}
    record = json.loads(table.schema.metadata[b"npd-broker.record"])
    assert record == browser.get(f"/outputs/{output}/record").json


def test_the_chart_is_drawn_from_what_was_released(site):
    browser = site.browser(ROSA)
    _, output = site.released()
    source = re.search(r'<img class="app-chart" src="([^"]+)"', text(browser, f"/outputs/{output}/released"))[1]
    drawn = browser.get(source.replace("&amp;", "&"))
    assert drawn.mimetype == "image/svg+xml"
    assert missing(drawn.text, "<svg", "103") == ["103"]


def test_cohorts_and_lookups_are_listed_requested_and_dropped(site):
    browser = site.browser(ROSA)
    site.submitted(KEEP)
    assert "project.pupils" in text(browser, "/projects/P0421/saved")
    bad = send(browser, "/projects/P0421/saved", name="1", about="Bands.", text="a\n1\n")
    assert bad.status_code == 400
    assert 'id="name-error"' in bad.text
    good = {"name": "bands", "about": "Bands.", "text": "code,band\r\n1,low\r\n"}
    assert send(browser, "/projects/P0421/saved", **good).status_code == 302
    page = text(browser, "/projects/P0421/saved")
    ident = re.search(r'/saved/([0-9a-f-]+)">project.bands', page)[1]
    assert ">low</td>" in text(browser, f"/saved/{ident}")
    send(browser, "/projects/P0421/saved/pupils/drop")
    assert "project.pupils" not in text(browser, "/projects/P0421/saved")


def test_a_private_jobs_spend_is_on_the_budgets_page_with_its_course(site):
    browser = site.browser(ROSA)
    assert "Nothing has been spent yet." in text(browser, "/projects/P0421/budget")
    now = site.clock.now()
    snapshot = Snapshot("s1", "0" * 64, now, synthetic=True, path="", facts="{}")
    site.ports.store.put_snapshot(snapshot, [AuditEvent(now, ADA, "snapshot.ingested", "s1")])
    job = site.submitted(PRIVATE)
    page = text(browser, "/projects/P0421/budget")
    assert missing(page, "reserved for a job", f"/jobs/{job}") == []
    drawn = text(browser, re.search(r'src="(/projects/P0421/budget/\d+\.svg)"', page)[1])
    assert missing(drawn, "<svg", "epsilon used") == []


def test_a_new_job_is_for_the_project_of_the_newest_one_that_still_accepts_jobs(site):
    chosen = '<option value="P0421" selected>'
    rosa = site.browser(ROSA)
    assert chosen not in rosa.get("/submit").text
    site.submitted()
    assert chosen in rosa.get("/submit").text
    assert chosen not in rosa.get("/submit?project=FIXTURE").text
