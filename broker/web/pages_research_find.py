"""Pages on which researchers find what there is: search, a table, a variable with years, codes and grants. No rules."""

from flask import Blueprint, render_template, request

from broker.web.setup import caller, ports
from broker.workflow import catalogue as book
from broker.workflow import preview

pages = Blueprint("finding", __name__)

CLASSES = {
    "instant-identifier": "Names a person at once: nobody is granted it.",
    "identifier": "Tells one person from another. Granted only to join, count and match, as a pseudonym.",
    "sensitive": "About a special matter, such as ethnicity, health or care: each one is granted by name.",
    "standard": "May be read, filtered, grouped and released as the rules allow.",
    "quasi": "Narrows down who somebody is: filter by it; group by it only where the grant says so.",
    "public": "Published elsewhere anyway.",
}
"""What a class means to who writes a job."""


@pages.get("/catalogue")
def catalogue() -> str:
    """Variables that hold every word that was asked for; without words, the tables."""
    words = request.args.get("q", "")[:200]
    found = preview.find_variables(ports(), caller(), words, MOST + 1) if words.strip() else []
    return render_template(
        "catalogue.html",
        q=words,
        entries=found[:MOST],
        more=len(found) > MOST,
        tables=[] if words.strip() else book.tables(ports(), caller()),
    )


MOST = 200


@pages.get("/catalogue/<table>")
def table(table: str) -> str:
    found, variables = book.table(ports(), caller(), table)
    return render_template("catalogue_table.html", table=found, entries=variables)


@pages.get("/catalogue/<table>/<variable>")
def variable(table: str, variable: str) -> str:
    found = book.variable(ports(), caller(), table, variable)
    return render_template("catalogue_variable.html", v=found, classes=CLASSES)
