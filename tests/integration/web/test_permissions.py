"""The answer of every endpoint for every role, as a table. Hidden things answer like missing things."""

import json
import re

import pytest

from broker.domain.findings import Verdict
from broker.domain.identity.people import Person, Role
from broker.domain.jobs.job import OutputState
from broker.workflow.administration.user_accounts import make_token, save_person
from tests.integration.web.conftest import ADA, AMIR, CHRIS, CLEO, DANA, OTIS, ROSA, SQL

pytestmark = pytest.mark.long

KEEP = "SELECT a.NCyearActual INTO project.pupils FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023'"
MISSING = "00000000-0000-7000-8000-000000000000"

BODIES = {
    "submissions": {"project": "P0421", "kind": "sql", "text": SQL, "title": "T", "purpose": "P"},
    "checks": {"project": "P0421", "text": SQL},
    "recall": {"reason": "Wrong."},
    "message": {"text": "Please say more.", "audience": "researchers"},
    "all": {
        "choice": "return", "reason": "ask-us", "memory_version": "0",
        "outputs": [{"output": MISSING, "staff_hash": "", "findings_hash": ""}],
    },
    "head": {"number": 1, "signature": "0" * 64},
    "forgotten": {"lost": {"number": 1, "signature": "0" * 64}},
    "tables": {"lost": {"number": 1, "signature": "0" * 64}, "files": [], "case": "2026/1"},
    "people": {"name": "New", "roles": []},
    "policies": {"content": "{}"},
    "lookup": {"name": "bands", "about": "Bands.", "text": "code,band\n1,low\n"},
    "published": {"name": "A", "source": "B", "recipe": "SELECT 1", "snapshot": "s0", "figures": "a,b"},
    "decision": {"choice": "approve", "reason": "public-values"},
    "votes": {
        "choice": "approve", "reason": "meets-rules", "staff_hash": "", "findings_hash": "", "memory_version": "",
    },
}  # fmt: skip

