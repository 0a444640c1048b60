"""What holds for every route: nobody unnamed gets in, nothing changes without proof, errors have one shape."""

import io
import json
import re

import pytest

from broker.domain.ports import Ports
from broker.settings import Settings
from broker.storage.content_store import FolderContentStore
from broker.storage.sql_store import open_store
from broker.web.app import create_app
from broker.web.security.authentication import PUBLIC_ENDPOINTS
from tests.integration.web.conftest import ADA, CLEO, OTIS, ROSA, SQL, ListQueue, TickingClock, form_token
from tests.proof_size import report_figures

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def rules(site):
    """Every route with a path that fits it, and its methods."""
    for rule in site.app.url_map.iter_rules():
        path = re.sub(r"<(?:path:)?\w+>", "broker.css" if rule.endpoint == "static" else "anything", rule.rule)
        yield rule.endpoint, path, rule.methods - {"HEAD", "OPTIONS"}


def test_every_route_but_the_public_list_needs_a_sign_in(site):
    seen, asked, open_to_all = set(), 0, []
    for endpoint, path, methods in rules(site):
        for method in methods:
            status = site.http().open(path, method=method, buffered=True).status_code
            if endpoint in PUBLIC_ENDPOINTS:
                seen.add(endpoint)
                continue
            asked += 1
            wanted = {401} if path.startswith("/api/") or endpoint == "health.metrics" else {302, 403}
            if status not in wanted:
                open_to_all.append((endpoint, method, status))
    report_figures("routes", {"routes": asked + len(seen), "public": len(seen), "without_rule": len(open_to_all)})
    assert open_to_all == []
    assert seen == PUBLIC_ENDPOINTS
    rooms = {p.partition(".")[0] for p in PUBLIC_ENDPOINTS}
    assert rooms == {"static", "openapi_document", "public", "health", "entrance"}
    assert len(PUBLIC_ENDPOINTS) == 15


def test_every_changing_page_needs_a_form_token(site):
    browser = site.browser(ADA)
    checked = 0
    for endpoint, path, methods in rules(site):
        if path.startswith("/api/"):
            continue
        for method in methods & CHANGING:
            answer = browser.open(path, method=method, data={"name": "x"})
            assert answer.status_code == 403, (endpoint, method, answer.status_code)
            assert "out of date" in answer.text
            checked += 1
    assert checked >= 9


def test_a_form_token_of_somebody_else_is_worth_nothing(site):
    mine, theirs = site.browser(ROSA), site.browser(OTIS)
    token = form_token(theirs.get("/submit").text)
    assert mine.post("/sign-out", data={"csrf_token": token}).status_code == 403


def test_the_api_takes_no_cookie_and_pages_no_bearer(site):
    browser = site.browser(ROSA)
    for _, path, methods in rules(site):
        if path.startswith("/api/"):
            for method in methods:
                assert browser.open(path, method=method).status_code == 401, path
    assert site.call(ROSA, "GET", "/").status_code == 302
    assert site.http().get("/api/v1/me", headers={"Authorization": f"Basic {site.tokens[ROSA]}"}).status_code == 401


def test_every_answer_carries_the_headers(secure_site):
    for path in ("/register", "/openapi.json", "/sign-in", "/nowhere", "/api/v1/me", "/healthz", "/static/icon.svg"):
        headers = secure_site.http().get(path, buffered=True).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert "unsafe" not in headers["Content-Security-Policy"]
        plain = [headers[name] for name in ("X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy")]
        assert plain == ["nosniff", "DENY", "no-referrer"]
        assert "Strict-Transport-Security" in headers
        assert (headers["Cache-Control"] == "no-store") == (not path.startswith("/static"))


def test_cookies_are_bound_and_out_of_reach_of_scripts(secure_site, site):
    for cookie in secure_site.http().get("/sign-in").headers.getlist("Set-Cookie"):
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert site.browser(ROSA).get_cookie("session").http_only


def test_without_demo_sign_in_no_password_is_taken(secure_site):
    client = secure_site.http()
    page = client.get("/sign-in", base_url="https://localhost").text
    assert "password" not in page.replace("password accounts", "")
    answer = secure_site.call(ADA, "PUT", "/api/v1/people/x", json={"name": "X", "roles": [], "password": "12345678"})
    assert answer.json["code"] == "no-passwords"


