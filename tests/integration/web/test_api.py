"""The API's way from submission to release, over HTTP in process, with the client that command line and demo use."""

import base64
from dataclasses import replace

import pytest

from broker.domain.errors import Conflict, Invalid
from broker.domain.findings import Verdict
from broker.domain.jobs.job import JobKind, Submission
from tests.integration.web.conftest import ADA, AMIR, CHRIS, CLEO, CSV, OTIS, REFUSED_SQL, ROSA, SQL


def submission(text=SQL, **more):
    fields = {"dialect": "", "title": "Absence", "purpose": "A test.", **more}
    return Submission("P0421", JobKind.SQL, text=text, **fields)


def test_a_submission_is_queued_and_offered(site):
    job = site.client(ROSA).submit(submission(descriptions=(("absence", "By year group"),)))
    assert job["state"] == "queued"
    assert job["text"] == SQL
    assert [u["years"] for u in job["uses"] if u["variable"] == "NCyearActual"] == [[2022]]
    assert site.queue.offers == [(job["ident"], 0)]


def test_a_refused_submission_is_a_job_with_every_reason(site):
    body = {"project": "P0421", "kind": "sql", "text": REFUSED_SQL, "title": "T", "purpose": "P"}
    answer = site.call(ROSA, "POST", "/api/v1/submissions", json=body)
    assert answer.status_code == 201
    assert answer.json["state"] == "refused"
    assert answer.json["refusals"][0]["line"] == 1
    assert site.queue.offers == []
    again = site.call(ROSA, "GET", answer.headers["Location"])
    assert again.json["refusals"] == answer.json["refusals"]


