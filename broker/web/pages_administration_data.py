"""Pages for snapshots, and for the ledger with every cap and budget. No rules."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from broker.web.setup import caller, ports
from broker.workflow import budgets, snapshots

pages = Blueprint("data", __name__)


@pages.get("/administration/snapshots")
def all_snapshots() -> str:
    return render_template("administration_snapshots.html", found=snapshots.all_snapshots(ports(), caller()))


@pages.post("/administration/snapshots/<snapshot>/retirement")
def retire(snapshot: str) -> Redirect:
    snapshots.retire(ports(), caller(), snapshot)
    return redirect(url_for("data.all_snapshots"))


@pages.get("/administration/budgets")
def ledger() -> str:
    """Each look is in the audit log: the ledger tells of every project."""
    view = budgets.whole_ledger(ports(), caller())
    return render_template("administration_budgets.html", view=view)


@pages.post("/administration/budgets/verification")
def verify_ledger() -> str:
    view, check = budgets.whole_ledger(ports(), caller()), budgets.verify_ledger(ports(), caller())
    return render_template("administration_budgets.html", view=view, check=check)
