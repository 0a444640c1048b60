"""API for privacy budgets: a project's own, the whole ledger for administrators, and bringing it back. No rules."""

from typing import Any

from broker.domain.errors import Unknown
from broker.web import models_ledger as models
from broker.web.documented import changes, gives, subject
from broker.web.ledger_shown import (
    account_of,
    account_shown,
    asides_shown,
    check_shown,
    forgotten_of,
    head_of,
    heads_of,
    own_account_shown,
    point_shown,
)
from broker.web.models_saved import ProjectPath
from broker.web.models_staff import StateShown
from broker.web.setup import caller, ports
from broker.workflow import budgets, restore

api = subject("ledger")


@api.get("/projects/<project>/budget", responses=gives(200, models.BudgetShown))
def budget(path: ProjectPath) -> dict[str, Any]:
    """What a project may spend of each person's privacy, has spent and has left, with the exact releases and public
    tables that stand beside the claim. Its researchers and its checkers may know, and administrators."""
    found = budgets.of_project(ports(), caller(), path.project)
    accounts = [own_account_shown(a) for a in found.accounts]
    shown = models.BudgetShown(project=found.project, accounts=accounts, beside=asides_shown(found.beside))
    return shown.model_dump(mode="json")


@api.get("/ledger", responses=gives(200, models.LedgerShown))
def ledger() -> dict[str, Any]:
    """Every account of the ledger, shared ones too (administrators)."""
    found = budgets.whole_ledger(ports(), caller())
    accounts = [account_shown(b) for b in found.accounts]
    shown = models.LedgerShown(accounts=accounts, over=list(found.over), beside=asides_shown(found.beside))
    return shown.model_dump(mode="json")


@api.get("/ledger/history", responses=gives(200, models.HistoryShown))
def history(query: models.AccountQuery) -> dict[str, Any]:
    """An account after each move of a spend, oldest first (administrators). Empty for one that is not there."""
    points = budgets.history_of(ports(), caller(), account_of(query))
    return models.HistoryShown(history=[point_shown(p) for p in points]).model_dump(mode="json")


@api.get("/ledger/verification", responses=gives(200, models.LedgerCheckShown))
def verify(query: models.HeadQuery) -> dict[str, Any]:
    """Follow the ledger's chain, look for its last signed head and for one that was exported, and add every total up
    again (administrators)."""
    return check_shown(budgets.verify_ledger(ports(), caller(), heads_of(query))).model_dump(mode="json")


@api.get("/ledger/head", responses=gives(200, models.HeadShown))
def head() -> dict[str, Any]:
    """The signed head (administrators), to be kept elsewhere. It has no figures."""
    found = budgets.signed_head(ports(), caller())
    if found is None:
        raise Unknown("head", "ledger")
    return models.HeadShown.model_validate(found).model_dump(mode="json")


@api.post("/ledger/reentries", responses=changes(201, StateShown))
def reenter(body: models.ForgottenBody) -> tuple[dict[str, Any], int]:
    """After a restored back-up: enter what the ledger forgot, as spent. `asked` until a second administrator has sent
    exactly the same, then `entered`."""
    done = restore.reenter(ports(), caller(), forgotten_of(body))
    return StateShown(state="entered" if done else "asked").model_dump(mode="json"), 201


@api.post("/ledger/vouches", responses=changes(201, StateShown))
def vouch(body: models.HeadBody) -> tuple[dict[str, Any], int]:
    """Where the last signed head itself was lost: take an exported one for it. `asked`, then `taken`."""
    done = restore.vouch(ports(), caller(), head_of(body))
    return StateShown(state="taken" if done else "asked").model_dump(mode="json"), 201
