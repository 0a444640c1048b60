"""The page of the memory's caps: how full each reference population is. No rules, and no file of the memory."""

from flask import Blueprint, render_template, request

from broker.web.setup import caller, ports
from broker.workflow import caps as full

pages = Blueprint("caps", __name__)


@pages.get("/administration/memory")
def caps() -> str:
    given = {name: request.args.get(name, "").replace("\x00", "").strip()[:100] for name in ("snapshot", "q")}
    number = request.args.get("page", "")
    page = int(number) if number.isascii() and number.isdigit() and len(number) < 7 else 1
    found = full.caps(ports(), caller(), given["snapshot"], given["q"], page)
    return render_template("administration_memory.html", found=found, given=given)
