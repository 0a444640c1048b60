"""A checker's pages without scripts: searching, threads, whole submissions; and how many queries a page may ask."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import insert

from broker.domain.findings import Verdict
from broker.domain.identifiers import new_ident
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import Audience
from broker.domain.ports import OutputRecord
from broker.domain.release_history import OverlapKind
from broker.storage.job_stores.output_store import output_values
from broker.storage.tables.job_tables import outputs
from broker.workflow.reviewing import output_thread
from tests.integration.web import conftest
from tests.integration.web.big_table import big_document
from tests.integration.web.conftest import CHRIS, CLEO, CSV, ROSA, missing, send, text
from tests.integration.web.every_page import failed_script
from tests.integration.web.speed import counted

pytestmark = pytest.mark.long


@pytest.fixture
def large(site, monkeypatch):
    """An output of 5,000 figures."""
    monkeypatch.setattr(conftest, "staff_document", big_document)
    return site.assessed(Verdict.REFUSE, CSV)[1]


def many(site, number=200):
    """A submission with so many outputs in review: one that was assessed, and copies of it."""
    job, first = site.assessed()
    store = site.ports.store
    output, digest = store.output(first), store.evidence_digest(first)
    copies = [replace(output, ident=new_ident(), name=f"t{n}") for n in range(1, number)]
    rows = [output_values(OutputRecord(o, digest), n) for n, o in enumerate(copies, 2)]
    with store._db.write() as connection:
        connection.execute(insert(outputs), rows)
    return job, first


def queries(site, browser, path):
    """How many statements a page asks of the store."""
    with counted(site) as asked:
        text(browser, path)
    return len(asked)


def test_two_hundred_outputs_need_no_more_queries_than_one(site):
    job, output = site.assessed()
    browser = site.browser(CLEO)
    paths = ("/inbox", "/jobs/{job}/review", "/outputs/{output}")
    alone = [queries(site, browser, p.format(job=job, output=output)) for p in paths]
    job, output = many(site)
    text(browser, "/inbox")  # notes once a minute that the session was seen
    crowd = [queries(site, browser, p.format(job=job, output=output)) for p in paths]
    assert crowd == alone
    assert max(crowd) <= 32


def test_a_job_that_waits_has_one_word_for_checkers_and_its_researcher(site):
    job, _ = site.assessed()
    for person in (CLEO, ROSA):
        page = text(site.browser(person), f"/jobs/{job}")
        assert missing(page, "Waiting for a decision", "Assessing") == ["Assessing"]


def test_all_shown_of_a_submission_are_decided_at_once(site):
    job, _ = many(site, 40)
    browser = site.browser(CLEO)
    page = text(browser, f"/jobs/{job}/review")
    listed = re.findall(r'name="outputs" value="([^"]+)"', page)
    memory = re.search(r'name="memory_version" value="(\d+)"', page)[1]
    assert len(listed) == 40
    sent = {"choice": "approve", "reason": "meets-rules", "memory_version": memory, "outputs": listed}
    wrong = send(browser, f"/jobs/{job}/votes", **sent | {"reason": "small-groups", "choice": ""})
    assert wrong.status_code == 400
    assert send(browser, f"/jobs/{job}/votes", **sent).status_code == 302
    assert {o.state for o in site.ports.store.outputs_of(job)} == {OutputState.RELEASED}
    assert "Your vote on 40 outputs is cast." in text(browser, f"/jobs/{job}/review")


def test_rows_are_searched_and_flagged_without_scripts(site, large):
    browser = site.browser(CLEO)

    wanted = {"": 1250, "flagged=yes": 125, "q=group+249": 5, "q=GROUP+249+11": 1, "q=nothing&page=x&row=-1": 0}
    for query, rows in wanted.items():
        page = text(browser, f"/outputs/{large}?{query}")
        assert len(re.findall(r'<tr(?: class="f")?><th scope="row">', page)) == rows, query


def test_evidence_of_a_row_by_link_and_as_a_part(site, large):
    browser = site.browser(CLEO)
    assert "rows that contribute 110" in text(browser, f"/outputs/{large}?row=10")
    part = text(browser, f"/outputs/{large}/rows/10")
    assert missing(part, "F1: Too few persons.", "<html") == ["<html"]
    text(browser, f"/outputs/{large}/rows/1250", 404)
    text(site.browser(ROSA), f"/outputs/{large}/rows/10", 404)
    assert len(site.ports.store.audit_of(large, "output.viewed")) == 1, "the first view, and not each row"


def test_the_attack_is_a_page_of_its_own_and_an_answer_of_the_api(site, large):
    page = text(site.browser(CLEO), f"/outputs/{large}/attack")
    assert missing(page, "125 hidden figures, 0 exactly known", "<html", "no bound") == []
    found = site.call(CLEO, "GET", f"/api/v1/outputs/{large}/attack").json["columns"]
    assert [(c["column"], len(c["derived"])) for c in found] == [("boys", 125)]
    assert found[0]["derived"][0] == {"cell": ["7", "group 0"], "exact": "4", "low": "0", "high": None, "known": False}


def test_a_page_says_what_it_does_not_know(site):
    _, output = site.assessed()
    told = ("This output was not compared", "not released another output with this name")
    assert missing(text(site.browser(CLEO), f"/outputs/{output}"), *told) == []
    site.released()
    assert "last release of absence" in text(site.browser(CLEO), f"/outputs/{output}")


def test_an_incomplete_vote_retains_its_text(site):
    _, output = site.assessed(Verdict.REFUSE)
    browser = site.browser(CLEO)
    sent = {"choice": "approve", "reason": "described-and-safe", "words": "Well described."}
    sent |= seen_on(text(browser, f"/outputs/{output}"))
    answer = send(browser, f"/outputs/{output}/vote", **sent, overrides="F1")
    assert answer.status_code == 400
    kept = ('href="#why"', "Well described.</textarea>", 'name="overrides" value="F1" checked')
    assert missing(answer.text, *kept) == []
    assert send(browser, f"/outputs/{output}/vote", **sent, overrides="F1", why="Staff.").status_code == 302
    assert "This output is waiting for another checker." in text(browser, f"/outputs/{output}")
    assert "you have voted" in text(browser, "/inbox")
    assert "Staff." not in text(site.browser(CHRIS), f"/outputs/{output}")


def seen_on(page):
    """What a vote says that it is about, from the page of the output."""
    return dict(re.findall(r'name="(staff_hash|findings_hash|memory_version)" value="([^"]+)"', page))


def test_after_a_vote_the_next_output_opens(site):
    job, first = many(site, 3)
    browser = site.browser(CLEO)
    seen = seen_on(text(browser, f"/outputs/{first}"))
    answer = send(browser, f"/outputs/{first}/vote", choice="return", reason="ask-us", **seen)
    second = site.ports.store.outputs_of(job)[1]
    assert answer.headers["Location"] == f"/outputs/{second.ident}"
    page = text(browser, f"/outputs/{second.ident}")
    assert missing(page, "Your vote on absence: return.", "Output 2 of 3, 2 to vote on") == []


def test_words_go_from_a_checker_to_the_researcher_and_back(site):
    job, output = site.assessed()
    browser, rosa = site.browser(CLEO), site.browser(ROSA)
    said = {"text": "Merge the groups under 10.", "audience": "researchers"}
    assert send(browser, f"/outputs/{output}/messages", **said).status_code == 302
    assert send(browser, f"/outputs/{output}/messages", **said | {"text": ""}).status_code == 400
    assert "waiting for a second checker" in text(browser, f"/outputs/{output}")
    seen = site.client(CLEO).evidence(output)
    site.client(CLEO).vote(output, "return", "small-groups", seen, words="Please.")
    assert missing(text(rosa, f"/jobs/{job}/messages"), "under 10", "Please.") == ["under 10"]
    assert f"/outputs/{output}#thread" in text(site.browser(CHRIS), "/inbox")
    chris = site.browser(CHRIS)
    assert send(chris, f"/outputs/{output}/messages/1/confirmation").status_code == 302
    assert missing(text(rosa, f"/jobs/{job}/messages"), "under 10", CLEO) == [CLEO]
    answer = send(rosa, f"/jobs/{job}/messages", output=output, text="Done: see the new job.")
    assert answer.status_code == 302
    assert "Done: see the new job." in text(browser, f"/outputs/{output}")


def test_invariant_9_messages_about_waiting_and_withheld_outputs_are_alike(site):
    pages = []
    for verdict, candidate in ((Verdict.PUBLISH, CSV), (Verdict.REFUSE, None)):
        job, output = site.assessed(verdict, candidate)
        if site.ports.store.output(output).state is OutputState.IN_REVIEW:
            output_thread.write_message(site.ports, site.person(CLEO), output, "A word.", Audience.RESEARCHERS)
        page = text(site.browser(ROSA), f"/jobs/{job}/messages").replace(job, "JOB")
        pages.append(re.sub(r'value="[^"]*"|<time.*?</time>', "", page))
    assert pages[0] == pages[1]


def test_a_submission_is_claimed_and_given_up_from_the_inbox(site):
    job, _ = many(site, 3)
    browser = site.browser(CLEO)
    for take, claimed_by in (("yes", CLEO), ("no", None)):
        assert send(browser, f"/jobs/{job}/claim", take=take).status_code == 302
        assert {o.claimed_by for o in site.ports.store.outputs_of(job)} == {claimed_by}
        assert ("Release claim" in text(browser, "/inbox?order=size&project=P0421")) is (take == "yes")


def test_a_checker_reviews_and_decides_a_lookup(site):
    made = site.client(ROSA).propose_lookup("P0421", "bands", "Bands.", "code,band\n1,low\n")["ident"]
    browser = site.browser(CLEO)
    assert f"/lookups/{made}" in text(browser, "/inbox")
    assert "low" in text(browser, f"/lookups/{made}")
    decisions = [("approve", "about-people", 400), ("return", "ask-us", 400), ("approve", "public-values", 302)]
    for choice, reason, status in decisions:
        assert send(browser, f"/lookups/{made}/decision", choice=choice, reason=reason).status_code == status
    assert "The lookup is approved." in text(browser, "/inbox")


def test_a_failure_is_explained_once_without_figures(site):
    job, browser = failed_script(site), site.browser(CLEO)
    assert f"/jobs/{job}/failure" in text(browser, "/inbox")
    assert "KeyError:" in text(browser, f"/jobs/{job}/failure")
    figures = send(browser, f"/jobs/{job}/failure", reason="7 pupils lack a value.")
    assert figures.status_code == 400
    assert "7 pupils lack a value." in figures.text
    assert send(browser, f"/jobs/{job}/failure", reason="Some lack a value.").status_code == 302
    assert f"/jobs/{job}/failure" not in text(browser, "/inbox")


def overlapping(site, monkeypatch, **memory):
    """An output whose comparison with memory found this, and what its checker and its staff record are told."""
    whole = conftest.staff_document
    monkeypatch.setattr(conftest, "staff_document", lambda verdict: whole(verdict) | {"memory": memory})
    _, output = site.assessed()
    page = text(site.browser(CLEO), f"/outputs/{output}")
    record = site.call(CLEO, "GET", f"/api/v1/outputs/{output}/staff-record").json
    return page.split("Overlap with earlier releases")[1].split("</section>")[0], record["memory"]


def overlap(number, how, persons=None):
    told = {"release": f"rel-{number}", "output": f"out-{number}", "table": 0, "source": "release", "how": how}
    return told | {"words": OverlapKind(how).description, "persons": persons, "exact": persons != 7}


def test_a_checker_sees_which_releases_of_the_project_overlap_and_how(site, monkeypatch):
    overlaps = [overlap(1, "difference", 3), overlap(2, "difference", 7), overlap(3, "nested")]
    shown, recorded = overlapping(site, monkeypatch, version="9", overlaps=overlaps, others=False)
    links = [f'href="/outputs/out-{number}">rel-{number}</a>' for number in (1, 2, 3)]
    told = ("up to entry 9 of the release history", "7 (estimated, not counted)", OverlapKind.NESTED.description)
    assert missing(shown, *links, *told, "another project") == ["another project"]
    assert recorded["overlaps"] == overlaps


def test_of_other_projects_a_checker_learns_only_that_there_is_one(site, monkeypatch):
    shown, recorded = overlapping(site, monkeypatch, version="9", overlaps=[], others=True)
    none = "No release overlaps this output"
    assert missing(shown, "A release of another project also overlaps this output.", none) == [none]
    assert (recorded["overlaps"], recorded["others"]) == ([], True)


def test_of_many_overlaps_the_first_are_shown_and_the_record_has_all(site, monkeypatch):
    many = [overlap(n, "apart") for n in range(60)]
    shown, recorded = overlapping(site, monkeypatch, version="70", overlaps=many, others=False)
    assert shown.count(OverlapKind.APART.description) == 50
    assert "The list shows the first 50 of 60" in shown
    assert len(recorded["overlaps"]) == 60


def test_what_nothing_overlaps_says_so_and_what_is_not_compared_does_not(site, monkeypatch):
    shown, _ = overlapping(site, monkeypatch, version="0", overlaps=[], others=False)
    assert "No release overlaps this output." in shown
    monkeypatch.undo()
    _, output = site.assessed()
    told = ("No release overlaps this output.", "Decide whether it reveals more together with earlier outputs.")
    assert missing(text(site.browser(CLEO), f"/outputs/{output}"), *told) == [told[0]]
    assert site.call(CLEO, "GET", f"/api/v1/outputs/{output}/staff-record").json["memory"] is None
