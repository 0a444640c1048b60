"""Pages on which researchers collect what was released, and see their project's privacy budget. No rules."""

from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for

from broker.web.setup import caller, ports
from broker.web.shown import content_response
from broker.workflow import budgets, collect, records, release

pages = Blueprint("collecting", __name__)

ROWS = 500
"""More are in the file."""


@pages.get("/outputs/<output>/released")
def released(output: str) -> str:
    """The released table as a table and as a chart, with what its symbols and its rounding mean."""
    found = collect.collected(ports(), caller(), output, *_axes())
    table, axes = found.table, found.axes
    chart = ""
    if table is not None and axes is not None:
        asked = urlencode({"x": table.columns[axes.x], "y": table.columns[axes.y]})
        chart = f"{url_for('collecting.chart', output=output)}?{asked}"
    return render_template("released.html", found=found, table=table, axes=axes, chart=chart, most=ROWS)


@pages.get("/outputs/<output>/chart.svg")
def chart(output: str) -> Response:
    return Response(collect.chart(ports(), caller(), output, *_axes()), mimetype="image/svg+xml")


def _axes() -> tuple[str, str]:
    return request.args.get("x", "")[:200], request.args.get("y", "")[:200]


@pages.get("/outputs/<output>/download")
def download(output: str) -> Response:
    return content_response(release.download(ports(), caller(), output))


@pages.get("/outputs/<output>/parquet")
def parquet(output: str) -> Response:
    return content_response(collect.parquet(ports(), caller(), output))


@pages.get("/outputs/<output>/record")
def record(output: str) -> Response:
    response = Response(records.of_release(ports(), caller(), output), mimetype="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="record.json"'
    return response


@pages.get("/projects/<project>/budget")
def budget(project: str) -> str:
    """What the project may spend of each person's privacy, has spent, and has left."""
    return render_template("budget.html", budget=budgets.of_project(ports(), caller(), project))


@pages.get("/projects/<project>/budget/<number>.svg")
def course(project: str, number: str) -> Response:
    """One account's course, by its place on the page."""
    place = int(number) if number.isascii() and number.isdigit() and len(number) < 4 else -1
    return Response(budgets.course(ports(), caller(), project, place), mimetype="image/svg+xml")
