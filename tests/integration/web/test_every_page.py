"""Every page has a row, the right answer for each role, valid markup, nothing inline, and silence."""

import re

import html5lib
import pytest

from broker.domain.findings import Verdict
from tests.integration.web.conftest import ADA, OTIS, ROSA, Site
from tests.integration.web.every_page import NOT_PAGES, ROWS, VISITORS, things

JOBS = ("job", "waiting_job", "refused", "failed", "queued")
MISSING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def browsers(site):
    return {who: site.http() if who is None else site.browser(who) for who in VISITORS}


def test_no_page_is_without_a_row(site):
    """A page that is added is looked at by every test here and in the browser, or this fails."""
    gets = {r.endpoint for r in site.app.url_map.iter_rules() if "GET" in r.methods and not r.rule.startswith("/api/")}
    assert gets == {row.endpoint for row in ROWS} | NOT_PAGES
    assert len({row.endpoint for row in ROWS}) == len(ROWS)


def test_who_gets_which_answer(site, browsers):
    made = things(site)
    for row in ROWS:
        told = tuple(browsers[who].get(row.path.format(**made), buffered=True).status_code for who in VISITORS)
        assert told == row.answers, (row.endpoint, told)


def test_invariant_8_a_page_that_one_may_not_know_is_byte_for_byte_one_that_is_not_there(site, browsers):
    made = things(site)
    for row in ROWS:
        name = re.search(r"\{(\w+)\}", row.path)
        for who, status in zip(VISITORS, row.answers, strict=True):
            if status != 404 or name is None:
                continue
            browsers[who].get("/catalogue")  # a first answer sets the form's cookie
            real = browsers[who].get(row.path.format(**made))
            # Whoever may see that a job failed may not see whether it waits for a look: as for any job of theirs.
            knows_job = name[1] in {"failed", "waiting_job"} and who in {ROSA, ADA}
            other = made["queued"] if knows_job else MISSING
            none = browsers[who].get(row.path.format(**made | {name[1]: other}))
            assert plain(real).replace(made[name[1]], other) == plain(none), (row.endpoint, who)
            assert sorted(real.headers.keys()) == sorted(none.headers.keys())


def plain(answer):
    assert answer.status_code == 404
    return tokenless(answer.get_data(as_text=True))


def tokenless(page):
    return re.sub(r'(name="csrf_token"|name="client_id") value="[^"]*"', "", page)


def test_markup_is_valid_and_nothing_is_inline(site, browsers):
    made = things(site)
    for row in ROWS:
        if not row.html:
            continue
        for address in (*(a.format(**made) for a in row.addresses), "/nothing-here"):
            answer = browsers[row.visitor].get(address)
            page = answer.get_data(as_text=True)
            html5lib.HTMLParser(strict=True).parse(page)
            idents = re.findall(r'\sid="([^"]*)"', page)
            assert len(set(idents)) == len(idents), (address, sorted(i for i in idents if idents.count(i) > 1))
            for named in re.findall(r'(?:\sfor|aria-describedby|aria-labelledby|aria-controls)="([^"]+)"', page):
                assert set(named.split()) <= set(idents), (address, named)
            assert not re.search(r"<script(?![^>]*\ssrc=\"/static/)|\son\w+=|\sstyle=|javascript:", page), address
            policy = answer.headers["Content-Security-Policy"]
            assert "unsafe-" not in policy, address
            assert "default-src 'none'" in policy
            assert not re.search(r"https?:", policy), address


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
        for row in ROWS:
            if "{" not in row.path:
                continue
            answer = rosa.get(row.path.format(**made))
            text = answer.get_data(as_text=True).replace(job, "JOB").replace(output, "OUTPUT")
            shown[row.endpoint] = (answer.status_code, tokenless(text))
        seen.append(shown)
    assert seen[0] == seen[1]


def test_times_on_a_researchers_pages_are_whole_minutes(site, browsers):
    """But for when they sent it, which they know."""
    made = things(site)
    sent = {site.ports.store.job(made[name]).created.isoformat() for name in JOBS}
    kept = site.call(ROSA, "GET", "/api/v1/projects/P0421/saved").json["saved"]
    asked = site.ports.store.rehearsals_of(ROSA)
    sent |= {rehearsal.created.isoformat() for rehearsal in asked}
    sent |= {entry["created"].replace("Z", "+00:00") for entry in kept}
    for row in ROWS:
        if not row.html:
            continue
        for address in row.addresses:
            for who in (ROSA, OTIS):
                page = browsers[who].get(address.format(**made)).get_data(as_text=True)
                for moment in set(re.findall(r'datetime="([^"]*)"', page)) - sent:
                    assert re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:00)?(\+00:00|Z)?)?", moment), (address, moment)
