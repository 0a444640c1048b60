"""Pages for checkers: the inbox, an output with its evidence and candidate, claim, vote and recall. No rules."""

import csv
import io
import json

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Conflict, Invalid, Unknown
from broker.domain.people import Role
from broker.domain.reviews import Choice
from broker.web.evidence_table import table_of
from broker.web.setup import caller, ports
from broker.web.shown import content_response
from broker.workflow import looks, records, release, review

pages = Blueprint("checking", __name__)

CANDIDATE_LINES = 200


@pages.get("/inbox")
def inbox() -> str:
    if Role.CHECKER not in caller().roles:
        raise Unknown("page", "inbox")
    failures = looks.waiting(ports(), caller())
    return render_template("inbox.html", waiting=review.inbox(ports(), caller()), failures=failures)


@pages.get("/jobs/<job>/failure")
def failure(job: str) -> str:
    """What a script printed on real data, and the form to tell its researchers why it failed."""
    log = looks.failure(ports(), caller(), job).decode("utf-8", "replace")
    return render_template("failure.html", job=job, log=log, problem=None)


@pages.post("/jobs/<job>/failure")
def tell_failure(job: str) -> Redirect | tuple[str, int]:
    try:
        looks.tell(ports(), caller(), job, request.form.get("reason", ""))
    except Invalid as wrong:
        log = looks.failure(ports(), caller(), job).decode("utf-8", "replace")
        return render_template("failure.html", job=job, log=log, problem=wrong.message), 400
    return redirect(url_for("checking.inbox"))


@pages.get("/outputs/<output>")
def output(output: str) -> str:
    return _page(output, None)


def _page(output: str, problem: str | None) -> str:
    look = review.look(ports(), caller(), output)
    staff = json.loads(look.staff)
    return render_template(
        "output.html",
        look=look,
        staff=staff,
        table=table_of(staff),
        summary=json.dumps(staff.get("summary"), indent=2, ensure_ascii=False),
        candidate=_candidate(look),
        reasons=review.REASONS,
        choices=list(Choice),
        problem=problem,
    )


def _candidate(look: review.Look) -> list[list[str]] | None:
    """A table as it would leave; other files are downloaded to be looked at."""
    if look.candidate is None or look.output.media_type != "text/csv":
        return None
    try:
        rows = list(csv.reader(io.StringIO(look.candidate.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        return None
    return rows[: CANDIDATE_LINES + 1]


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


@pages.post("/outputs/<output>/claim")
def claim(output: str) -> Redirect:
    review.claim(ports(), caller(), output, request.form.get("take") == "yes")
    return redirect(url_for("checking.output", output=output))


@pages.post("/outputs/<output>/vote")
def vote(output: str) -> Redirect | tuple[str, int]:
    """The hashes in the form are those of the page that was looked at."""
    try:
        review.cast_vote(ports(), caller(), output, _ballot())
    except Invalid as error:
        return _page(output, error.message), 400
    except Conflict as error:
        if error.code == "wrong-state":
            raise
        return _page(output, error.message), 409
    return redirect(url_for("checking.output", output=output))


def _ballot() -> review.Ballot:
    choice = request.form.get("choice", "")
    if choice not in {c.value for c in Choice}:
        raise Invalid("choice", "Choose what should happen to the output.", "/choice")
    return review.Ballot(
        choice=Choice(choice),
        reason=request.form.get("reason", ""),
        staff_hash=request.form.get("staff_hash", ""),
        findings_hash=request.form.get("findings_hash", ""),
        memory_version=request.form.get("memory_version", ""),
        overrides=tuple(request.form.getlist("overrides"))[:200],
    )


@pages.post("/outputs/<output>/recall")
def recall(output: str) -> Redirect:
    release.recall(ports(), caller(), output, request.form.get("reason", "")[:4000])
    return redirect(url_for("public.register_page"))
