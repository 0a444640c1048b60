"""The commands about budgets: what they print, how they end, and that what is shared stays with administrators."""

import json

import pytest

from broker.cli.commands import budget_commands
from broker.domain.identity.audit import AuditEvent
from broker.domain.ledger.budget_refusals import ReleaseMaximum
from broker.domain.ledger.privacy_loss import Accounting, Cost, Loss, PrivacyAmount
from broker.domain.ledger.spends import SpendRequest
from tests.integration.web.conftest import ADA, AMIR, CLEO, DANA, OTIS, ROSA, missing

HALF = PrivacyAmount(Accounting.APPROXIMATE, 500_000)


@pytest.fixture
def spent(site):
    """P0421 has charged half an epsilon."""
    loss, now = Loss((HALF,)), site.clock.now()
    asked = SpendRequest("j1", "P0421", "s1", "q", (Cost("pupil", loss, (("npd.absence", loss),)),))
    event = [AuditEvent(now, "broker", "spend.moved", "j1")]
    site.ports.store.reserve(asked, ReleaseMaximum(HALF), now, event)
    site.ports.store.charge("j1", now, event)


def test_a_project_reads_its_budget(at, spent):
    code, out, _ = at(ROSA, "budget", "--project", "P0421", "--json")
    found = json.loads(out)
    assert (code, found["project"], found["beside"]) == (0, "P0421", [])
    own = found["accounts"][0]
    assert (own["unit"], own["cap"]["loss"], own["spent"]["loss"], own["left"]["loss"]) == ("pupil", 2.0, 0.5, 1.5)
    assert (own["share_left"], own["cap"]["text"]) == (0.75, "epsilon 2, delta 2e-9")
    moves = [(p["job"], p["state"], p["spent"]["micro"]) for p in own["history"]]
    assert moves == [("j1", "reserved", 0), ("j1", "charged", 500_000)]
    code, out, _ = at(ROSA, "budget")
    assert (code, missing(out, "75.0%", "j1")) == (0, [])


def test_budgets_of_tables_are_named(at):
    _, out, _ = at(DANA, "budget", "--project", "P0733")
    assert "pupil in npd.absence" in out
    assert "P0815 has no privacy budget." in at(ROSA, "budget", "--project", "P0815")[1]


@pytest.mark.parametrize("person", [OTIS, ROSA])
def test_the_budget_of_another_project_does_not_exist(at, person):
    assert at(person, "budget", "--project", "P0733")[::2] == (1, "broker: There is no project 'P0733'.\n")


def test_only_administrators_see_every_account(at, spent, site):
    code, out, _ = at(ADA, "budget", "--all", "--json")
    found = {(a["unit"], a["project"], a["dataset"]): a["spent"]["micro"] for a in json.loads(out)["accounts"]}
    assert code == 0
    assert (found["pupil", "", ""], found["pupil", "P0421", ""], found["pupil", "", "npd.cla"]) == (500_000, 500_000, 0)
    assert "pupil in npd.cla" in at(ADA, "budget", "--all")[1]
    for person in (ROSA, CLEO):
        assert at(person, "budget", "--all")[0] == 1
    assert [p["job"] for p in site.client(ADA).account_history("pupil")] == ["j1", "j1"]


def test_the_ledger_is_verified_on_the_store(at, spent, site, monkeypatch, tmp_path):
    monkeypatch.setattr(budget_commands, "local_ports", lambda: site.ports)
    code, out, _ = at(ADA, "budget", "verify", "--json")
    found = json.loads(out)
    assert (code, found["holds"], found["broken_at"], found["differs"]) == (0, True, None, [])
    assert "all hold" in at(ADA, "budget", "verify")[1]
    assert site.client(ADA).verify_ledger() == found
    head = tmp_path / "head.json"
    head.write_text(json.dumps({"number": 2, "signature": "0" * 64}))
    code, out, _ = at(ADA, "budget", "verify", "--head", str(head))
    assert (code, missing(out, "the signed head 2 is missing")) == (1, [])
    assert site.client(ADA).verify_ledger({"number": 2, "signature": "0" * 64})["holds"] is False
    head.write_text("[1]")
    assert at(ADA, "budget", "verify", "--head", str(head))[0] == 1


def test_what_is_given_back_takes_two_with_the_same_document(at, tmp_path):
    loss = [{"accounting": "approximate", "micro": 1}]
    costs = [{"unit": "pupil", "whole": loss}]
    spend = {"job": "j9", "project": "P0421", "snapshot": "s1", "question": "q", "costs": costs}
    file, other = tmp_path / "lost.json", tmp_path / "other.json"
    file.write_text(json.dumps({"lost": {"number": 3, "signature": "0" * 64}, "spends": [spend]}))
    other.write_text(json.dumps({"lost": {"number": 3, "signature": "1" * 64}, "spends": [spend]}))
    assert at(ADA, "budget", "restore", str(file))[1].startswith("requested")
    assert at(ADA, "budget", "restore", str(file), "--json")[1].split() == ["{", '"state":', '"asked"', "}"]
    assert at(AMIR, "budget", "restore", str(other))[1].startswith("requested"), "something else"
    assert "This is not the head that the ledger lost." in at(AMIR, "budget", "restore", str(file))[2]
    assert at(CLEO, "budget", "restore", str(file))[0] == 1
    cap = {"unit": "pupil", "cap": {"accounting": "pure", "micro": 1, "delta": 1}}
    file.write_text(json.dumps({"lost": {"number": 3, "signature": "0" * 64}, "caps": [cap]}))
    assert "Pure accounting has no delta." in at(ADA, "budget", "restore", str(file))[2]
    file.write_text("{")
    assert at(ADA, "budget", "attest", str(file))[0] == 1


def test_a_broker_without_signed_heads_exports_none(at):
    assert at(ADA, "budget", "head")[::2] == (1, "broker: There is no head 'ledger'.\n")
