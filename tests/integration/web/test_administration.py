"""The administrator's pages: who may see and do what, each flow from its form to the store; every page has a row."""

import re
from datetime import date, timedelta

import pytest

from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobState
from broker.domain.ports import Snapshot, WorkerReport
from broker.domain.projects.stops import StopKind
from broker.workflow.administration import emergency_stops, project_changes, user_accounts
from broker.workflow.policies_in_force import policies_in_force
from tests.integration.web.conftest import ADA, AMIR, CLEO, ROSA, form_token
from tests.integration.web.every_page import measured_caps

pytestmark = pytest.mark.long

FINGERPRINT = "0" * 64
FORM = {"kind": "project", "subject": "P0421", "reason": "A test."}

# method, path, form, then the answers to: a researcher, a checker, an administrator
TABLE = [
    ("GET", "/administration", None, 404, 403, 200),
    ("GET", "/administration/health", None, 404, 403, 200),
    ("GET", "/administration/people", None, 404, 403, 200),
    ("GET", "/administration/people/{person}", None, 404, 403, 200),
    ("POST", "/administration/people", {"ident": "new-one", "name": "New"}, 404, 403, 302),
    ("GET", "/administration/projects", None, 404, 403, 200),
    ("GET", "/administration/projects/{project}", None, 404, 403, 200),
    ("POST", "/administration/projects/{project}/plan", "change", 404, 403, 200),
    ("POST", "/administration/projects/{project}/proposal", "change", 404, 403, 302),
    ("GET", "/administration/policies", None, 404, 403, 200),
    ("GET", "/administration/policies/{fingerprint}", None, 404, 403, 200),
    ("POST", "/administration/policies/{none}/application", {}, 404, 403, 409),
    ("GET", "/administration/profiles", None, 404, 403, 200),
    ("GET", "/administration/tables", None, 404, 403, 200),
    ("GET", "/administration/snapshots", None, 404, 403, 200),
    ("POST", "/administration/snapshots/{none}/retirement", {}, 404, 403, 404),
    ("GET", "/administration/erasures", None, 404, 403, 200),
    ("POST", "/administration/erasures", {"domain": "PMR", "key": "K1", "case": "E/1"}, 404, 403, 302),
    ("POST", "/administration/erasures/{asked}/withdrawal", {}, 404, 403, 302),
    ("POST", "/administration/erasures/{missing}/confirmation", {"key": "K1"}, 404, 403, 404),
    ("GET", "/administration/public-tables", None, 404, 403, 200),
    ("POST", "/administration/public-tables", {"name": "x"}, 404, 403, 400),
    ("GET", "/administration/public-tables/{none}", None, 404, 403, 404),
    ("POST", "/administration/public-tables/{none}/confirmation", {}, 404, 403, 404),
    ("POST", "/administration/public-tables/{none}/withdrawal", {}, 404, 403, 404),
    ("GET", "/administration/budgets", None, 404, 403, 200),
    ("GET", "/administration/memory", None, 404, 403, 200),
    ("POST", "/administration/budgets/verification", {}, 404, 403, 200),
    ("GET", "/administration/audit", None, 404, 403, 200),
    ("POST", "/administration/audit/verification", {}, 404, 403, 200),
    ("GET", "/administration/stops", None, 404, 403, 200),
    ("POST", "/administration/stops", FORM, 404, 403, 302),
    ("POST", "/administration/stops/project/{project}/lift", {}, 404, 403, 302),
]


def text(client, path, status=200):
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code, answer.get_data(as_text=True)[-1500:])
    return answer.get_data(as_text=True)


def send(client, path, **form):
    token = form_token(text(client, "/"))
    return client.post(path, data={"csrf_token": token, **form})


def change_form(site, **changes):
    """The form of the project's page as it stands, with changes."""
    view = project_changes.view_project(site.ports, site.person(ADA), "P0421")
    p = view.project
    form = {"against": view.in_force, "title": p.title, "purpose": p.purpose, "expires": p.expires.isoformat()}
    form |= {"votes": str(p.votes), "researchers": "\n".join(sorted(p.researchers))}
    return form | changes


