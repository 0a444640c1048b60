"""API for tables that were published elsewhere: asked for, confirmed by a second administrator, listed. No rules."""

from typing import Any

from broker.domain.public_tables import PublicTable, Published
from broker.web.documented import changes, gives, subject
from broker.web.models import Given, Ident, Text
from broker.web.models_staff import PublicTableLine, PublicTableShown, PublicTablesShown
from broker.web.setup import caller, ports
from broker.workflow import public_tables

api = subject("public-tables")


class PublicTablePath(Given):
    ident: Ident


class PublishedBody(Given):
    """`rounding` is the base of the figures, `name=base` for each rounded column, or nothing."""

    name: Text
    source: Text
    recipe: Text
    dialect: Text = "duckdb"
    snapshot: Text
    rounding: Text = ""
    figures: Text


@api.get("/public-tables", responses=gives(200, PublicTablesShown))
def all_tables() -> dict[str, Any]:
    """Every registered table, newest first (administrators)."""
    found = public_tables.all_public_tables(ports(), caller())
    return PublicTablesShown(tables=[PublicTableLine(**_line(t)) for t in found]).model_dump(mode="json")


@api.get("/public-tables/<ident>", responses=gives(200, PublicTableShown))
def one(path: PublicTablePath) -> dict[str, Any]:
    """One of them, with recipe and figures."""
    return _shown(public_tables.public_table(ports(), caller(), path.ident)).model_dump(mode="json")


@api.post("/public-tables", responses=changes(201, PublicTableShown))
def ask(body: PublishedBody) -> tuple[dict[str, Any], int]:
    """Ask for a table to be registered. It waits for a second administrator."""
    ident = public_tables.ask(ports(), caller(), Published(**body.model_dump()))
    return _shown(public_tables.public_table(ports(), caller(), ident)).model_dump(mode="json"), 201


@api.post("/public-tables/<ident>/confirmation", responses=changes(204, None))
def confirm(path: PublicTablePath) -> tuple[str, int]:
    """Confirm one as it is; not by the administrator who asked. A worker runs its recipe then."""
    public_tables.confirm(ports(), caller(), path.ident)
    return "", 204


@api.post("/public-tables/<ident>/withdrawal", responses=changes(204, None))
def withdraw(path: PublicTablePath) -> tuple[str, int]:
    """Withdraw one that is not confirmed."""
    public_tables.withdraw(ports(), caller(), path.ident)
    return "", 204


def _shown(table: PublicTable) -> PublicTableShown:
    return PublicTableShown(**_line(table), recipe=table.published.recipe, figures=table.published.figures)


def _line(table: PublicTable) -> dict[str, Any]:
    p, found = table.published, table.found
    return {
        **{name: getattr(p, name) for name in ("name", "source", "dialect", "snapshot", "rounding")},
        **{name: getattr(table, name) for name in ("ident", "by", "at", "confirmed_by", "confirmed_at", "entry")},
        "state": table.state.value,
        "agreed": found and found.agreed,
        "compared": found and found.compared,
        "why": found.why.value if found and found.why else None,
    }
