"""Pages for a person's erasure, asked for by one administrator, confirmed by another. No key is shown. No rules."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid, Unknown
from broker.web import typed
from broker.web.setup import caller, ports
from broker.workflow import erasing

pages = Blueprint("erasures", __name__)


@pages.get("/administration/erasures")
def erasures() -> str:
    return _page(None)


def _page(problem: Invalid | None, about: int | None = None) -> str:
    """`about`: the erasure whose confirmation has the problem; None for the form that asks for one."""
    found = erasing.all_erasures(ports(), caller())
    return render_template(
        "administration_erasures.html", found=found, domains=erasing.domains(ports()), problem=problem, about=about
    )


@pages.post("/administration/erasures")
def ask() -> Redirect | tuple[str, int]:
    try:
        erasing.ask(ports(), caller(), typed.text("domain", 64), typed.text("key", 64), typed.text("case", 40))
    except Invalid as error:
        return _page(error), 400
    return redirect(url_for("erasures.erasures"))


@pages.post("/administration/erasures/<number>/confirmation")
def confirm(number: str) -> Redirect | tuple[str, int]:
    try:
        erasing.confirm(ports(), caller(), _place(number), typed.text("key", 64))
    except Invalid as error:
        return _page(error, _place(number)), 400
    return redirect(url_for("erasures.erasures"))


@pages.post("/administration/erasures/<number>/withdrawal")
def withdraw(number: str) -> Redirect:
    erasing.withdraw(ports(), caller(), _place(number))
    return redirect(url_for("erasures.erasures"))


def _place(number: str) -> int:
    if not number.isascii() or not number.isdigit() or len(number) > 8:
        erasing.all_erasures(ports(), caller())
        raise Unknown("erasure", number)
    return int(number)
