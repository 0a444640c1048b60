"""API for the two signed logs: privacy budgets with the ledger, and the release history with its caps and public
tables; and their restoration. No rules."""

from typing import Any

from broker.domain.public_tables import PublishedTable
from broker.domain.signed_log import LogName
from broker.web.api.openapi import api_blueprint, change_responses, read_responses
from broker.web.schemas import ledger_schemas, release_schemas
from broker.web.schemas.api_schemas import Ident, ProjectPath, RequestModel, Text
from broker.web.schemas.serializers import account_of, forgotten_of, forgotten_tables_of, head_of, heads_of
from broker.web.schemas.staff_schemas import PublicTableShown, PublicTablesShown, StateShown
from broker.web.web_context import caller, ports
from broker.workflow.administration import backup_restore, public_table_requests
from broker.workflow.views import exact_figure_usage as full, privacy_budgets

ledger_blueprint = api_blueprint("ledger")


@ledger_blueprint.get("/projects/<project>/budget", responses=read_responses(200, ledger_schemas.BudgetShown))
def budget(path: ProjectPath) -> dict[str, Any]:
    """Return what a project may spend of each person's privacy, has spent and has left.

    Includes the exact releases and public tables alongside its privacy claims. For the project's researchers and
    checkers, and administrators.
    """
    return ledger_schemas.BudgetShown.answer(privacy_budgets.project_budget(ports(), caller(), path.project))


@ledger_blueprint.get("/ledger", responses=read_responses(200, ledger_schemas.LedgerShown))
def ledger() -> dict[str, Any]:
    """Return every account of the ledger, including shared ones (administrators)."""
    return ledger_schemas.LedgerShown.answer(privacy_budgets.whole_ledger(ports(), caller()))


@ledger_blueprint.get("/ledger/history", responses=read_responses(200, ledger_schemas.HistoryShown))
def history(query: ledger_schemas.AccountQuery) -> dict[str, Any]:
    """Return an account after each move of a spend, oldest first (administrators).

    Empty for an account that does not exist.
    """
    points = privacy_budgets.account_history(ports(), caller(), account_of(query))
    return ledger_schemas.HistoryShown.answer({"history": points})


@ledger_blueprint.get("/ledger/verification", responses=read_responses(200, ledger_schemas.LedgerCheckShown))
def verify(query: ledger_schemas.HeadQuery) -> dict[str, Any]:
    """Verify the ledger (administrators).

    Follows its chain, finds the last signed head and an exported one in it, and adds up every total again.
    """
    return ledger_schemas.LedgerCheckShown.answer(privacy_budgets.verify_ledger(ports(), caller(), heads_of(query)))


@ledger_blueprint.get("/ledger/head", responses=read_responses(200, ledger_schemas.HeadShown))
def head() -> dict[str, Any]:
    """Return the ledger's signed head (administrators), to be stored elsewhere. It has no figures."""
    return ledger_schemas.HeadShown.answer(backup_restore.signed_head(ports(), caller(), LogName.LEDGER))


@ledger_blueprint.post("/ledger/reentries", responses=change_responses(201, StateShown))
def reenter(body: ledger_schemas.ForgottenBody) -> tuple[dict[str, Any], int]:
    """After a restored back-up: enter what the ledger lacks, as spent.

    `asked` until a second administrator has sent exactly the same, then `entered`.
    """
    done = backup_restore.restore_ledger_entries(ports(), caller(), head_of(body.lost), forgotten_of(body))
    return StateShown.answer({"state": "entered" if done else "asked"}), 201


@ledger_blueprint.post("/ledger/vouches", responses=change_responses(201, StateShown))
def vouch(body: ledger_schemas.HeadBody) -> tuple[dict[str, Any], int]:
    """If the last signed head itself was lost: attest an exported head instead.

    `asked` until a second administrator has sent exactly the same, then `taken`.
    """
    done = backup_restore.attest_head(ports(), caller(), LogName.LEDGER, head_of(body))
    return StateShown.answer({"state": "taken" if done else "asked"}), 201


