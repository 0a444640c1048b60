"""The page of notices: what waits for the person who looks, was decided, or ends soon. No rules."""

from flask import Blueprint, render_template

from broker.web.setup import caller, ports
from broker.workflow.notices import notices_for

pages = Blueprint("notices", __name__)


@pages.get("/notices")
def notices() -> str:
    return render_template("notices.html", notices=notices_for(ports(), caller()))
