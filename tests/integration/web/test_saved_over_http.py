"""Saved definitions over HTTP and from the command line, with the real store."""

import pytest

from broker.domain.errors import Conflict, Invalid
from broker.domain.jobs.job import JobKind, Submission
from tests.integration.web.conftest import CHRIS, CLEO, ROSA, form_token

KEEP = """SELECT a.PupilMatchingRefAnonymous AS k, a.NCyearActual INTO project.pupils FROM npd.absence AS a
WHERE a.AcademicYear = '2022/2023'"""
READ = """SELECT s.stage, COUNT(*) AS n FROM project.pupils AS p JOIN project.stages AS s ON s.year = p.NCyearActual
GROUP BY s.stage"""
CSV = "year:text,stage\n7,key stage 3\n10,key stage 4\n"


def submission(text, **more):
    return Submission("P0421", JobKind.SQL, "", text, "Title", "A test.", **more)


def test_a_cohort_and_a_lookup_go_their_way(site):
    rosa, cleo = site.client(ROSA), site.client(CLEO)
    job = rosa.submit(submission(KEEP))
    assert (job["state"], job["kept"]) == ("queued", ["project.pupils"])
    made = rosa.propose_lookup("P0421", "stages", "Key stages by year group.", CSV)
    assert (made["state"], made["columns"]) == ("in_review", ["year text", "stage text"])
    assert rosa.check("P0421", "sql", READ)["verdict"] == "refused"
    assert [w["ident"] for w in cleo.lookups()] == [made["ident"]]
    assert cleo.lookup(made["ident"])["rows"] == [["7", "key stage 3"], ["10", "key stage 4"]]
    assert cleo.decide_lookup(made["ident"], "approve", "public-values") == "approved"
    checked = rosa.check("P0421", "sql", READ)
    assert checked["verdict"] == "accepted"
    assert {u["variable"] for u in checked["uses"]} == {"AcademicYear", "NCyearActual", "PupilMatchingRefAnonymous"}
    assert all(u["years"] == [2022] for u in checked["uses"])
    cohort, lookup = rosa.saved("P0421")
    shown = [(e["name"], e["kind"], e["state"]) for e in (cohort, lookup)]
    assert shown == [("pupils", "cohort", "kept"), ("stages", "lookup", "approved")]
    assert cohort["text"].startswith("SELECT a.PupilMatchingRefAnonymous AS k")
    rosa.drop_saved("P0421", "project.pupils")
    assert rosa.check("P0421", "sql", READ)["verdict"] == "refused"
    with pytest.raises(Conflict):
        site.client(CHRIS).decide_lookup(made["ident"], "reject", "ask-us")


def test_a_bad_lookup_file_is_refused_with_the_reason(site):
    with pytest.raises(Invalid) as caught:
        site.client(ROSA).propose_lookup("P0421", "stages", "Stages.", "a,a\n1,2\n")
    assert (caught.value.code, caught.value.pointer) == ("lookup-columns", "/text")
    for name, about in (("a b", "x"), ("stages", " ")):
        with pytest.raises(Invalid):
            site.client(ROSA).propose_lookup("P0421", name, about, CSV)


def test_the_largest_lookup_is_read_and_a_larger_one_is_refused(site):
    """However its bytes are written on the way: a form writes a comma as three. Beyond what a body may have it is the
    same answer as just beyond what a lookup may have."""
    browser = site.browser(ROSA)
    token = form_token(browser.get("/projects/P0421/saved").text)
    row = "10," + "äöü" * 20 + "\n"
    fits = "code,band\n" + row * (199_000 // len(row.encode()))
    form = {"csrf_token": token, "name": "bands", "about": "Bands.", "text": fits}
    assert browser.post("/projects/P0421/saved", data=form).status_code == 302
    for text in (fits + row * 30, fits * 2, fits * 12):
        answer = browser.post("/projects/P0421/saved", data=form | {"text": text})
        assert answer.status_code == 400
        assert "A lookup can have at most 200000 bytes." in answer.text
        body = {"name": "bands", "about": "Bands.", "text": text}
        told = site.call(ROSA, "POST", "/api/v1/projects/P0421/saved", json=body)
        assert (told.status_code, told.json["code"]) == (400, "lookup-size")
