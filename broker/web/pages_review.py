"""The page of an output for checkers: evidence, context, candidate, attack, and the form to vote. No rules."""

import csv
import io
import json
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request

from broker.domain.errors import Unknown
from broker.domain.reviews import Choice
from broker.web.evidence_table import Table, chosen, table_of, text
from broker.web.setup import caller, ports
from broker.web.shown import content_response
from broker.workflow import records, release, review
from broker.workflow.ballots import APPROVING, REASONS, to_set_aside
from broker.workflow.reviewing.attack import attacked
from broker.workflow.reviewing.context import context
from broker.workflow.reviewing.earlier import earlier
from broker.workflow.reviewing.evidence import of_row, row_of

pages = Blueprint("checking", __name__)

CANDIDATE_LINES = 50
FINDINGS_SHOWN = 200

CHOICES: dict[str, tuple[str, str]] = {
    Choice.APPROVE: ("Approve", "it may leave as shown"),
    Choice.RETURN: ("Return", "not like this; a new submission may"),
    Choice.REJECT: ("Refuse", "it may not leave"),
}


@pages.get("/outputs/<output>")
def output(output: str) -> str:
    return output_page(output, None)


def output_page(output: str, problem: tuple[str, str] | None) -> str:
    """`problem`: a sentence, and the id of the field that it is about; the form keeps what was filled in."""
    look = review.look(ports(), caller(), output)
    staff = json.loads(look.staff)
    table = _chosen(table_of(staff))
    around = context(ports(), caller(), look, staff)
    return render_template(
        "output.html",
        look=look,
        staff=staff,
        table=table,
        row=_asked_row(staff),
        about=around,
        around=around.submitted.around(output),
        earlier=earlier(ports(), look, staff.get("key_count")),
        summary=json.dumps(staff.get("summary"), indent=2, ensure_ascii=False),
        candidate=_candidate(look),
        findings_shown=FINDINGS_SHOWN,
        reasons=REASONS,
        approving=APPROVING,
        choices=CHOICES,
        refusing=to_set_aside(look.output, staff),
        plain=text,
        given=request.form,
        problem=problem,
    )


def _chosen(table: Table | None) -> Table | None:
    asked = request.args
    return table and chosen(table, asked.get("q", "")[:200], "flagged" in asked, place(asked.get("page", "1")))


def _asked_row(staff: dict[str, Any]) -> Any:
    """The row whose evidence a browser without scripts asks for."""
    return row_of(staff, place(request.args.get("row", "")))


def place(text: str) -> int:
    """A number out of an address; what is none is the place of nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1


def _candidate(look: review.Look) -> list[list[str]] | None:
    """The first lines of a table as it would leave; other files are downloaded to be looked at."""
    if look.candidate is None or look.output.media_type != "text/csv":
        return None
    try:
        rows = list(csv.reader(io.StringIO(look.candidate.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows[: CANDIDATE_LINES + 1]


@pages.get("/outputs/<output>/rows/<number>")
def row(output: str, number: str) -> str:
    """The evidence of one row, as a part of the page: asked for when a cell gets the focus."""
    return render_template("output_row.html", row=of_row(ports(), caller(), output, place(number)), plain=text)


@pages.get("/outputs/<output>/attack")
def attack(output: str) -> str:
    """What could be worked out of the table; a part of the page where htmx asks, a page of its own otherwise."""
    look = review.look(ports(), caller(), output)
    whole = "HX-Request" not in request.headers
    return render_template(
        "output_attack.html" if whole else "output_attacked.html", look=look, attacked=attacked(json.loads(look.staff))
    )


@pages.get("/outputs/<output>/candidate")
def candidate(output: str) -> Response:
    """The bytes that would leave, for the checker's own look; it is audited like every look."""
    look = review.look(ports(), caller(), output)
    if look.candidate is None:
        raise Unknown("output", output)
    return content_response(release.Download(look.output.name, look.output.media_type, look.candidate))


@pages.get("/outputs/<output>/staff-record")
def staff_record(output: str) -> Response:
    """Every rule tried and figure of evidence, as a file of its own."""
    response = jsonify(records.for_staff(ports(), caller(), output))
    response.headers["Content-Disposition"] = 'attachment; filename="staff-record.json"'
    return response