# method, path, body, then the answers to: a member of the project, another researcher, a checker, an administrator
TABLE = [
    ("POST", "/submissions", "submissions", 201, 404, 403, 403),
    ("POST", "/checks", "checks", 200, 404, 403, 403),
    ("GET", "/jobs", None, 200, 200, 200, 200),
    ("GET", "/jobs?project=P0421", None, 200, 404, 200, 200),
    ("GET", "/jobs/{queued}", None, 200, 404, 200, 200),
    ("GET", "/jobs/{released}", None, 200, 404, 200, 200),
    ("GET", "/jobs/{released}/manifest", None, 200, 404, 200, 200),
    ("GET", "/jobs/{queued}/manifest", None, 404, 404, 404, 404),
    ("POST", "/jobs/{queued}/withdrawal", None, 204, 404, 403, 403),
    ("GET", "/jobs/{queued}/trace", None, 200, 404, 200, 403),
    ("GET", "/jobs/{queued}/failure", None, 404, 404, 404, 404),
    ("POST", "/jobs/{queued}/failure", "recall", 404, 404, 404, 404),
    ("POST", "/jobs/{queued}/read", None, 404, 404, 404, 404),
    ("POST", "/jobs/{queued}/stop", None, 403, 404, 403, 204),
    ("GET", "/outputs/{out}/content", None, 200, 404, 403, 403),
    ("GET", "/outputs/{held}/content", None, 404, 404, 403, 403),
    ("GET", "/outputs/{held}/evidence", None, 404, 404, 200, 403),
    ("GET", "/outputs/{out}/evidence", None, 403, 404, 200, 403),
    ("GET", "/outputs/{out}/record", None, 200, 404, 403, 403),
    ("GET", "/outputs/{held}/record", None, 404, 404, 403, 403),
    ("GET", "/outputs/{held}/staff-record", None, 404, 404, 200, 403),
    ("GET", "/outputs/{out}/staff-record", None, 403, 404, 200, 403),
    ("GET", "/jobs/{released}/acro", None, 404, 404, 200, 404),
    ("GET", "/jobs/{queued}/acro", None, 404, 404, 404, 404),
    ("PUT", "/outputs/{held}/claim", None, 404, 404, 204, 403),
    ("DELETE", "/outputs/{held}/claim", None, 404, 404, 204, 403),
    ("POST", "/outputs/{held}/votes", "votes", 404, 404, 409, 403),
    ("GET", "/outputs/{held}/messages", None, 404, 404, 200, 403),
    ("GET", "/outputs/{out}/messages", None, 403, 404, 200, 403),
    ("POST", "/outputs/{held}/messages", "message", 404, 404, 204, 403),
    ("POST", "/outputs/{out}/messages", "message", 204, 404, 204, 403),
    ("POST", "/outputs/{held}/messages/9/confirmation", None, 404, 404, 404, 403),
    ("GET", "/outputs/{held}/attack", None, 404, 404, 200, 403),
    ("GET", "/jobs/{released}/messages", None, 200, 404, 404, 404),
    ("GET", "/jobs/{queued}/messages", None, 200, 404, 404, 404),
    ("POST", "/jobs/{queued}/votes", "all", 404, 404, 404, 404),
    ("POST", "/outputs/{out}/recall", "recall", 403, 404, 204, 204),
    ("POST", "/outputs/{held}/recall", "recall", 404, 404, 409, 409),
    ("GET", "/projects/{project}/saved", None, 200, 404, 200, 403),
    ("POST", "/projects/{project}/saved", "lookup", 201, 404, 403, 403),
    ("DELETE", "/projects/{project}/saved/{kept}", None, 204, 404, 403, 403),
    ("GET", "/lookups", None, 200, 200, 200, 200),
    ("GET", "/lookups/{lookup}", None, 200, 404, 200, 403),
    ("POST", "/lookups/{lookup}/decision", "decision", 403, 404, 201, 403),
    ("GET", "/projects/{project}/budget", None, 200, 404, 200, 200),
    ("GET", "/ledger", None, 404, 404, 403, 200),
    ("GET", "/ledger/history?unit=pupil", None, 404, 404, 403, 200),
    ("GET", "/ledger/verification", None, 404, 404, 403, 200),
    ("GET", "/ledger/head", None, 404, 404, 403, 404),  # this store signs no heads
    ("POST", "/ledger/reentries", "forgotten", 404, 404, 403, 201),
    ("POST", "/ledger/vouches", "head", 404, 404, 403, 201),
    ("GET", "/public-tables", None, 404, 404, 403, 200),
    ("POST", "/public-tables", "published", 404, 404, 403, 400),  # there is no such snapshot
    ("GET", "/public-tables/" + "0" * 64, None, 404, 404, 403, 404),
    ("POST", "/public-tables/" + "0" * 64 + "/confirmation", None, 404, 404, 403, 404),
    ("POST", "/public-tables/" + "0" * 64 + "/withdrawal", None, 404, 404, 403, 404),
    ("GET", "/memory/caps", None, 404, 404, 403, 200),
    ("GET", "/memory/head", None, 404, 404, 403, 404),  # nor of its memory
    ("POST", "/memory/reentries", "tables", 404, 404, 403, 409),  # nothing is lost
    ("POST", "/memory/vouches", "head", 404, 404, 403, 201),
    ("GET", "/inbox", None, 200, 200, 200, 200),
    ("GET", "/failures", None, 404, 404, 200, 404),
    ("GET", "/projects", None, 200, 200, 200, 200),
    ("GET", "/catalogue", None, 200, 200, 200, 200),
    ("GET", "/me", None, 200, 200, 200, 200),
    ("POST", "/tokens", None, 201, 201, 201, 201),
    ("GET", "/people", None, 404, 404, 403, 200),
    ("PUT", "/people/new", "people", 404, 404, 403, 204),
    ("GET", "/policies/current", None, 404, 404, 403, 200),
    ("POST", "/policies", "policies", 404, 404, 403, 400),
    ("POST", "/policies/" + "0" * 64 + "/application", None, 404, 404, 403, 404),
    ("GET", "/audit", None, 404, 404, 403, 200),
    ("GET", "/audit/verification", None, 404, 404, 403, 200),
]


@pytest.fixture
def things(site):
    waiting, held = site.assessed()
    released, out = site.released()
    site.submitted(KEEP)
    lookup = site.client(ROSA).propose_lookup("P0421", "bands", "Bands.", "code,band\n1,low\n")["ident"]
    things = {"queued": site.submitted(), "waiting": waiting, "held": held, "released": released, "out": out}
    return {**things, "project": "P0421", "kept": "pupils", "lookup": lookup}


def answer_to(site, person, method, path, body):
    sent = {"json": BODIES[body]} if body else {}
    return site.call(person, method, f"/api/v1{path}", **sent)


