"""The public register of projects and releases: pages, CSV, JSON and feed."""

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from broker.workflow.administration import user_accounts
from broker.workflow.pipeline import job_release
from tests.integration.web.conftest import ADA, AMIR, CLEO, ROSA, missing, text

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def get(site, path, status=200):
    return text(site.http(), path, status)


def rows(site, path):
    return list(csv.DictReader(io.StringIO(get(site, path))))


def test_a_project_has_the_departments_columns(site, policies):
    site.released()
    told = {row["Project"]: row for row in rows(site, "/register.csv")}
    ours = told["P0421"]
    assert (ours["Reference"], ours["Date approved"]) == ("DS00421", "2024-04-18")
    assert ours["Licence expiry"] == policies.project("P0421").expires.isoformat()
    assert (ours["Organisation"], ours["Organisation type"]) == ("Demo University", "university")
    assert "Prescribed Persons" in ours["Legal gateway"]
    assert "npd.absence (2015 to 2018, 2020 to 2022)" in ours["Data sets and years"]
    assert ours["Identifiability and sensitivity"] == "3B"
    assert (ours["Status"], ours["Releases"], ours["Outputs recalled"]) == ("live", "1", "0")
    assert told["P0815"]["Status"] == "expired"
    assert told["P0999"]["Releases"] == "0"


def test_projects_are_found_by_words_and_status(site):
    assert [r["Project"] for r in rows(site, "/register.csv?q=dashboard+ATTENDANCE")] == ["P0733"]
    assert [r["Project"] for r in rows(site, "/register.csv?status=expired")] == ["P0815"]
    assert rows(site, "/register.csv?q=nothing-has-this-word") == []
    assert "P0733" in get(site, "/register?q=demo+charity")
    assert "/projects/P0421" not in get(site, "/register?q=demo+charity")
    assert "No projects match your search" in get(site, "/register?q=100%25+%00x")


def test_data_sets_are_named_in_words(site):
    page = get(site, "/register?q=dashboard")
    assert "School Census pupil level; Pupil absence by term and year; Key Stage 1 teacher assessment" in page
    assert "npd." not in page
    assert "Pupil absence by term and year: " in get(site, "/register/projects/P0733")


def test_a_project_has_its_page_and_an_unknown_one_has_none(site, policies):
    site.released()
    end = policies.project("P0421").expires
    told = ("DS00421", "Demo University", "npd.spring_census", "EthnicGroupMajor", "Absence", f"{end.day} {end:%B %Y}")
    assert missing(get(site, "/register/projects/P0421"), *told) == []
    get(site, "/register/projects/P9999", 404)
    get(site, "/register/projects/p0421", 404)


def test_releases_and_recalls_show_everywhere_to_the_minute(site):
    site.released()
    _, output = site.released()
    job_release.recall(site.ports, site.person(CLEO), output, "Not as described.")
    found = site.http().get("/register.json").json
    assert [r["recalled"] for r in found["releases"]] == [True, False]
    assert found["releases"][0]["recalled_outputs"] == ["absence"]
    minutes = {line["released_at"][16:] for line in found["releases"]}
    assert minutes <= {":00Z", ":00+00:00"}, "when exactly a job was released tells how long it ran"
    assert next(p for p in found["projects"] if p["project"] == "P0421")["recalled"] == 1
    assert [r["recalled"] for r in rows(site, "/register/releases.csv")] == ["true", "false"]
    feed = ElementTree.fromstring(get(site, "/register.atom"))
    terms = [c.get("term") for c in feed.findall("a:entry/a:category", ATOM)]
    assert sorted(terms) == ["recalled", "released", "released"]
    assert len({i.text for i in feed.findall("a:entry/a:id", ATOM)}) == 3
    assert "Recalled" in get(site, "/register/releases")


def test_the_register_names_no_person_and_nothing_that_has_not_left(site):
    waiting, held = site.assessed()
    refused = site.submitted(title="Never to be seen")
    for path in ("/register", "/register.json", "/register.csv", "/register.atom", "/register/releases",
                 "/register/releases.csv", "/register/projects/P0421"):  # fmt: skip
        hidden = [waiting, held, refused, "Never to be seen", ROSA, CLEO]
        assert missing(get(site, path), *hidden) == hidden, path


def test_invariant_12_a_project_that_policy_dropped_stays_with_what_it_released(site, policies):
    site.released()
    without = replace(policies, projects=tuple(p for p in policies.projects if p.ident != "P0421"))
    user_accounts.propose_policy(site.ports, site.person(ADA), without)
    user_accounts.apply_policy(site.ports, site.person(AMIR), without.fingerprint)
    told = {row["Project"]: row for row in rows(site, "/register.csv")}
    assert (told["P0421"]["Status"], told["P0421"]["Releases"]) == ("closed", "1")
    assert "Closed" in get(site, "/register/projects/P0421")


def test_releases_come_in_pages_and_are_searched(site, monkeypatch):
    monkeypatch.setattr("broker.web.pages.register_pages.PAGE", 2)
    made = [site.released()[0] for _ in range(3)]
    idents = [site.ports.store.release_of(job).ident for job in made]
    first = get(site, "/register/releases")
    assert f"after={idents[1]}" in first
    older = get(site, f"/register/releases?after={idents[1]}")
    assert (older.count('<th scope="row"'), "after=" in older) == (1, False)
    assert "No releases match your search" in get(site, "/register/releases?q=%25")
    assert get(site, "/register/releases?q=ABSENCE").count('<th scope="row"') == 2
    get(site, "/register/releases?after=nothing", 404)


@pytest.mark.parametrize("path", ["/register", "/register/releases", "/register/projects/P0421"])
def test_what_a_visitor_types_is_never_markup(site, path):
    page = site.http().get(path, query_string={"q": '"><script>x</script>', "status": "'<b>"}).text
    assert "<script>x" not in page
    assert "<b>" not in page
