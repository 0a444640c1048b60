"""Every page and form has a row, the right answer for each role, valid markup, nothing inline, and silence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import html5lib
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from broker.domain.findings import Verdict
from broker.workflow.administration import project_changes
from tests.integration.web.conftest import ADA, CLEO, OTIS, ROSA, SQL, Site, form_token, open_site, text
from tests.integration.web.every_page import MORE, NOT_PAGES, ROWS, VISITORS, things

JOBS = ("job", "waiting_job", "refused", "failed", "queued")
MISSING = "00000000-0000-7000-8000-000000000000"
NONE = "0" * 64
JOB_FORM = {"project": "P0421", "kind": "sql", "title": "By year", "purpose": "A test", "text": SQL}
REVIEW = {"text": "A word.", "audience": "staff", "reason": "ask-us", "choice": "reject", "take": "yes"}
STOP = {"kind": "project", "subject": "P0421", "reason": "A test."}
LOOKUP = {"name": "more_bands", "about": "Bands.", "text": "a,b\n1,x\n"}

# address, form, then the answers to: a member of the project, another researcher, a checker, an administrator
FORMS = [
    ("/submit", JOB_FORM, 302, 404, 403, 403),
    ("/submit/check", JOB_FORM, 200, 404, 403, 403),
    ("/submit/rehearse", JOB_FORM, 200, 404, 403, 403),
    ("/rehearsals/{rehearsal}/cancel", {}, 302, 404, 404, 404),
    ("/jobs/{queued}/again", {"nonce": "once"}, 302, 404, 403, 403),
    ("/jobs/{queued}/withdraw", {}, 302, 404, 403, 403),
    ("/projects/P0421/saved", LOOKUP, 302, 404, 403, 403),
    ("/projects/P0421/saved/pupils/drop", {}, 302, 404, 403, 403),
    ("/jobs/{waiting_job}/claim", REVIEW, 404, 404, 302, 404),
    ("/jobs/{waiting_job}/votes", REVIEW, 404, 404, 400, 404),
    ("/jobs/{failed}/failure", REVIEW, 404, 404, 409, 404),
    ("/jobs/{failed}/read", REVIEW, 404, 404, 409, 404),
    ("/jobs/{waiting_job}/messages", REVIEW, 404, 404, 404, 404),
    ("/jobs/{waiting_job}/stop", {}, 403, 404, 403, 302),
    ("/outputs/{refusing}/claim", REVIEW, 404, 404, 302, 403),
    ("/outputs/{refusing}/vote", REVIEW, 404, 404, 409, 403),
    ("/outputs/{refusing}/messages", REVIEW, 404, 404, 302, 403),
    ("/outputs/{refusing}/messages/7/confirmation", REVIEW, 404, 404, 404, 403),
    ("/outputs/{out}/recall", REVIEW, 403, 404, 302, 302),
    ("/lookups/{lookup}/decision", REVIEW, 403, 404, 302, 403),
    ("/administration/people", {"ident": "new-one", "name": "New"}, 404, 404, 403, 302),
    ("/administration/projects/P0421/plan", "change", 404, 404, 403, 200),
    ("/administration/projects/P0421/proposal", "change", 404, 404, 403, 302),
    (f"/administration/policies/{NONE}/application", {}, 404, 404, 403, 409),
    ("/administration/snapshots/none/retirement", {}, 404, 404, 403, 404),
    ("/administration/erasures", {"domain": "PMR", "key": "K1", "case": "E/1"}, 404, 404, 403, 302),
    ("/administration/erasures/{erasure}/withdrawal", {}, 404, 404, 403, 302),
    ("/administration/erasures/9/confirmation", {"key": "K1"}, 404, 404, 403, 404),
    ("/administration/public-tables", {"name": "x"}, 404, 404, 403, 400),
    (f"/administration/public-tables/{NONE}/confirmation", {}, 404, 404, 403, 404),
    (f"/administration/public-tables/{NONE}/withdrawal", {}, 404, 404, 403, 404),
    ("/administration/budgets/verification", {}, 404, 404, 403, 200),
    ("/administration/audit/verification", {}, 404, 404, 403, 200),
    ("/administration/stops", STOP, 404, 404, 403, 302),
    ("/administration/stops/project/P0421/lift", {}, 404, 404, 403, 302),
]
OWN = {"/sign-in", "/sign-out", "/account/ends"}
"""Forms about nobody but who sends them."""


@dataclass
class World:
    """One of each thing, and a window of each visitor. Tests of this file that share it change nothing."""

    site: Site
    made: dict[str, str]
    windows: dict[str | None, FlaskClient]


@pytest.fixture(scope="module")
def world(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    for site in open_site(founded, tmp_path_factory.mktemp("world")):
        windows = {who: site.http() if who is None else site.browser(who) for who in VISITORS}
        yield World(site, things(site), windows)


def test_no_page_is_without_a_row(site):
    """A page or form that is added is looked at by every test here and in the browser, or this fails."""
    pages = [rule for rule in site.app.url_map.iter_rules() if not rule.rule.startswith("/api/")]
    gets = {rule.endpoint for rule in pages if "GET" in rule.methods}
    assert gets == {row.endpoint for row in ROWS} | NOT_PAGES
    assert len({row.endpoint for row in ROWS}) == len(ROWS)
    at = site.app.url_map.bind("")
    filled = {re.sub(r"\{erasure\}", "9", path) for path, *_ in FORMS} | OWN
    sent = {at.match(path, method="POST")[0] for path in filled}
    assert {rule.endpoint for rule in pages if "POST" in rule.methods} == sent


def test_who_gets_which_answer(world):
    for row in (*ROWS, *MORE):
        path = row.path.format(**world.made)
        told = tuple(world.windows[who].get(path, buffered=True).status_code for who in VISITORS)
        assert told == row.answers, (row.path, told)


@pytest.mark.parametrize(("person", "column"), [(ROSA, 2), (OTIS, 3), (CLEO, 4), (ADA, 5)])
def test_who_may_send_which_form(site, person, column):
    made, browser = things(site), site.browser(person)
    in_force = project_changes.view_project(site.ports, site.person(ADA), "P0421").in_force
    change = {"against": in_force, "title": "Another", "purpose": "A", "expires": "2031-01-31", "votes": "1"}
    for row in FORMS:
        token = form_token(text(browser, "/"))
        form = change if row[1] == "change" else row[1]
        answer = browser.post(row[0].format(**made), data={"csrf_token": token, **form})
        assert answer.status_code == row[column], (row[0], answer.status_code, answer.text[-800:])


def test_invariant_8_a_page_that_one_may_not_know_is_byte_for_byte_one_that_is_not_there(world):
    made = world.made
    for row in (*ROWS, *MORE):
        name = re.search(r"\{(\w+)\}", row.path)
        for who, status in zip(VISITORS, row.answers, strict=True):
            if status != 404 or name is None:
                continue
            browser = world.windows[who]
            browser.get("/catalogue")  # a first answer sets the form's cookie
            real = browser.get(row.path.format(**made))
            # Whoever may see that a job failed may not see whether it waits for a look: as for any job of theirs.
            knows_job = name[1] in {"failed", "waiting_job"} and who in {ROSA, ADA}
            other = made["queued"] if knows_job else MISSING
            none = browser.get(row.path.format(**made | {name[1]: other}))
            assert plain(real).replace(made[name[1]], other) == plain(none), (row.path, who)
            assert sorted(real.headers.keys()) == sorted(none.headers.keys())


def plain(answer: TestResponse) -> str:
    assert answer.status_code == 404
    return tokenless(answer.text)


def tokenless(page: str) -> str:
    return re.sub(r'(name="(csrf_token|client_id|nonce)" value|data-nonce)="[^"]*"', "", page)


def test_markup_is_valid_and_nothing_is_inline(world):
    for row in (row for row in ROWS if row.html):
        for address in (*(a.format(**world.made) for a in row.addresses), "/nothing-here"):
            answer = world.windows[row.visitor].get(address)
            page = answer.text
            html5lib.HTMLParser(strict=True).parse(page)
            idents = re.findall(r'\sid="([^"]*)"', page)
            assert len(set(idents)) == len(idents), (address, sorted(i for i in idents if idents.count(i) > 1))
            for named in re.findall(r'(?:\sfor|aria-describedby|aria-labelledby|aria-controls)="([^"]+)"', page):
                assert set(named.split()) <= set(idents), (address, named)
            assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)|\son\w+=|\sstyle=|javascript:", page), address
            assert not re.search(r'(src|href|action)="(https?:)?//', page), address
            assert page.count("<h1") == 1, address
            assert 'lang="en-GB"' in page
            assert unlabelled(page) == [], address
            if address.startswith("/administration"):
                assert places_in_navigation(page) == ["Administration"], address
            policy = answer.headers["Content-Security-Policy"]
            assert "unsafe-" not in policy, address
            assert "default-src 'none'" in policy
            assert not re.search(r"https?:", policy), address


def unlabelled(page: str) -> list[str]:
    """Controls without a label."""
    shown = [c for c in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page) if 'type="hidden"' not in c]
    idents = {control: re.search(r'\sid="([^"]+)"', control) for control in shown}
    return [c for c, ident in idents.items() if not ident or not re.search(f'<label [^>]*for="{ident[1]}"', page)]


def places_in_navigation(page: str) -> list[str]:
    """Which parts of the site the page says it belongs to."""
    active = page.split("service-navigation__item--active")[1:]
    return [re.sub(r"<[^>]*>|\s", "", part.partition(">")[2].partition("</li>")[0]) for part in active]


def test_invariant_9_withheld_and_in_review_are_alike_on_every_page_of_a_researcher(site: Site):
    """Two jobs that differ only in where their output went, on each page that its researcher can open, at the same
    minute: the same bytes but for ids."""
    rosa, seen, began = site.browser(ROSA), [], site.clock.at.replace(second=30, microsecond=0)
    for verdict, candidate in ((Verdict.PUBLISH, b"NCyearActual,n\n7,100\n"), (Verdict.REFUSE, None)):
        site.clock.at = began
        job, output = site.assessed(verdict, candidate)
        made = {"job": job, "waiting_job": job, "queued": job, "refused": job, "failed": job, "out": output}
        made |= {"waiting": output, "refusing": output, "saved": MISSING, "lookup": MISSING, "rehearsal": MISSING}
        made |= {"public_table": MISSING}
        shown = {}
        for row in (row for row in (*ROWS, *MORE) if "{" in row.path):
            answer = rosa.get(row.path.format(**made))
            shown[row.path] = (answer.status_code, tokenless(answer.text.replace(job, "JOB").replace(output, "OUTPUT")))
        seen.append(shown)
    assert seen[0] == seen[1]


def test_times_on_a_researchers_pages_are_whole_minutes(world):
    """But for when they sent it, which they know."""
    site = world.site
    sent = {site.ports.store.job(world.made[name]).created.isoformat() for name in JOBS}
    kept = site.call(ROSA, "GET", "/api/v1/projects/P0421/saved").json["saved"]
    sent |= {rehearsal.created.isoformat() for rehearsal in site.ports.store.rehearsals_of(ROSA)}
    sent |= {entry["created"].replace("Z", "+00:00") for entry in kept}
    for address in (address.format(**world.made) for row in ROWS if row.html for address in row.addresses):
        for who in (ROSA, OTIS):
            for moment in set(re.findall(r'datetime="([^"]*)"', world.windows[who].get(address).text)) - sent:
                assert re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:00)?(\+00:00|Z)?)?", moment), (address, moment)