@pytest.mark.parametrize(("person", "column"), [(ROSA, 3), (OTIS, 4), (CLEO, 5), (ADA, 6)])
def test_who_gets_which_answer(site, things, person, column):
    for row in TABLE:
        method, path, body = row[:3]
        if method in {"POST", "DELETE", "PUT"} and person in {ROSA, CLEO, ADA} and row[column] == 204:
            things = dict(things) | fresh(site, path)
        answer = answer_to(site, person, method, path.format(**things), body)
        assert answer.status_code == row[column], (person, method, path, answer.text[:300])


def fresh(site, path):
    """A job or output that no earlier row has used up."""
    if "{kept}" in path:
        site.submitted(KEEP)
        return {}
    if "{queued}" in path:
        return {"queued": site.submitted()}
    return {"out": site.released()[1]} if "recall" in path else {}


def test_the_table_has_every_endpoint_of_the_api(site):
    def shape(path):
        return re.sub(r"\{\w+\}|0{64}|(?<=/people/)new|(?<=/messages/)9", "*", path.split("?")[0])

    paths = site.http().get("/openapi.json").json["paths"]
    documented = {(m.upper(), shape(p.removeprefix("/api/v1"))) for p, item in paths.items() for m in item}
    assert documented == {(row[0], shape(row[1])) for row in TABLE} | {("DELETE", "/tokens/current")}


@pytest.mark.parametrize("person", [OTIS, DANA, ROSA])
def test_invariant_8_what_one_may_not_know_is_byte_for_byte_what_is_not_there(site, things, person):
    """But for the id that was asked for. The member of the project is probed with another's job below."""
    hidden = things if person != ROSA else {"queued": MISSING, "waiting": MISSING, "held": MISSING, "out": MISSING}
    for method, path, body, *_ in TABLE:
        for name, ident in hidden.items():
            if "{" + name + "}" not in path:
                continue
            real, none = (
                answer_to(site, person, method, path.replace("{" + name + "}", i), body) for i in (ident, MISSING)
            )
            assert real.status_code == none.status_code == 404
            assert real.text.replace(ident, MISSING) == none.text
            assert sorted(real.headers.keys()) == sorted(none.headers.keys())


def test_invariant_9_withheld_and_in_review_are_alike_to_researchers(site):
    """Two jobs that differ only in where their output went answer with the same JSON, but for ids and creation."""
    seen = []
    for state, verdict in ((OutputState.IN_REVIEW, Verdict.PUBLISH), (OutputState.WITHHELD, Verdict.REFUSE)):
        job, output = site.assessed(verdict, None if state is OutputState.WITHHELD else b"NCyearActual,n\n7,100\n")
        assert site.ports.store.output(output).state is state
        shown = site.call(ROSA, "GET", f"/api/v1/jobs/{job}").json
        row = next(j for j in site.call(ROSA, "GET", "/api/v1/jobs").json["jobs"] if j["ident"] == job)
        times = {"created": "", "updated": ""}
        seen.append([json.dumps(found | times).replace(job, "JOB") for found in (shown, row)])
        for probe in (f"/api/v1/jobs/{job}/manifest", f"/api/v1/outputs/{output}/evidence"):
            assert site.call(ROSA, "GET", probe).status_code in {403, 404}
    assert seen[0] == seen[1]


def test_invariant_9_no_answer_of_an_undecided_output_shows_its_state(site):
    """Guessing at an output's id: every answer to a researcher is the same whether it is withheld or in review."""
    _, waiting = site.assessed()
    _, withheld = site.assessed(Verdict.REFUSE, None)
    for method, path, body, *_ in TABLE:
        if "/outputs/" not in path:
            continue
        answers = [answer_to(site, ROSA, method, path.format(held=o, out=o), body) for o in (waiting, withheld)]
        texts = [a.text.replace(o, "O") for a, o in zip(answers, (waiting, withheld), strict=True)]
        assert answers[0].status_code == answers[1].status_code, path
        assert texts[0] == texts[1], path


def test_invariant_2_a_checker_sees_no_output_of_a_colleague(site):
    """A checker who is named by a project with the same data is nobody to it."""
    both = Person(ROSA, "Rosa", frozenset({Role.RESEARCHER, Role.CHECKER}))
    for administrator in (ADA, AMIR):
        save_person(site.ports, site.person(administrator), both)
    site.tokens[ROSA] = make_token(site.ports, site.person(ROSA), ROSA)
    _, output = site.assessed()
    assert site.call(ROSA, "GET", f"/api/v1/outputs/{output}/evidence").status_code in {403, 404}
    assert site.client(ROSA).inbox() == []
    assert len(site.client(CHRIS).inbox()) == 1
