"""API for privacy budgets: a project's own, and the whole ledger with its restoration for administrators. No rules."""

from typing import Any

from broker.domain.signed_log import LogName
from broker.web.api.openapi import api_blueprint, change_responses, read_responses
from broker.web.schemas import ledger_schemas
from broker.web.schemas.api_schemas import ProjectPath
from broker.web.schemas.serializers import account_of, forgotten_of, head_of, heads_of
from broker.web.schemas.staff_schemas import StateShown
from broker.web.web_context import caller, ports
from broker.workflow.administration import backup_restore
from broker.workflow.views import privacy_budgets

api = api_blueprint("ledger")


@api.get("/projects/<project>/budget", responses=read_responses(200, ledger_schemas.BudgetShown))
def budget(path: ProjectPath) -> dict[str, Any]:
    """Return what a project may spend of each person's privacy, has spent and has left.

    Includes the exact releases and public tables alongside its privacy claims. For the project's researchers and
    checkers, and administrators.
    """
    return ledger_schemas.BudgetShown.answer(privacy_budgets.project_budget(ports(), caller(), path.project))


@api.get("/ledger", responses=read_responses(200, ledger_schemas.LedgerShown))
def ledger() -> dict[str, Any]:
    """Return every account of the ledger, including shared ones (administrators)."""
    return ledger_schemas.LedgerShown.answer(privacy_budgets.whole_ledger(ports(), caller()))


@api.get("/ledger/history", responses=read_responses(200, ledger_schemas.HistoryShown))
def history(query: ledger_schemas.AccountQuery) -> dict[str, Any]:
    """Return an account after each move of a spend, oldest first (administrators).

    Empty for an account that does not exist.
    """
    points = privacy_budgets.account_history(ports(), caller(), account_of(query))
    return ledger_schemas.HistoryShown.answer({"history": points})


@api.get("/ledger/verification", responses=read_responses(200, ledger_schemas.LedgerCheckShown))
def verify(query: ledger_schemas.HeadQuery) -> dict[str, Any]:
    """Verify the ledger (administrators).

    Follows its chain, finds the last signed head and an exported one in it, and adds up every total again.
    """
    return ledger_schemas.LedgerCheckShown.answer(privacy_budgets.verify_ledger(ports(), caller(), heads_of(query)))


@api.get("/ledger/head", responses=read_responses(200, ledger_schemas.HeadShown))
def head() -> dict[str, Any]:
    """Return the ledger's signed head (administrators), to be stored elsewhere. It has no figures."""
    return ledger_schemas.HeadShown.answer(backup_restore.signed_head(ports(), caller(), LogName.LEDGER))


@api.post("/ledger/reentries", responses=change_responses(201, StateShown))
def reenter(body: ledger_schemas.ForgottenBody) -> tuple[dict[str, Any], int]:
    """After a restored back-up: enter what the ledger lacks, as spent.

    `asked` until a second administrator has sent exactly the same, then `entered`.
    """
    done = backup_restore.restore_ledger_entries(ports(), caller(), head_of(body.lost), forgotten_of(body))
    return StateShown.answer({"state": "entered" if done else "asked"}), 201


@api.post("/ledger/vouches", responses=change_responses(201, StateShown))
def vouch(body: ledger_schemas.HeadBody) -> tuple[dict[str, Any], int]:
    """If the last signed head itself was lost: attest an exported head instead.

    `asked` until a second administrator has sent exactly the same, then `taken`.
    """
    done = backup_restore.attest_head(ports(), caller(), LogName.LEDGER, head_of(body))
    return StateShown.answer({"state": "taken" if done else "asked"}), 201
