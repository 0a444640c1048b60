"""Sign-in by a real OpenID Connect provider (npm's oidc-provider, from a lock of its own) on loopback."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from broker.domain.errors import Invalid
from broker.settings import read_settings
from broker.workflow.administration.user_accounts import save_person
from tests.integration.web.conftest import ADA, ROSA, missing, open_site, text

pytestmark = pytest.mark.long

HERE = Path(__file__).with_name("provider")
HOME = "http://localhost"


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The provider, installed and started once."""
    folder = tmp_path_factory.mktemp("provider")
    for name in ("package.json", "package-lock.json", "provider.mjs"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)
    command = ["node", "provider.mjs", f"{HOME}/sign-in/openid/answer"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.terminate()


@pytest.fixture
def claim() -> str:
    return "sub"


@pytest.fixture
def site(founded, tmp_path, issuer, claim):
    provider = {
        "oidc_issuer": issuer, "oidc_client_id": "broker", "oidc_client_secret": "a secret of the tests",
        "oidc_claim": claim, "oidc_name": "the test's account", "public_url": HOME,
    }  # fmt: skip
    yield from open_site(founded, tmp_path, **provider, demo_sign_in=False)


def at_provider(where: str, login: str) -> str:
    """What a person does there: sign in, consent. Gives the address that leads back here."""
    with httpx.Client() as browser:
        answer = browser.get(where)
        for _ in range(10):
            if answer.is_redirect:
                there = str(answer.next_request.url)
                if there.startswith(HOME + "/"):
                    return there.removeprefix(HOME)
                answer = browser.get(there)
                continue
            page = answer.text
            action, prompt = re.search(r'action="([^"]+)"', page)[1], re.search(r'name="prompt" value="(\w+)"', page)[1]
            sent = {"prompt": prompt, "login": login, "password": "x"}
            answer = browser.post(httpx.URL(where).join(action), data=sent)
    raise AssertionError("the provider leads nowhere")


def sign_in(client, login: str):
    where = client.get("/sign-in/openid").headers["Location"]
    return where, client.get(at_provider(where, login))


def test_somebody_with_an_account_signs_in(site, issuer):
    client = site.http()
    assert missing(text(client, "/sign-in"), "Sign in with the test&#39;s account", "Password") == ["Password"]
    where, answer = sign_in(client, ROSA)
    asked = parse_qs(urlsplit(where).query)
    assert where.startswith(issuer)
    assert (asked["code_challenge_method"], bool(asked["nonce"])) == (["S256"], True)
    assert answer.status_code == 302
    assert "Demo-Researcher" in client.get("/").text
    lines = [line.event for line in site.ports.store.audit()]
    assert [e.subject for e in lines if e.action == "person.signed-in"] == [ROSA]


def test_who_has_no_account_or_no_active_one_learns_only_that(site):
    save_person(site.ports, site.person(ADA), replace(site.person(ROSA), active=False))
    said = []
    for login in ("stranger", ROSA):
        client = site.http()
        _, answer = sign_in(client, login)
        assert answer.status_code == 403
        said.append(re.sub(r'value="[^"]*"', "", answer.text))
        assert client.get("/").status_code == 302
    assert said[0] == said[1]
    assert "no active account" in said[0]


def test_an_answer_to_another_browser_is_worth_nothing(site):
    """Somebody's answer, sent to a browser that did not ask, does not sign it in as them; nor does one used twice."""
    mine, other = site.http(), site.http()
    back = at_provider(mine.get("/sign-in/openid").headers["Location"], ROSA)
    assert other.get(back).status_code == 403
    other.get("/sign-in/openid")
    assert other.get(back).status_code == 403, "with a question of its own neither"
    assert mine.get(back).status_code == 302
    assert mine.get(back).status_code == 403


def test_a_code_needs_the_verifier_that_belongs_to_it(site):
    """The state of one's own question with the code of another one: the provider refuses its verifier."""
    client = site.http()
    first = client.get("/sign-in/openid").headers["Location"]
    code = parse_qs(urlsplit(at_provider(first, ROSA)).query)["code"][0]
    second = parse_qs(urlsplit(client.get("/sign-in/openid").headers["Location"]).query)["state"][0]
    assert client.get(f"/sign-in/openid/answer?code={code}&state={second}").status_code == 403


def test_a_refusal_by_the_provider_has_a_kind_message(site):
    answer = site.http().get("/sign-in/openid/answer?error=access_denied&error_description=<b>no</b>")
    assert answer.status_code == 403
    assert missing(answer.text, "not signed in", "<b>no</b>") == ["<b>no</b>"]


def test_attempts_are_limited(site):
    client = site.http()
    assert 429 in [client.get("/sign-in/openid/answer").status_code for _ in range(12)]


@pytest.mark.parametrize("claim", ["email"])
def test_a_mail_address_counts_only_if_verified(site):
    _, answer = sign_in(site.http(), "unverified")
    assert "not verified your email address" in answer.text


AWAY = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "broker", "public_url": HOME}


@pytest.mark.parametrize(
    ("provider", "path", "status"),
    [({}, "", 403), ({}, "/answer", 403), (AWAY, "", 503)],
    ids=["none", "none, its answer", "one that is away"],
)
def test_without_a_provider_there_is_no_such_way(founded, tmp_path, provider, path, status):
    for site in open_site(founded, tmp_path, **provider):
        assert site.http().get(f"/sign-in/openid{path}").status_code == status


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_issuer": "https://id.example.org"},
        {"oidc_issuer": "http://id.example.org", "oidc_client_id": "b", "public_url": "https://b.example.org"},
        {"mail_url": "smtp://mail.example.org"},
    ],
)
def test_settings_refuse_half_a_provider(given):
    with pytest.raises(Invalid):
        read_settings(**given)