history_blueprint = api_blueprint("memory")


@history_blueprint.get("/memory/caps", responses=read_responses(200, release_schemas.CapsShown))
def caps(query: release_schemas.CapsQuery) -> dict[str, Any]:
    """Return how much of its cap each reference population has used (administrators).

    The fullest first, fifty on a page: how many exact figures about it are released, and how many may be.
    """
    found = full.cap_page(ports(), caller(), query.snapshot, query.search, query.page)
    return release_schemas.CapsShown.answer(found)


@history_blueprint.get("/memory/head", responses=read_responses(200, ledger_schemas.HeadShown))
def memory_head() -> dict[str, Any]:
    """Return the release history's signed head (administrators), to be stored elsewhere. It has no figures."""
    return ledger_schemas.HeadShown.answer(backup_restore.signed_head(ports(), caller(), LogName.HISTORY))


@history_blueprint.post("/memory/reentries", responses=change_responses(201, StateShown))
def reenter_memory(body: release_schemas.ForgottenTablesBody) -> tuple[dict[str, Any], int]:
    """After a restored back-up: let a worker enter what the release history lacks.

    `asked` until a second administrator has sent exactly the same, then `agreed`. A worker enters it within seconds,
    if its files contain exactly that.
    """
    done = backup_restore.request_history_restore(ports(), caller(), forgotten_tables_of(body))
    return StateShown.answer({"state": "agreed" if done else "asked"}), 201


@history_blueprint.post("/memory/vouches", responses=change_responses(201, StateShown))
def vouch_memory(body: ledger_schemas.HeadBody) -> tuple[dict[str, Any], int]:
    """If the release history's last signed head itself was lost: attest an exported head instead.

    `asked` until a second administrator has sent exactly the same, then `taken`.
    """
    done = backup_restore.attest_head(ports(), caller(), LogName.HISTORY, head_of(body))
    return StateShown.answer({"state": "taken" if done else "asked"}), 201


public_tables_blueprint = api_blueprint("public-tables")


class PublicTablePath(RequestModel):
    ident: Ident


class PublishedBody(RequestModel):
    """`rounding` is the base of the figures, or `name=base` for each rounded column, or empty."""

    name: Text
    source: Text
    recipe: Text
    dialect: Text = "duckdb"
    snapshot: Text
    rounding: Text = ""
    figures: Text


@public_tables_blueprint.get("/public-tables", responses=read_responses(200, PublicTablesShown))
def all_tables() -> dict[str, Any]:
    """Return every registered public table, newest first (administrators)."""
    return PublicTablesShown.answer({"tables": public_table_requests.all_public_tables(ports(), caller())})


@public_tables_blueprint.get("/public-tables/<ident>", responses=read_responses(200, PublicTableShown))
def one(path: PublicTablePath) -> dict[str, Any]:
    """Return one public table with its recipe and figures."""
    return PublicTableShown.answer(public_table_requests.public_table(ports(), caller(), path.ident))


@public_tables_blueprint.post("/public-tables", responses=change_responses(201, PublicTableShown))
def ask(body: PublishedBody) -> tuple[dict[str, Any], int]:
    """Request the registration of a public table. It waits for a second administrator."""
    ident = public_table_requests.request_public_table(ports(), caller(), PublishedTable(**body.model_dump()))
    return PublicTableShown.answer(public_table_requests.public_table(ports(), caller(), ident)), 201


@public_tables_blueprint.post("/public-tables/<ident>/confirmation", responses=change_responses(204, None))
def confirm(path: PublicTablePath) -> None:
    """Confirm a public table as it is; then a worker runs its recipe.

    The administrator who requested it cannot confirm it.
    """
    public_table_requests.confirm_public_table(ports(), caller(), path.ident)


@public_tables_blueprint.post("/public-tables/<ident>/withdrawal", responses=change_responses(204, None))
def withdraw(path: PublicTablePath) -> None:
    """Withdraw a public table that is not confirmed."""
    public_table_requests.withdraw_public_table(ports(), caller(), path.ident)