@pytest.mark.parametrize(("person", "column"), [(ROSA, 3), (CLEO, 4), (ADA, 5)])
def test_who_gets_which_answer(site, person, column):
    browser = site.browser(person)
    facts = {"project": "P0421", "person": CLEO, "none": FINGERPRINT, "asked": "1", "missing": "9"}
    facts["fingerprint"] = policies_in_force(site.ports.store).fingerprint
    change = change_form(site, title="Another title")
    for method, path, form, *answers in TABLE:
        if column == 5 and path.endswith("/lift"):
            browser = site.browser(ADA)
        where = path.format(**facts)
        sent = change if form == "change" else form
        answer = browser.get(where) if method == "GET" else send(browser, where, **sent)
        assert answer.status_code == answers[column - 3], (method, path, answer.get_data(as_text=True)[-800:])


def test_every_page_of_administration_has_a_row(site):
    def shape(path):
        return re.sub(r"\{\w+\}|<\w+>|(?<=stops/)project(?=/)", "*", path)

    rules = {
        (method, shape(rule.rule))
        for rule in site.app.url_map.iter_rules()
        if rule.rule.startswith("/administration")
        for method in rule.methods & {"GET", "POST"}
    }
    assert rules == {(row[0], shape(row[1])) for row in TABLE}


def test_stop_and_lift_from_the_pages(site):
    job, rosa = site.submitted(), site.browser(ROSA)
    ada = site.browser(ADA)
    assert (
        "This person or project does not exist" in send(ada, "/administration/stops", **FORM | {"subject": "P9"}).text
    )
    assert "Enter a reason" in send(ada, "/administration/stops", **FORM | {"reason": ""}).text
    answer = send(ada, "/administration/stops", **FORM)
    assert answer.headers["Location"].endswith("ended=1")
    assert site.ports.store.job(job).state is JobState.WITHDRAWN
    assert rosa.get("/").status_code == 302, "her session is gone"
    assert site.call(ROSA, "GET", "/api/v1/me").status_code == 401, "and her tokens"
    page = text(ada, "/administration/stops")
    assert "A test." in page
    assert "Request to lift" in page
    send(ada, "/administration/stops/project/P0421/lift")
    assert "Another administrator has to confirm" in text(ada, "/administration/stops")
    assert "P0421 is stopped" in text(ada, "/administration")
    assert "Lift the stop of P0421" in text(site.browser(AMIR), "/administration/stops")
    send(site.browser(AMIR), "/administration/stops/project/P0421/lift")
    assert site.ports.store.stop_of(StopKind.PROJECT, "P0421") is None