def test_the_same_client_id_is_answered_200_and_makes_no_second_job(site):
    body = {"project": "P0421", "kind": "sql", "text": SQL, "title": "T", "purpose": "P", "client_id": "one"}
    first = site.call(ROSA, "POST", "/api/v1/submissions", json=body)
    second = site.call(ROSA, "POST", "/api/v1/submissions", json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json["ident"] == second.json["ident"]
    with pytest.raises(Conflict) as caught:
        site.client(ROSA).submit(submission(title="Another", client_id="one"))
    assert caught.value.code == "client-id-reused"


def test_a_check_makes_no_job(site):
    rosa = site.client(ROSA)
    found = rosa.check("P0421", "sql", SQL)
    assert found["verdict"] == "accepted"
    assert found["outputs"][0]["columns"][1] == {"name": "n", "statistic": "count"}
    assert rosa.check("P0421", "sql", REFUSED_SQL)["verdict"] == "refused"
    assert rosa.jobs() == []


def test_review_release_download_and_recall(site):
    job, output = site.assessed()
    rosa, cleo = site.client(ROSA), site.client(CLEO)
    assert rosa.job(job)["state"] == "waiting for a decision"
    assert rosa.outputs(job) == []
    assert [o["output"] for o in cleo.inbox()] == [output]
    cleo.claim(output)
    with pytest.raises(Conflict):
        site.client(CHRIS).claim(output)
    seen = cleo.evidence(output)
    assert base64.b64decode(seen["candidate_base64"]) == CSV
    assert seen["staff"]["findings"][0]["rule"] == "F1"
    assert cleo.vote(output, "approve", "meets-rules", seen) == "released"
    assert rosa.job(job)["state"] == "released"
    assert rosa.download(output) == CSV
    assert rosa.manifest(job)["outputs"][0]["output"] == output
    assert rosa.register()[0]["project"] == "P0421"
    site.client(ADA).recall(output, "Wrong figures.")
    with pytest.raises(Conflict):
        rosa.download(output)
    assert rosa.register()[0]["recalled"] is True


def test_an_output_that_rules_refuse_needs_two_independent_checkers(site):
    _, output = site.assessed(Verdict.REFUSE)
    cleo, chris = site.client(CLEO), site.client(CHRIS)
    seen = cleo.evidence(output)
    assert seen["needed"] == 2
    for overrides, pointer in (((), "/overrides"), (("F1",), "/why")):
        with pytest.raises(Invalid) as caught:
            cleo.vote(output, "approve", "described-and-safe", seen, overrides)
        assert caught.value.pointer == pointer
    assert cleo.vote(output, "approve", "described-and-safe", seen, ("F1",), why="Only staff.") == "in_review"
    assert chris.evidence(output)["votes"] == []
    assert [v["checker"] for v in cleo.evidence(output)["votes"]] == [CLEO]
    assert chris.vote(output, "approve", "described-and-safe", chris.evidence(output), ("F1",), why="So.") == "released"


def test_a_vote_is_bound_to_what_was_seen(site):
    _, output = site.assessed()
    cleo = site.client(CLEO)
    seen = cleo.evidence(output)
    for name in ("staff_hash", "findings_hash", "memory_version"):
        with pytest.raises(Conflict):
            cleo.vote(output, "approve", "meets-rules", seen | {name: "other"})


def test_a_download_is_an_attachment_under_a_plain_name(site):
    _, output = site.released()
    answer = site.call(ROSA, "GET", f"/api/v1/outputs/{output}/content")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="absence.csv"'
    assert answer.mimetype == "text/csv"


def test_withdraw_and_stop(site):
    rosa = site.client(ROSA)
    first, second = site.submitted(), site.submitted()
    rosa.withdraw(first)
    assert rosa.job(first)["state"] == "withdrawn"
    site.client(ADA).stop(second)
    assert rosa.job(second)["state"] == "withdrawn"
    with pytest.raises(Conflict) as caught:
        rosa.withdraw(first)
    assert caught.value.code == "wrong-state"


def test_jobs_come_in_pages_newest_first(site):
    made = [site.submitted() for _ in range(5)]
    rosa = site.client(ROSA)
    page = site.call(ROSA, "GET", "/api/v1/jobs?limit=2").json
    assert [j["ident"] for j in page["jobs"]] == made[:2:-1]
    assert [j["ident"] for j in rosa.jobs(after=page["next"])] == made[2::-1]
    assert all(j["text"] is None for j in rosa.jobs())


def test_projects_and_catalogue_show_grants(site):
    rosa = site.client(ROSA)
    projects = {p["ident"]: p for p in rosa.projects()}
    assert {"P0421", "FIXTURE", "P0815"} == set(projects)
    assert any(g["table"] == "npd.absence" for g in projects["P0421"]["grants"])
    (found,) = [e for e in rosa.catalogue("absence NCyearActual") if e["variable"] == "NCyearActual"]
    assert "P0421" in {g["project"] for g in found["granted"]}
    mine = {g["project"] for e in site.client(OTIS).catalogue("npd") for g in e["granted"]}
    assert mine == {"P0999"}


def test_a_policy_takes_two_administrators(site, policies):
    ada, amir = site.client(ADA), site.client(AMIR)
    changed = replace(policies, service=replace(policies.service, jobs_per_project=7))
    told = [person.apply_policy(changed.fingerprint, changed.text) for person in (ada, ada, amir)]
    assert told == ["proposed", "proposed", "applied"]
    assert '"jobs_per_project":7' in amir.policy_in_force()


def test_a_bad_policy_is_refused_with_its_place(site):
    answer = site.call(ADA, "POST", "/api/v1/policies", json={"content": '{"catalogue": {}}'})
    assert answer.status_code == 400
    assert answer.json["pointer"] == "/content"
    assert "catalogue/version" in answer.json["message"]


def test_tokens_are_for_oneself_and_end(site):
    answer = site.call(ROSA, "POST", "/api/v1/tokens")
    assert answer.status_code == 201
    bearer = {"Authorization": f"Bearer {answer.json['token']}"}
    assert site.http().get("/api/v1/me", headers=bearer).json["ident"] == ROSA
    assert site.http().delete("/api/v1/tokens/current", headers=bearer).status_code == 204
    assert site.http().get("/api/v1/me", headers=bearer).status_code == 401


def test_no_administrator_becomes_a_second_one(site):
    """Not by raising a password, a role of one's own, or a token of somebody else."""
    body = {"name": "Amir", "roles": ["administrator"], "password": "taken over now"}
    assert site.call(ADA, "PUT", f"/api/v1/people/{AMIR}", json=body).json["code"] == "password-is-theirs"
    own = {"name": "Ada", "roles": ["administrator", "checker"]}
    assert site.call(ADA, "PUT", f"/api/v1/people/{ADA}", json=own).json["code"] == "own-account"
    assert site.call(ADA, "PUT", "/api/v1/people/x", json={"name": "X", "roles": ["system"]}).status_code == 400
    assert site.call(ADA, "POST", "/api/v1/tokens", json={"person": AMIR}).status_code == 400
    own_token = site.call(ADA, "POST", "/api/v1/tokens").json["token"]
    me = site.http().get("/api/v1/me", headers={"Authorization": f"Bearer {own_token}"})
    assert me.json["ident"] == ADA


def test_people_are_stored_and_a_person_who_left_is_out_at_once(site):
    for by, active in ((ADA, False), (AMIR, True)):
        made = {"name": "N", "roles": ["checker"]}
        assert site.call(by, "PUT", "/api/v1/people/new-one", json=made).status_code == 204
        (found,) = [p for p in site.call(ADA, "GET", "/api/v1/people").json["people"] if p["ident"] == "new-one"]
        assert (found["roles"], found["active"]) == (["checker"], active)
    left = {"name": "Rosa", "roles": ["researcher"], "active": False}
    assert site.call(ADA, "PUT", f"/api/v1/people/{ROSA}", json=left).status_code == 204
    assert site.call(ROSA, "GET", "/api/v1/me").status_code == 401


def test_the_audit_log_has_every_view_and_holds(site):
    _, output = site.released()
    site.client(ROSA).download(output)
    lines = site.client(ADA).audit(limit=1000)
    actions = {(line["action"], line["actor"]) for line in lines if line["subject"] == output}
    assert actions >= {("output.viewed", CLEO), ("output.downloaded", ROSA)}
    found = site.call(ADA, "GET", "/api/v1/audit/verification").json
    assert found["broken_at"] is None
    assert found["lines"] == len(lines) == lines[-1]["number"]
