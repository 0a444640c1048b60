"""Pages for snapshots, the ledger, the caps of the release history, and public tables. No rules."""

from flask import Blueprint, redirect, render_template, request, url_for

from broker.domain.errors import Invalid
from broker.domain.public_tables import PublishedTable
from broker.web.pages import form_fields
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.administration import public_table_requests, snapshot_erasures
from broker.workflow.views import exact_figure_usage as full, privacy_budgets

data_blueprint = Blueprint("data", __name__)


@data_blueprint.get("/administration/snapshots")
def all_snapshots() -> str:
    return render_template("administration_snapshots.html", found=snapshot_erasures.all_snapshots(ports(), caller()))


@data_blueprint.post("/administration/snapshots/<snapshot>/retirement")
def retire(snapshot: str) -> Redirect:
    snapshot_erasures.retire_snapshot(ports(), caller(), snapshot)
    return redirect(url_for("data.all_snapshots"))


@data_blueprint.get("/administration/budgets")
def ledger() -> str:
    """Show the ledger. It covers every project, so each view is in the audit log."""
    view = privacy_budgets.whole_ledger(ports(), caller())
    return render_template("administration_budgets.html", view=view)


@data_blueprint.post("/administration/budgets/verification")
def verify_ledger() -> str:
    view, check = privacy_budgets.whole_ledger(ports(), caller()), privacy_budgets.verify_ledger(ports(), caller())
    return render_template("administration_budgets.html", view=view, check=check)


cap_blueprint = Blueprint("caps", __name__)


@cap_blueprint.get("/administration/memory")
def caps() -> str:
    given = {name: request.args.get(name, "").replace("\x00", "").strip()[:100] for name in ("snapshot", "q")}
    number = request.args.get("page", "")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    found = full.cap_page(ports(), caller(), given["snapshot"], given["q"], page)
    return render_template("administration_memory.html", found=found, given=given)


public_table_blueprint = Blueprint("published", __name__)

MOST_TEXT = 1_000_000


@public_table_blueprint.get("/administration/public-tables")
def all_tables(problem: Invalid | None = None) -> str:
    found = public_table_requests.all_public_tables(ports(), caller())
    return render_template(
        "administration_published.html",
        found=found,
        snapshots=public_table_requests.usable_snapshots(ports()),
        given=request.form,
        problem=problem,
    )


@public_table_blueprint.get("/administration/public-tables/<ident>")
def table(ident: str) -> str:
    found = public_table_requests.public_table(ports(), caller(), ident)
    return render_template("administration_published_table.html", table=found)


@public_table_blueprint.post("/administration/public-tables")
@form_fields.shows_problems_on(all_tables, conflict="/name")
def ask() -> Redirect:
    ident = public_table_requests.request_public_table(ports(), caller(), _read_published())
    return redirect(url_for("published.table", ident=ident))


def _read_published() -> PublishedTable:
    recipe, figures = (form_fields.text(name, MOST_TEXT).replace("\r\n", "\n") for name in ("recipe", "figures"))
    return PublishedTable(
        dialect=form_fields.text("dialect", 20),
        snapshot=form_fields.text("snapshot", 200),
        rounding=form_fields.text("rounding", 400),
        name=form_fields.text("name", 200),
        source=form_fields.text("source"),
        recipe=recipe,
        figures=figures,
    )


@public_table_blueprint.post("/administration/public-tables/<ident>/confirmation")
def confirm(ident: str) -> Redirect:
    public_table_requests.confirm_public_table(ports(), caller(), ident)
    return redirect(url_for("published.table", ident=ident))


@public_table_blueprint.post("/administration/public-tables/<ident>/withdrawal")
def withdraw(ident: str) -> Redirect:
    public_table_requests.withdraw_public_table(ports(), caller(), ident)
    return redirect(url_for("published.all_tables"))
