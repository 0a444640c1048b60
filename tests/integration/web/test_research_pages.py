"""Researchers' pages: follow, write, find, collect, budget, cohorts, lookups; who gets which; what stays silent."""

import io
import json
import re
from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from broker.domain.findings import Verdict
from broker.domain.identity.audit import AuditEvent
from broker.domain.ports import Snapshot
from tests.integration.web.conftest import ADA, CLEO, OTIS, REFUSED_SQL, ROSA, SQL, form_token

pytestmark = pytest.mark.long

MISSING = "00000000-0000-7000-8000-000000000000"
KEEP = "SELECT a.NCyearActual INTO project.pupils FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023'"
PRIVATE = "-- private: epsilon 0.1\n" + SQL


def text(browser, path, status=200):
    answer = browser.get(path)
    assert answer.status_code == status, answer.get_data(as_text=True)[-400:]
    return answer.get_data(as_text=True)


def sent(browser, page, path, **data):
    return browser.post(path, data={"csrf_token": form_token(text(browser, page)), **data})


FORM = {"project": "P0421", "kind": "sql", "title": "By year", "purpose": "A test", "text": SQL}

# method, address, form, then the answers to: a member, another researcher, a checker, an administrator
TABLE = [
    ("GET", "/projects/P0421", None, 200, 404, 404, 404),
    ("GET", "/projects/P0421/names", None, 200, 404, 403, 403),
    ("GET", "/projects/P0421/budget", None, 200, 404, 200, 200),
    ("GET", "/projects/P0421/budget/0.svg", None, 404, 404, 404, 404),  # nothing was spent
    ("GET", "/projects/P0421/saved", None, 200, 404, 200, 403),
    ("POST", "/projects/P0421/saved", {"name": "bands", "about": "Bands.", "text": "a,b\n1,x\n"}, 302, 404, 403, 403),
    ("POST", "/projects/P0421/saved/pupils/drop", {}, 302, 404, 403, 403),
    ("GET", "/saved/{lookup}", None, 200, 404, 200, 403),
    ("GET", "/submit", None, 200, 200, 200, 200),
    ("GET", "/submit?replaces={queued}", None, 200, 404, 403, 403),
    ("POST", "/submit", FORM, 302, 404, 403, 403),
    ("POST", "/submit/check", FORM, 200, 404, 403, 403),
    ("GET", "/catalogue", None, 200, 200, 200, 200),
    ("GET", "/catalogue/npd.absence", None, 200, 200, 200, 200),
    ("GET", "/catalogue/npd.absence/URN", None, 200, 200, 200, 200),
    ("GET", "/jobs/{queued}", None, 200, 404, 200, 200),
    ("GET", "/jobs/{queued}/state", None, 200, 404, 200, 200),
    ("POST", "/jobs/{queued}/again", {"nonce": "once"}, 302, 404, 403, 403),
    ("POST", "/jobs/{queued}/withdraw", {}, 302, 404, 403, 403),
    ("GET", "/jobs/{released}/manifest", None, 200, 404, 200, 200),
    ("GET", "/outputs/{out}/released", None, 200, 404, 403, 403),
    ("GET", "/outputs/{out}/chart.svg", None, 200, 404, 403, 403),
    ("GET", "/outputs/{out}/download", None, 200, 404, 403, 403),
    ("GET", "/outputs/{out}/parquet", None, 200, 404, 403, 403),
    ("GET", "/outputs/{out}/record", None, 200, 404, 403, 403),
    ("GET", "/outputs/{held}/released", None, 404, 404, 403, 403),
    ("GET", "/outputs/{held}/chart.svg", None, 404, 404, 403, 403),
    ("GET", "/outputs/{held}/parquet", None, 404, 404, 403, 403),
]


@pytest.fixture
def things(site):
    _, held = site.assessed()
    released, out = site.released()
    site.submitted(KEEP)
    lookup = site.client(ROSA).propose_lookup("P0421", "bands", "Bands.", "code,band\n1,low\n")["ident"]
    return {"queued": site.submitted(), "held": held, "released": released, "out": out, "lookup": lookup}


@pytest.mark.parametrize(("person", "column"), [(ROSA, 3), (OTIS, 4), (CLEO, 5), (ADA, 6)])
def test_who_gets_which_page(site, things, person, column):
    browser = site.browser(person)
    token = form_token(text(browser, "/"))
    for row in TABLE:
        method, path, form = row[:3]
        form = None if form is None else {"csrf_token": token, **form}
        answer = browser.open(path.format(**things), method=method, data=form)
        assert answer.status_code == row[column], (person, method, path, answer.get_data(as_text=True)[-300:])


