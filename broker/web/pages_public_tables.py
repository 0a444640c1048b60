"""Pages for public tables, asked for by one administrator, confirmed by another, run by a worker. No rules."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Conflict, Invalid
from broker.domain.public_tables import WHY_WORDS, Published
from broker.web import typed
from broker.web.setup import caller, ports
from broker.workflow import public_tables

pages = Blueprint("published", __name__)

MOST_TEXT = 1_000_000


@pages.get("/administration/public-tables")
def all_tables() -> str:
    return _page(None)


def _page(problem: Invalid | None) -> str:
    found = public_tables.all_public_tables(ports(), caller())
    return render_template(
        "administration_published.html",
        found=found,
        snapshots=public_tables.snapshots(ports()),
        dialects=public_tables.DIALECTS,
        given=request.form,
        problem=problem,
    )


@pages.get("/administration/public-tables/<ident>")
def table(ident: str) -> str:
    found = public_tables.public_table(ports(), caller(), ident)
    return render_template("administration_published_table.html", table=found, why=WHY_WORDS)


@pages.post("/administration/public-tables")
def ask() -> Redirect | tuple[str, int]:
    try:
        ident = public_tables.ask(ports(), caller(), _given())
    except Invalid as error:
        return _page(error), 400
    except Conflict as error:
        return _page(Invalid(error.code, error.message, "/name")), 409
    return redirect(url_for("published.table", ident=ident))


def _given() -> Published:
    recipe, figures = (typed.text(name, MOST_TEXT).replace("\r\n", "\n") for name in ("recipe", "figures"))
    dialect, snapshot, rounding = typed.text("dialect", 20), typed.text("snapshot", 200), typed.text("rounding", 400)
    return Published(typed.text("name", 200), typed.text("source"), recipe, dialect, snapshot, rounding, figures)


@pages.post("/administration/public-tables/<ident>/confirmation")
def confirm(ident: str) -> Redirect:
    public_tables.confirm(ports(), caller(), ident)
    return redirect(url_for("published.table", ident=ident))


@pages.post("/administration/public-tables/<ident>/withdrawal")
def withdraw(ident: str) -> Redirect:
    public_tables.withdraw(ports(), caller(), ident)
    return redirect(url_for("published.all_tables"))