def test_a_project_changes_by_two_administrators(site):
    ada, amir = site.browser(ADA), site.browser(AMIR)
    page = text(ada, "/administration/projects/P0421")
    for fact in ("Who decided", "npd.absence", "Gateway", f"{ADA} proposed and {AMIR} applied"):
        assert fact in page
    form = change_form(site, expires="2031-01-31", researchers=f"{ROSA}\nother-researcher")
    plan = send(ada, "/administration/projects/P0421/plan", **form).text
    assert "expires changes from" in plan
    assert "other-researcher becomes a researcher" in plan
    assert policies_in_force(site.ports.store).project("P0421").expires != date(2031, 1, 31)
    where = send(ada, "/administration/projects/P0421/proposal", **form).headers["Location"]
    assert "Another administrator has to put this set in force" in text(ada, where)
    against = policies_in_force(site.ports.store).fingerprint
    assert send(ada, where + "/application", against=against).status_code == 403
    seen = text(amir, where)
    assert "2031-01-31" in seen
    assert send(amir, where + "/application", against=FINGERPRINT).status_code == 409, "not what was shown"
    assert send(amir, where + "/application", against=against).status_code == 302
    assert policies_in_force(site.ports.store).project("P0421").expires == date(2031, 1, 31)
    assert where.rsplit("/", 1)[1][:12] in text(ada, "/administration/projects/P0421")
    assert send(ada, "/administration/projects/P0421/plan", **form).status_code == 409, "planned against an older set"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"expires": "31.1.2031"}, "year-month-day"),
        ({"expires": ""}, "last day"),
        ({"votes": "two"}, "whole number"),
        ({"votes": "9"}, "votes from 0 to 2"),
        ({"researchers": "nobody-there"}, "no account nobody-there"),
        ({"title": " "}, "title and a purpose"),
        ({"variable": "npd.absence.NoSuch", "reason": "x"}, "no variable"),
        ({"variable": "npd.absence.LA", "years": "1066", "reason": "x"}, "has the years"),
        ({"variable": "npd.absence.LA", "years": "2022"}, "Enter the reason for the grant"),
        ({"variable": "npd.absence.LA", "years": "soon"}, "2018-2022"),
        ({}, "This would not change anything"),
    ],
)  # fmt: skip
def test_a_bad_change_shows_its_error_at_the_field(site, wrong, said):
    answer = send(site.browser(ADA), "/administration/projects/P0421/plan", **change_form(site, **wrong))
    assert answer.status_code == 400
    assert said in answer.text


def test_grants_are_added_and_taken_away(site):
    view = project_changes.view_project(site.ports, site.person(ADA), "P0421")
    gone = view.project.grants[0]
    granted = {(g.table, g.variable) for g in view.project.grants}
    tables = (t for t in view.policies.catalogue.tables if t.year is not None)
    table, new = next((t, v.name) for t in tables for v in t.variables if (t.full_name, v.name) not in granted)
    name = f"{table.full_name}.{new}"
    added = {"variable": name, "years": str(max(table.year.years)), "reason": "R"}
    form = change_form(site, remove=project_changes.grant_key(gone), **added)
    plan = send(site.browser(ADA), "/administration/projects/P0421/plan", **form).text
    assert f"granted {name}" in plan
    assert f"no longer granted {gone.table}.{gone.variable}" in plan


def test_accreditation_is_stored_and_applies(site):
    ada = site.browser(ADA)
    form = {"ident": ROSA, "name": "Rosa", "roles": "researcher", "active": "yes", "email": "rosa@example.org"}
    assert send(ada, "/administration/people", **form, accredited_until="2026-11-01").status_code == 302
    page = text(ada, f"/administration/people/{ROSA}")
    assert "2026-11-01" in page
    assert "rosa@example.org" in page
    assert "Ended" in text(ada, "/administration/people")
    body = {"project": "P0421", "kind": "sql", "text": "SELECT 1", "title": "T", "purpose": "P"}
    answer = site.call(ROSA, "POST", "/api/v1/submissions", json=body)
    assert (answer.status_code, answer.json["code"]) == (409, "not-accredited")
    longer = form | {"accredited_until": "2028-01-01"}
    send(ada, "/administration/people", **longer)
    assert not site.person(ROSA).active, "longer needs two"
    send(site.browser(AMIR), "/administration/people", **longer)
    assert site.person(ROSA).active
    assert site.person(ROSA).accredited_until == date(2028, 1, 1)
    site.call(ADA, "PUT", f"/api/v1/people/{ROSA}", json={"name": "Rosalind", "roles": ["researcher"]})
    kept = site.person(ROSA)
    assert (kept.name, kept.accredited_until, kept.email) == ("Rosalind", date(2028, 1, 1), "rosa@example.org")
    for wrong in (
        {"accredited_from": "2029-01-01"},
        {"accredited_until": "x"},
        {"email": "Enter an email address"},
        {"name": ""},
    ):
        assert send(ada, "/administration/people", **longer | wrong).status_code == 400