def test_every_page_for_researchers_has_a_row(site):
    """A page that nobody decided about fails here."""
    mine = ("research.", "writing.", "finding.", "collecting.", "keeping.")
    routes = {
        (method, re.sub(r"<[^>]+>", "*", rule.rule))
        for rule in site.app.url_map.iter_rules()
        if rule.endpoint.startswith(mine)
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    named = {"P0421": "*", "pupils": "*", "npd.absence/URN": "*/*", "npd.absence": "*", "0.svg": "*.svg"}
    probed = set()
    for method, path, *_ in TABLE:
        shape = re.sub(r"\{\w+\}", "*", path.split("?")[0])
        for part, star in named.items():
            shape = shape.replace(part, star)
        probed.add((method, shape))
    assert routes == probed | {("GET", "/")}


def test_what_one_may_not_know_is_byte_for_byte_what_is_not_there(site, things):
    browser = site.browser(OTIS)
    for method, path, *_ in TABLE:
        if method == "POST" or not (found := re.search(r"\{(\w+)\}", path)):
            continue
        ident = things[found[1]]
        real, none = (browser.get(path.replace(found[0], i)) for i in (ident, MISSING))
        assert real.status_code == none.status_code == 404
        told = plain(real.get_data(as_text=True), ident, ident)
        assert told == plain(none.get_data(as_text=True), MISSING, MISSING), "but for the form's token"


def test_invariant_9_pages_of_a_withheld_output_and_of_one_in_review_are_alike(site):
    browser = site.browser(ROSA)
    seen = []
    for verdict, candidate in ((Verdict.PUBLISH, b"NCyearActual,n\n7,100\n"), (Verdict.REFUSE, None)):
        job, output = site.assessed(verdict, candidate)
        paths = [f"/jobs/{job}", f"/jobs/{job}/state", *(f"/outputs/{output}/{p}" for p in ("released", "chart.svg"))]
        answers = [browser.get(path) for path in paths]
        pages = [(a.status_code, plain(a.get_data(as_text=True), job, output)) for a in answers]
        seen.append(pages)
    assert seen[0] == seen[1]


def plain(page, job, output):
    page = page.replace(job, "JOB").replace(output, "OUTPUT")
    return re.sub(r'value="[^"]*"|<time.*?</time>', "", page)


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
    assert sent(browser, "/", f"/jobs/{job}/withdraw").status_code == 302
    assert browser.get(f"/jobs/{job}/state").headers["HX-Refresh"] == "true"


def test_run_again_is_a_new_job_that_replaces_and_a_second_click_is_none(site):
    browser = site.browser(ROSA)
    job = site.submitted()
    assert sent(browser, "/", f"/jobs/{job}/withdraw").status_code == 302
    nonce = re.search(r'name="nonce" value="([^"]+)"', text(browser, f"/jobs/{job}"))[1]
    made = {sent(browser, "/", f"/jobs/{job}/again", nonce=nonce).headers["Location"] for _ in range(2)}
    assert len(made) == 1
    page = text(browser, made.pop())
    assert "Your job is next." in page
    assert f'href="/jobs/{job}"' in page


def test_a_refused_text_is_corrected_and_accepted(site):
    browser = site.browser(ROSA)
    job = site.submitted(REFUSED_SQL)
    assert f"/submit?replaces={job}" in text(browser, f"/jobs/{job}")
    page = text(browser, f"/submit?replaces={job}")
    assert "The job would be refused" in page
    assert "a.NoSuchThing" in page
    assert 'href="#line-1"' in page
    assert 'id="line-1"' in page
    answer = sent(browser, "/submit", "/submit", **FORM, replaces=job)
    assert "Queued" in text(browser, answer.headers["Location"])
    assert site.ports.store.job(answer.headers["Location"].rpartition("/")[2]).submission.replaces == job


def test_checking_submits_nothing(site):
    browser = site.browser(ROSA)
    answer = sent(browser, "/submit", "/submit", **FORM, do="check")
    assert "No problems found" in answer.get_data(as_text=True)
    part = sent(browser, "/submit", "/submit/check", **FORM | {"text": REFUSED_SQL}).get_data(as_text=True)
    assert 'data-line="1" data-column="8"' in part
    assert "<html" not in part
    assert site.client(ROSA).jobs() == []


def test_a_private_text_shows_its_privacy_loss_beforehand(site):
    part = sent(site.browser(ROSA), "/submit", "/submit/check", **FORM | {"text": PRIVATE}).get_data(as_text=True)
    assert "How accurate the private answer would be" in part
    assert "of what the project has left" in part


def test_the_same_form_twice_is_one_job_and_a_corrected_form_is_another(site):
    browser = site.browser(ROSA)
    first = [sent(browser, "/submit", "/submit", **FORM, nonce="n").headers["Location"] for _ in range(2)]
    other = sent(browser, "/submit", "/submit", **FORM | {"title": "Other"}, nonce="n").headers["Location"]
    assert first[0] == first[1] != other


def test_the_editor_completes_granted_and_saved_names_only(site, policies):
    site.submitted(KEEP)
    found = site.browser(ROSA).get("/projects/P0421/names").json
    names = {(t["name"], v["name"]) for t in found["tables"] for v in t["variables"]}
    granted = {(g.table, g.variable) for g in policies.project("P0421").grants}
    assert names == granted | {("project.pupils", "ncyearactual")}


def test_a_variable_shows_years_codes_class_and_an_example(site):
    browser = site.browser(ROSA)
    page = text(browser, "/catalogue/npd.absence/EthnicGroupMinor")
    for words in (
        "White British",
        "Sensitive",
        "2015/16",
        "Granted",
        "Not granted",
        "How to request access",
        "administrators",
    ):
        assert words in page
    assert "None of your projects." in text(browser, "/catalogue/npd.cla/cla_SEX")
    assert browser.get("/catalogue/npd.absence/Nothing").status_code == 404
    assert browser.get("/catalogue/npd.nothing").status_code == 404


def test_a_released_table_is_shown_with_its_symbols_and_rounding_and_collected_in_three_forms(site):
    browser = site.browser(ROSA)
    _, output = site.released()
    page = text(browser, f"/outputs/{output}/released")
    assert "Counts are rounded to 5." in page
    assert '<abbr title="suppressed">c</abbr>' in page
    assert browser.get(f"/outputs/{output}/download").get_data().startswith(b"NCyearActual")
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
    assert b"<svg" in drawn.get_data()
    assert b"103" not in drawn.get_data()


def test_cohorts_and_lookups_are_listed_requested_and_dropped(site):
    browser = site.browser(ROSA)
    site.submitted(KEEP)
    page = text(browser, "/projects/P0421/saved")
    assert "project.pupils" in page
    bad = sent(browser, "/projects/P0421/saved", "/projects/P0421/saved", name="1", about="Bands.", text="a\n1\n")
    assert bad.status_code == 400
    assert 'id="name-error"' in bad.get_data(as_text=True)
    good = {"name": "bands", "about": "Bands.", "text": "code,band\r\n1,low\r\n"}
    assert sent(browser, "/projects/P0421/saved", "/projects/P0421/saved", **good).status_code == 302
    page = text(browser, "/projects/P0421/saved")
    ident = re.search(r'/saved/([0-9a-f-]+)">project.bands', page)[1]
    assert ">low</td>" in text(browser, f"/saved/{ident}")
    sent(browser, "/projects/P0421/saved", "/projects/P0421/saved/pupils/drop")
    assert "project.pupils" not in text(browser, "/projects/P0421/saved")


def test_a_private_jobs_spend_is_on_the_budgets_page_with_its_course(site):
    browser = site.browser(ROSA)
    assert "Nothing has been spent yet." in text(browser, "/projects/P0421/budget")
    now = site.clock.now()
    snapshot = Snapshot("s1", "0" * 64, now, synthetic=True, path="", facts="{}")
    site.ports.store.put_snapshot(snapshot, [AuditEvent(now, ADA, "snapshot.ingested", "s1")])
    job = site.submitted(PRIVATE)
    page = text(browser, "/projects/P0421/budget")
    assert "reserved for a job" in page
    assert f"/jobs/{job}" in page
    drawn = browser.get(re.search(r'src="(/projects/P0421/budget/\d+\.svg)"', page)[1])
    assert b"<svg" in drawn.get_data()
    assert b"epsilon used" in drawn.get_data()


def test_a_new_job_is_for_the_project_of_the_newest_one_that_still_accepts_jobs(site):
    chosen = '<option value="P0421" selected>'
    rosa = site.browser(ROSA)
    assert chosen not in rosa.get("/submit").get_data(as_text=True)
    site.submitted()
    assert chosen in rosa.get("/submit").get_data(as_text=True)
    assert chosen not in rosa.get("/submit?project=FIXTURE").get_data(as_text=True)
