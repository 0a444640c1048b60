"""The administrator's pages: each flow from its form to the store."""

import re
from datetime import date, timedelta

import pytest

from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobState
from broker.domain.ports import Snapshot, WorkerReport
from broker.domain.projects.stops import StopKind
from broker.workflow.administration import emergency_stops, project_changes, user_accounts
from broker.workflow.policies_in_force import policies_in_force
from tests.integration.web.conftest import ADA, AMIR, ROSA, missing, send, text
from tests.integration.web.every_page import measured_caps

pytestmark = pytest.mark.long

FORM = {"kind": "project", "subject": "P0421", "reason": "A test."}


def change_form(site, **changes):
    """The form of the project's page as it stands, with changes."""
    view = project_changes.view_project(site.ports, site.person(ADA), "P0421")
    p = view.project
    form = {"against": view.in_force, "title": p.title, "purpose": p.purpose, "expires": p.expires.isoformat()}
    form |= {"votes": str(p.votes), "researchers": "\n".join(sorted(p.researchers))}
    return form | changes


def test_stop_and_lift_from_the_pages(site):
    job, rosa, ada = site.submitted(), site.browser(ROSA), site.browser(ADA)
    stops = "/administration/stops"
    assert "This person or project does not exist" in send(ada, stops, **FORM | {"subject": "P9"}).text
    assert "Enter a reason" in send(ada, stops, **FORM | {"reason": ""}).text
    answer = send(ada, stops, **FORM)
    assert answer.headers["Location"].endswith("ended=1")
    assert site.ports.store.job(job).state is JobState.WITHDRAWN
    assert rosa.get("/").status_code == 302, "her session is gone"
    assert site.call(ROSA, "GET", "/api/v1/me").status_code == 401, "and her tokens"
    assert missing(text(ada, stops), "A test.", "Request to lift") == []
    send(ada, f"{stops}/project/P0421/lift")
    assert "Another administrator has to confirm" in text(ada, stops)
    assert "P0421 is stopped" in text(ada, "/administration")
    assert "Lift the stop of P0421" in text(site.browser(AMIR), stops)
    send(site.browser(AMIR), f"{stops}/project/P0421/lift")
    assert site.ports.store.stop_of(StopKind.PROJECT, "P0421") is None


def test_a_project_changes_by_two_administrators(site):
    ada, amir, page = site.browser(ADA), site.browser(AMIR), "/administration/projects/P0421"
    facts = ("Who decided", "npd.absence", "Gateway", f"{ADA} proposed and {AMIR} applied")
    assert missing(text(ada, page), *facts) == []
    form = change_form(site, expires="2031-01-31", researchers=f"{ROSA}\nother-researcher")
    plan = send(ada, f"{page}/plan", **form).text
    assert missing(plan, "expires changes from", "other-researcher becomes a researcher") == []
    assert policies_in_force(site.ports.store).project("P0421").expires != date(2031, 1, 31)
    where = send(ada, f"{page}/proposal", **form).headers["Location"]
    assert "Another administrator has to put this set in force" in text(ada, where)
    against = policies_in_force(site.ports.store).fingerprint
    assert send(ada, where + "/application", against=against).status_code == 403
    assert "2031-01-31" in text(amir, where)
    assert send(amir, where + "/application", against="0" * 64).status_code == 409, "not what was shown"
    assert send(amir, where + "/application", against=against).status_code == 302
    assert policies_in_force(site.ports.store).project("P0421").expires == date(2031, 1, 31)
    assert where.rsplit("/", 1)[1][:12] in text(ada, page)
    assert send(ada, f"{page}/plan", **form).status_code == 409, "planned against an older set"


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
    assert missing(text(ada, f"/administration/people/{ROSA}"), "2026-11-01", "rosa@example.org") == []
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
    bad = {
        "accredited_from": "2029-01-01",
        "accredited_until": "x",
        "email": "no address",
        "name": "",
        "ident": "No Id",
    }
    for name, value in bad.items():
        assert send(ada, "/administration/people", **longer | {name: value}).status_code == 400, name


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
    unsafe = "is not safe for real data: the self-test failed at network"
    assert missing(text(ada, "/administration/health"), "machine-1", unsafe) == []
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
    assert missing(text(ada, f"/administration/audit?actor={ROSA}&action=job.submitted"), *jobs) == []
    assert "No lines match your search" in text(ada, "/administration/audit?until=2020-01-01")
    assert jobs[2] in text(ada, "/administration/audit?since=2026-11-24&until=2026-11-24&action=job.submitted")
    assert "year-month-day" in text(ada, "/administration/audit?since=soon", 400)
    assert "lines follow" in send(ada, "/administration/audit/verification").text


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


def test_pages_name_the_commands_for_changes_without_a_form(site):
    measured_caps(site)
    ada = site.browser(ADA)
    for name in ("projects", "profiles", "budgets", "memory", "policies"):
        page = text(ada, f"/administration/{name}")
        assert [page.count(f"broker policy {command}") for command in ("plan", "apply")] == [1, 1], name


def test_an_administrator_reads_no_text_of_a_job_and_stops_it(site):
    job, ada = site.submitted(), site.browser(ADA)
    assert "SELECT" not in text(ada, f"/jobs/{job}")
    assert send(ada, f"/jobs/{job}/stop").status_code == 302
    assert "Withdrawn" in text(ada, f"/jobs/{job}")


def test_jobs_are_counted_under_the_words_that_everybody_reads(site):
    site.assessed(Verdict.REVIEW)
    page = text(site.browser(ADA), "/administration/health")
    assert "Jobs waiting for a decision" in page
    assert "assessing" not in page
