"""The page of an output for checkers: evidence, context, candidate, attack, vote, and its messages. No rules."""

import csv
import io
import json

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for

from broker.domain.errors import Invalid, Unknown
from broker.domain.identity.people import Role
from broker.domain.jobs.reviews import Audience, VoteChoice
from broker.domain.staff_records import StaffRecord
from broker.web.pages import form_fields
from broker.web.pages.evidence_table import EvidenceTable, evidence_table_of, select_rows, value_text
from broker.web.schemas.serializers import attachment, content_response
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.reviewing import output_review, output_thread
from broker.workflow.reviewing.output_evidence import RowEvidence, attack_columns, row_evidence, view_row_evidence
from broker.workflow.reviewing.review_context import context_of, earlier_release
from broker.workflow.views import job_views

review_blueprint = Blueprint("checking", __name__)

CANDIDATE_LINES = 50
FINDINGS_SHOWN = 200

CHOICES: dict[str, tuple[str, str]] = {
    VoteChoice.APPROVE: ("Approve", "release the output as shown"),
    VoteChoice.RETURN: ("Return", "send back for changes"),
    VoteChoice.REJECT: ("Refuse", "do not release"),
}


@review_blueprint.get("/outputs/<output>", endpoint="output")
def output_page(output: str, problem: Invalid | None = None) -> str:
    """Return the page. The form shows what was entered."""
    view = output_review.view_output(ports(), caller(), output)
    record = view.record
    table = _selected_rows(None if record.table is None else evidence_table_of(record.table))
    context = context_of(ports(), caller(), view)
    return render_template(
        "output.html",
        view=view,
        record=record,
        table=table,
        row=_requested_row(record),
        context=context,
        neighbours=context.submitted.neighbours(output),
        earlier=earlier_release(ports(), view),
        summary=json.dumps(json.loads(view.staff).get("summary"), indent=2, ensure_ascii=False),
        candidate=_candidate(view),
        findings_shown=FINDINGS_SHOWN,
        reasons=output_review.VOTE_REASONS,
        approving=output_review.APPROVING_REASONS,
        choices=CHOICES,
        refusing=output_review.findings_to_set_aside(view.output, record),
        plain=value_text,
        given=request.form,
        problem=problem,
    )


def _selected_rows(table: EvidenceTable | None) -> EvidenceTable | None:
    query = request.args
    return table and select_rows(
        table, query.get("q", "")[:200], "flagged" in query, parse_index(query.get("page", "1"))
    )


def _requested_row(record: StaffRecord) -> RowEvidence | None:
    """Return the row whose evidence was requested by a browser without scripts."""
    return row_evidence(record, parse_index(request.args.get("row", "")))


def parse_index(text: str) -> int:
    """Return a number from an address, or -1, which is no row's number, if it is not one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1


def _candidate(view: output_review.OutputUnderReview) -> list[list[str]] | None:
    """Return the first lines of a table as it would leave. Other files have to be downloaded."""
    if view.candidate is None or view.output.media_type != "text/csv":
        return None
    try:
        rows = list(csv.reader(io.StringIO(view.candidate.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows[: CANDIDATE_LINES + 1]


@review_blueprint.get("/outputs/<output>/rows/<number>")
def row(output: str, number: str) -> str:
    """Return the evidence of one row as part of the page, requested when a cell gets the focus."""
    return render_template(
        "output_row.html", row=view_row_evidence(ports(), caller(), output, parse_index(number)), plain=value_text
    )


@review_blueprint.get("/outputs/<output>/attack")
def attack(output: str) -> str:
    """Show what could be derived from the table: part of a page if htmx requests it, otherwise a page of its own."""
    view = output_review.view_output(ports(), caller(), output)
    whole = "HX-Request" not in request.headers
    return render_template(
        "output_attack.html" if whole else "output_attacked.html", view=view, attacked=attack_columns(view.record)
    )


@review_blueprint.get("/outputs/<output>/candidate")
def candidate(output: str) -> Response:
    """Return the bytes that would leave, for the checker. The view is audited."""
    view = output_review.view_output(ports(), caller(), output)
    if view.candidate is None:
        raise Unknown("output", output)
    return content_response(job_release.Download(view.output.name, view.output.media_type, view.candidate))


@review_blueprint.get("/outputs/<output>/staff-record")
def staff_record(output: str) -> Response:
    """Return every rule tried and all evidence, as a file."""
    return attachment(jsonify(output_records.record_for_staff(ports(), caller(), output)), "staff-record.json")


thread_blueprint = Blueprint("threads", __name__)


@thread_blueprint.post("/outputs/<output>/messages")
def say(output: str) -> Redirect | tuple[str, int]:
    """Write a checker's message, on the output's page."""
    audience = request.form.get("audience", "")
    try:
        if audience not in set(Audience):
            raise Invalid("audience", "Choose who can read your message.", "/audience")
        output_thread.write_message(ports(), caller(), output, request.form.get("text", ""), Audience(audience))
    except Invalid as error:
        # Only checkers can see the page that would show the problem.
        if Role.CHECKER not in caller().roles:
            raise
        return output_page(output, error), 400
    return redirect(url_for("checking.output", output=output) + "#thread")


@thread_blueprint.post("/outputs/<output>/messages/<number>/confirmation")
def confirm(output: str, number: str) -> Redirect:
    output_thread.confirm_message(ports(), caller(), output, parse_index(number))
    flash("Its researchers can now read the message.")
    return redirect(url_for("checking.output", output=output) + "#thread")


@thread_blueprint.get("/jobs/<job>/messages")
def messages(job: str, problem: Invalid | None = None) -> str:
    said = output_thread.messages_for_researchers(ports(), caller(), job)
    found = job_views.view_job(ports(), caller(), job)
    return render_template("messages.html", job=found, said=said, problem=problem, text=request.form.get("text", ""))


@thread_blueprint.post("/jobs/<job>/messages")
@form_fields.shows_problems_on(messages)
def answer(job: str) -> Redirect:
    """Write a researcher's message about a decided output of the job."""
    output, text = request.form.get("output", ""), request.form.get("text", "")
    output_thread.answer_checkers(ports(), caller(), job, output, text)
    return redirect(url_for("threads.messages", job=job))