ONE_SHAPE = {"code", "message", "pointer", "errors"}
JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain"
BODY = {"project": "P0421", "kind": "sql", "text": SQL, "title": "T", "purpose": "P"}


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"data": "{", "content_type": JSON}, 400, "not-json"),
        ({"data": '{"a": ' + "9" * 5000 + "}", "content_type": JSON}, 400, "not-json"),
        ({"data": "[" * 60_000, "content_type": JSON}, 400, "not-json"),
        ({"data": b"\xff\xfe{}", "content_type": JSON}, 400, "not-json"),
        ({"data": "[]", "content_type": JSON}, 400, "not-an-object"),
        ({"data": '"{}"', "content_type": JSON}, 400, "not-an-object"),
        ({"data": "a=b", "content_type": FORM}, 415, "unsupported-media-type"),
        ({"data": "{}", "content_type": TEXT}, 415, "unsupported-media-type"),
        ({"data": b""}, 400, "invalid"),
        ({"json": {}}, 400, "invalid"),
        ({"json": BODY | {"text": "x" * 300_000}}, 413, "request-entity-too-large"),
        ({"json": BODY | {"text": "x" * 70_000}}, 400, "text-too-long"),
        ({"json": BODY | {"kind": "r"}}, 400, "invalid"),
        ({"json": BODY | {"title": "a\x00b"}}, 400, "invalid"),
        ({"data": json.dumps(BODY | {"title": "\ud800"}), "content_type": JSON}, 400, "invalid"),
        ({"json": BODY | {"extra": 1}}, 400, "invalid"),
        ({"json": BODY | {"text": "   "}}, 400, "text"),
        ({"json": BODY | {"title": "x" * 201}}, 400, "title"),
        ({"json": BODY | {"replaces": "nothing"}}, 400, "replaces"),
        ({"json": BODY | {"project": "P9999"}}, 404, "unknown"),
        ({"json": BODY | {"project": "P0999"}}, 404, "unknown"),
    ],
)  # fmt: skip
def test_errors_for_bad_input_have_one_shape(site, sent, status, code):
    answer = site.call(ROSA, "POST", "/api/v1/submissions", **sent)
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert set(answer.json) == ONE_SHAPE
    assert answer.json["message"]
    assert "Traceback" not in answer.text


def test_every_bad_field_has_an_error_with_its_pointer(site):
    body = BODY | {"kind": "r", "descriptions": [{"output": "a", "text": 1}]}
    del body["title"]
    found = site.call(ROSA, "POST", "/api/v1/submissions", json=body).json["errors"]
    assert {e["pointer"] for e in found} == {"/kind", "/descriptions/0/text", "/title"}


def test_a_body_without_length_is_capped_too(site):
    answer = site.call(
        ROSA, "POST", "/api/v1/submissions", input_stream=io.BytesIO(b"x" * 400_000), content_type=JSON,
        headers={"Transfer-Encoding": "chunked"}, environ_overrides={"wsgi.input_terminated": True},
    )  # fmt: skip
    assert answer.status_code == 413


def test_unknown_addresses_and_methods_have_the_shape_too(site):
    for method, path, status in (
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", "/api/v1/jobs", 405),
        ("POST", "/api/v1/jobs/x", 405),
        ("GET", "/api/v1/jobs/%00", 404),
        ("GET", "/api/v1/jobs?limit=0", 400),
        ("GET", "/api/v1/jobs?after=%00", 400),
        ("GET", "/api/v1/jobs?nothing=1", 400),
    ):
        answer = site.call(ROSA, method, path)
        assert answer.status_code == status, path
        assert set(answer.json) == ONE_SHAPE
    assert "GET" in site.call(ROSA, "DELETE", "/api/v1/jobs").headers["Allow"]


def test_what_nobody_expected_is_an_id_and_no_text(site, monkeypatch, caplog):
    told_by_the_error = "12 pupils of school 1".replace("12", "13")

    def broken(*_, **__):
        raise RuntimeError(told_by_the_error)

    monkeypatch.setattr("broker.workflow.views.job_views.visible_jobs", broken)
    for answer in (site.call(ROSA, "GET", "/api/v1/jobs"), site.browser(ROSA).get("/")):
        assert answer.status_code == 500
        assert told_by_the_error not in answer.text
        assert re.search(r"id: [0-9a-f]{16}", answer.text)
    assert told_by_the_error not in caplog.text
    assert "RuntimeError" in caplog.text


def test_an_unreachable_queue_is_harmless_and_is_reported(site):
    site.queue.answers = False
    assert site.client(ROSA).job(site.submitted())["state"] == "queued"
    answer = site.http().get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"store": True, "queue": False})
    assert site.http().get("/healthz").status_code == 200


def test_metrics_are_for_administrators(site):
    """A count that changes the moment a job ends would tell a researcher whether its output was withheld."""
    site.submitted()
    assert site.http().get("/metrics").status_code == 401
    assert site.call(ROSA, "GET", "/metrics").status_code == 404
    assert site.call(CLEO, "GET", "/metrics").status_code == 403
    told = site.call(ADA, "GET", "/metrics").text
    assert 'broker_jobs{state="queued"} 1' in told
    assert "broker_queue_depth 1" in told


def test_an_unfinished_broker_answers(tmp_path):
    """No people and no policy yet: requests are refused, not crashed."""
    store = open_store(f"sqlite:///{tmp_path / 'new.sqlite'}")
    ports = Ports(store, ListQueue(), FolderContentStore(tmp_path / "o"), TickingClock())
    client = create_app(ports, Settings(secret_key="k" * 32)).test_client()
    asked = [client.get("/readyz"), client.get("/register"), client.post("/api/v1/checks", json={})]
    assert [answer.status_code for answer in asked] == [200, 200, 401]
    store.close()
