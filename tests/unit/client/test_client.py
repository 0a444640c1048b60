"""The client: requests as the API takes them, and answers back as the domain's errors. No sockets."""

from pathlib import Path

import httpx
import pytest

from broker.client import BrokerClient, api_answers
from broker.domain.errors import Conflict, Forbidden, Invalid, Refused, Unavailable, Unknown
from docs.generator.client_answers import client_answers


def client_of(answer):
    return BrokerClient("http://broker.test", "secret", httpx.MockTransport(answer))


def problem(status, code="a-code", message="A sentence.", pointer="", errors=()):
    body = {"code": code, "message": message, "pointer": pointer, "errors": list(errors)}
    return client_of(lambda request: httpx.Response(status, json=body))


@pytest.mark.parametrize(("status", "error"), [
    (400, Invalid), (401, Forbidden), (403, Forbidden), (404, Unknown), (405, Invalid), (409, Conflict), (413, Invalid),
    (415, Invalid), (422, Refused), (429, Unavailable), (500, Unavailable), (503, Unavailable),
])  # fmt: skip
def test_each_status_is_its_error(status, error):
    with pytest.raises(error) as caught:
        problem(status, errors=[{"code": "c", "message": "A sentence.", "pointer": ""}]).me()
    assert "A sentence." in str(caught.value)


def test_an_error_retains_code_and_pointer():
    with pytest.raises(Invalid) as caught:
        problem(400, "title", "A title is needed.", "/title").me()
    assert (caught.value.code, caught.value.pointer) == ("title", "/title")


@pytest.mark.parametrize("answer", [
    lambda request: httpx.Response(502, text="<html>Bad gateway</html>"),
    lambda request: httpx.Response(200, text="<html>"),
    lambda request: httpx.Response(200, json=[1]),
    lambda request: httpx.Response(404, json=["x"]),
])  # fmt: skip
def test_what_is_no_broker_is_unavailable(answer):
    with pytest.raises(Unavailable):
        client_of(answer).me()


def test_a_server_that_is_away_is_unavailable_and_says_how_to_start_or_find_it():
    def away(request):
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable, match="`make demo` or `broker serve`, or set BROKER_URL") as caught:
        client_of(away).me()
    assert "http://broker.test does not answer" in str(caught.value)
    assert client_of(away).ready() is False


def test_the_token_is_sent_and_ids_are_one_part_of_the_path():
    seen = []

    def answer(request):
        seen.append((request.headers["Authorization"], request.url.raw_path))
        return httpx.Response(200, json={})

    client_of(answer).job("../people?x#y")
    assert seen == [("Bearer secret", b"/api/v1/jobs/..%2Fpeople%3Fx%23y")]


def test_applying_a_policy_proposes_it_first():
    calls = []

    def answer(request):
        calls.append(request.url.path)
        if request.url.path.endswith("/application"):
            return httpx.Response(404, json={"code": "unknown", "message": "There is no policy.", "errors": []})
        return httpx.Response(201, json={})

    assert client_of(answer).apply_policy("f", "{}") == "proposed"
    assert calls == ["/api/v1/policies/f/application", "/api/v1/policies"]


def test_an_unknown_caller_reads_where_a_token_comes_from():
    with pytest.raises(Forbidden, match=r"BROKER_TOKEN .* `broker token ID`"):
        problem(401).me()
    with pytest.raises(Forbidden) as caught:
        problem(403).me()
    assert "BROKER_TOKEN" not in str(caught.value)


@pytest.mark.parametrize(("url", "token"), [("localhost:8000", "x"), ("", ""), ("http://a", "é")])
def test_a_bad_address_or_token_is_an_error(url, token):
    with pytest.raises(Invalid):
        BrokerClient(url, token)


def test_the_typed_answers_are_written_from_the_schemas():
    assert Path(api_answers.__file__).read_text() == client_answers()
