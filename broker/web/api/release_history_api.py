"""API for the release history: its caps, its restoration, and public tables. No rules."""

from typing import Any

from broker.domain.public_tables import PublishedTable
from broker.domain.signed_log import LogName
from broker.web.api.openapi import api_blueprint, change_responses, read_responses
from broker.web.schemas import release_schemas
from broker.web.schemas.api_schemas import Ident, RequestModel, Text
from broker.web.schemas.ledger_schemas import HeadBody, HeadShown
from broker.web.schemas.serializers import forgotten_tables_of, head_of
from broker.web.schemas.staff_schemas import PublicTableShown, PublicTablesShown, StateShown
from broker.web.web_context import caller, ports
from broker.workflow.administration import backup_restore, public_table_requests
from broker.workflow.views import exact_figure_usage as full

history_blueprint = api_blueprint("memory")


@history_blueprint.get("/memory/caps", responses=read_responses(200, release_schemas.CapsShown))
def caps(query: release_schemas.CapsQuery) -> dict[str, Any]:
    """Return how much of its cap each reference population has used (administrators).

    The fullest first, fifty on a page: how many exact figures about it are released, and how many may be.
    """
    found = full.cap_page(ports(), caller(), query.snapshot, query.search, query.page)
    return release_schemas.CapsShown.answer(found)


@history_blueprint.get("/memory/head", responses=read_responses(200, HeadShown))
def memory_head() -> dict[str, Any]:
    """Return the release history's signed head (administrators), to be stored elsewhere. It has no figures."""
    return HeadShown.answer(backup_restore.signed_head(ports(), caller(), LogName.HISTORY))


@history_blueprint.post("/memory/reentries", responses=change_responses(201, StateShown))
def reenter_memory(body: release_schemas.ForgottenTablesBody) -> tuple[dict[str, Any], int]:
    """After a restored back-up: let a worker enter what the release history lacks.

    `asked` until a second administrator has sent exactly the same, then `agreed`. A worker enters it within seconds,
    if its files contain exactly that.
    """
    done = backup_restore.request_history_restore(ports(), caller(), forgotten_tables_of(body))
    return StateShown.answer({"state": "agreed" if done else "asked"}), 201


@history_blueprint.post("/memory/vouches", responses=change_responses(201, StateShown))
def vouch_memory(body: HeadBody) -> tuple[dict[str, Any], int]:
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
def confirm(path: PublicTablePath) -> tuple[str, int]:
    """Confirm a public table as it is; then a worker runs its recipe.

    The administrator who requested it cannot confirm it.
    """
    public_table_requests.confirm_public_table(ports(), caller(), path.ident)
    return "", 204


@public_tables_blueprint.post("/public-tables/<ident>/withdrawal", responses=change_responses(204, None))
def withdraw(path: PublicTablePath) -> tuple[str, int]:
    """Withdraw a public table that is not confirmed."""
    public_table_requests.withdraw_public_table(ports(), caller(), path.ident)
    return "", 204
