"""Pages on which researchers find variables: search, a table, a variable with years, codes and grants. No rules."""

from flask import Blueprint, render_template, request

from broker.web.web_context import caller, ports
from broker.workflow.submission import preview
from broker.workflow.views import catalogue_entries as catalogue_search

pages = Blueprint("finding", __name__)

CLASS_SENTENCES = {
    "instant-identifier": "Names a person directly: never granted.",
    "identifier": "Distinguishes persons. Granted only for joining, counting and matching, as a pseudonym.",
    "sensitive": "About a special category, such as ethnicity, health or care. Each variable is granted by name.",
    "standard": "You may read, filter, group and release this as the rules allow.",
    "quasi": "Narrows down who a person is. You may filter by this, and group by it only if the grant allows that.",
    "public": "Already published elsewhere.",
}
"""What a variable's class means for the author of a job."""


@pages.get("/catalogue")
def catalogue() -> str:
    """Show the variables that match every word of the search; without words, the tables."""
    words = request.args.get("q", "")[:200]
    found = preview.find_variables(ports(), caller(), words, MOST_ENTRIES + 1) if words.strip() else []
    return render_template(
        "catalogue.html",
        q=words,
        entries=found[:MOST_ENTRIES],
        more=len(found) > MOST_ENTRIES,
        tables=[] if words.strip() else catalogue_search.list_tables(ports(), caller()),
    )


MOST_ENTRIES = 200


@pages.get("/catalogue/<table>")
def table(table: str) -> str:
    found, variables = catalogue_search.view_table(ports(), caller(), table)
    return render_template("catalogue_table.html", table=found, entries=variables)


@pages.get("/catalogue/<table>/<variable>")
def variable(table: str, variable: str) -> str:
    found = catalogue_search.view_variable(ports(), caller(), table, variable)
    return render_template("catalogue_variable.html", v=found, classes=CLASS_SENTENCES)
