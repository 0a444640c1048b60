"""Forms of checkers: claim, vote on one output or on all shown of a submission, recall. The workflow decides."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Conflict, Invalid
from broker.domain.people import Role
from broker.domain.reviews import Choice
from broker.web.pages_inbox import submission_page
from broker.web.pages_review import CHOICES, output_page
from broker.web.setup import caller, ports
from broker.workflow import release, review
from broker.workflow.ballots import Ballot
from broker.workflow.reviewing.submission import claim_all, next_after, vote_all

pages = Blueprint("voting", __name__)

Answer = Redirect | tuple[str, int]
MOST = 1000


@pages.post("/outputs/<output>/claim")
def claim(output: str) -> Redirect:
    review.claim(ports(), caller(), output, request.form.get("take") == "yes")
    return redirect(url_for("checking.output", output=output))


@pages.post("/jobs/<job>/claim")
def claim_submission(job: str) -> Redirect:
    claim_all(ports(), caller(), job, request.form.get("take") == "yes")
    return redirect(url_for("inbox.inbox"))


@pages.post("/outputs/<output>/vote")
def vote(output: str) -> Answer:
    """The hashes in the form are those of the page that was looked at; the next output that waits opens after it."""
    try:
        ballot = _ballot(request.form.get("staff_hash", ""), request.form.get("findings_hash", ""))
        state = review.cast_vote(ports(), caller(), output, ballot)
    except Invalid as error:
        return output_page(output, (error.message, error.pointer.lstrip("/"))), 400
    except Conflict as error:
        if error.code == "wrong-state":
            raise
        return output_page(output, (error.message, "")), 409
    name = ports().store.output(output).name
    flash(f"Your vote on {name}: {CHOICES[ballot.choice][0].lower()}. It is {state.value.replace('_', ' ')} now.")
    following = next_after(ports(), caller(), output)
    return redirect(url_for("checking.output", output=following.ident if following else output))


@pages.post("/jobs/<job>/votes")
def vote_on_all(job: str) -> Answer:
    """One word on every output that was chosen: each is named with the hashes of what the page showed."""
    try:
        chosen = [c.split(" ") for c in request.form.getlist("outputs")[:MOST]]
        number = vote_all(ports(), caller(), job, {c[0]: _ballot(*c[1:]) for c in chosen if len(c) == 3})
    except Invalid as error:
        return submission_page(job, (error.message, error.pointer.lstrip("/"))), 400
    except Conflict as error:
        if error.code == "wrong-state":
            raise
        return submission_page(job, (error.message, "")), 409
    flash(f"Your vote on {number} output{'' if number == 1 else 's'} is cast.")
    return redirect(url_for("inbox.submission", job=job))


def _ballot(staff_hash: str, findings_hash: str) -> Ballot:
    given = request.form
    if given.get("choice", "") not in {c.value for c in Choice}:
        raise Invalid("choice", "Choose what should happen.", "/choice")
    return Ballot(
        choice=Choice(given["choice"]),
        reason=given.get("reason", ""),
        staff_hash=staff_hash,
        findings_hash=findings_hash,
        memory_version=given.get("memory_version", ""),
        overrides=tuple(given.getlist("overrides"))[:200],
        why=given.get("why", ""),
        words=given.get("words", "").strip(),
        whys={finding: given.get(f"why:{finding}", "") for finding in given.getlist("overrides")[:200]},
    )


@pages.get("/outputs/<output>/recall")
def recall_form(output: str) -> str:
    return _recall_page(output, None)


def _recall_page(output: str, problem: str | None) -> str:
    found, job = release.to_recall(ports(), caller(), output)
    return render_template(
        "output_recall.html", output=found, job=job, problem=problem, reason=request.form.get("reason", "")
    )


@pages.post("/outputs/<output>/recall")
def recall(output: str) -> Answer:
    try:
        release.recall(ports(), caller(), output, request.form.get("reason", "")[:4000])
    except Invalid as error:
        return _recall_page(output, error.message), 400
    flash("The output is recalled: it cannot be downloaded any more, and the register says so.")
    if Role.CHECKER in caller().roles:
        return redirect(url_for("checking.output", output=output))
    return redirect(url_for("public.register_page"))