def test_snapshots_are_retired_but_the_last(site):
    ada, now = site.browser(ADA), site.clock.now()
    assert "No data have been ingested" in text(ada, "/administration/snapshots")
    for number in (1, 2):
        found = Snapshot(f"s{number}", "f" * 64, now + timedelta(days=number), True, "/nowhere", "{}")
        user_accounts.put_snapshot(site.ports, found)
    assert "/administration/erasures" in text(ada, "/administration/snapshots")
    assert send(ada, "/administration/snapshots/s2/retirement").status_code == 302
    assert site.ports.store.latest_snapshot().ident == "s1"
    assert send(ada, "/administration/snapshots/s2/retirement").status_code == 409
    assert send(ada, "/administration/snapshots/s1/retirement").status_code == 409
    assert "Retired" in text(ada, "/administration/snapshots")


def test_health_shows_workers_and_silent_workers(site):
    ada = site.browser(ADA)
    assert "nothing runs" in text(ada, "/administration/health")
    facts = (("slots", "2"), ("missing", "network"))
    site.ports.store.report_worker(WorkerReport("machine-1", site.clock.now(), facts))
    page = text(ada, "/administration/health")
    assert "machine-1" in page
    assert "is not safe for real data: the self-test failed at network" in page
    site.clock.at += timedelta(minutes=2)
    assert "Silent" in text(ada, "/administration/health")
    site.queue.answers = False
    assert "queue does not answer" in text(ada, "/administration")


def test_the_audit_log_is_searched_by_each_question(site):
    ada = site.browser(ADA)
    jobs = [site.submitted() for _ in range(3)]
    page = text(ada, f"/administration/audit?subject={jobs[1]}")
    assert jobs[1] in page
    assert jobs[0] not in page
    page = text(ada, f"/administration/audit?actor={ROSA}&action=job.submitted")
    assert all(job in page for job in jobs)
    assert "No lines match your search" in text(ada, "/administration/audit?until=2020-01-01")
    assert jobs[2] in text(ada, "/administration/audit?since=2026-11-24&until=2026-11-24&action=job.submitted")
    assert "year-month-day" in text(ada, "/administration/audit?since=soon", 400)
    verified = send(ada, "/administration/audit/verification").text
    assert "lines follow" in verified


def test_the_audit_log_is_paged(site):
    for _ in range(60):
        emergency_stops.stop(site.ports, site.person(ADA), StopKind.PROJECT, "P0421", "Again.")
        for by in (ADA, AMIR):
            emergency_stops.lift(site.ports, site.person(by), StopKind.PROJECT, "P0421")
    ada = site.browser(ADA)
    first = text(ada, "/administration/audit?action=project.stopped")
    older = re.search(r'href="(/administration/audit\?[^"]*before=[^"]*)"', first)[1].replace("&amp;", "&")
    second = text(ada, older)
    assert (first.count(">project.stopped</a>"), second.count(">project.stopped</a>")) == (50, 10)
    assert "Older lines" not in second


ALONE = [path for method, path, _, _, _, status in TABLE if method == "GET" and status == 200 and "{" not in path]


@pytest.mark.parametrize("path", ALONE)
def test_every_administration_page_has_its_place_in_the_navigation(site, path):
    page = text(site.browser(ADA), path)
    active = page.split("service-navigation__item--active")
    assert len(active) == 2
    assert "Administration" in active[1][:300]


@pytest.mark.parametrize("page", ["projects", "profiles", "budgets", "memory", "policies"])
def test_the_page_names_commands_for_changes_without_a_form(site, page):
    measured_caps(site)
    told = text(site.browser(ADA), f"/administration/{page}")
    for command in ("broker policy plan", "broker policy apply"):
        assert told.count(command) == 1


def test_jobs_are_counted_under_the_words_that_everybody_reads(site):
    site.assessed(Verdict.REVIEW)
    page = text(site.browser(ADA), "/administration/health")
    assert "Jobs waiting for a decision" in page
    assert "assessing" not in page
