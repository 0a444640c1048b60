"""Where a checker's day starts: the inbox, a submission, scripts to read; claims, votes and recalls. No rules."""

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for

from broker.domain.errors import Invalid
from broker.domain.identity.people import Role
from broker.domain.jobs.reviews import VoteChoice
from broker.web.pages import form_fields
from broker.web.pages.review_pages import CHOICES, output_page
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.pipeline import job_release
from broker.workflow.reviewing import checker_inbox, output_review, script_failures
from broker.workflow.submission import save_definition

inbox_blueprint = Blueprint("inbox", __name__)


@inbox_blueprint.get("/inbox")
def inbox() -> str:
    order, project = request.args.get("order", "age"), request.args.get("project", "")
    return render_template(
        "inbox.html",
        inbox=checker_inbox.inbox(ports(), caller(), order, project),
        orders={name: words for name, (words, _) in checker_inbox.ORDERS.items()},
        order=order,
        project=project,
        failures=script_failures.scripts_waiting(ports(), caller()),
        lookups=save_definition.lookups_waiting(ports(), caller()),
        age=_waiting_time,
    )


def _waiting_time(since: datetime) -> str:
    """Return how long something has waited, in words."""
    minutes = int((ports().clock.now() - since).total_seconds() // 60)
    for unit, size in (("day", 24 * 60), ("hour", 60)):
        if minutes >= size:
            number = minutes // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than an hour"


@inbox_blueprint.get("/jobs/<job>/review")
def submission(job: str, problem: Invalid | None = None) -> str:
    """Show the outputs of a submission."""
    found = checker_inbox.reviewed_submission(ports(), caller(), job)
    which = request.values.get("show", "") if request.values.get("show", "") in checker_inbox.OUTPUT_FILTERS else "open"
    return render_template(
        "submission.html",
        found=found,
        which=which,
        kinds=checker_inbox.OUTPUT_FILTERS,
        outputs=found.shown(which),
        reasons=output_review.VOTE_REASONS,
        approving=output_review.APPROVING_REASONS,
        choices=CHOICES,
        given=request.form,
        problem=problem,
    )


@inbox_blueprint.get("/jobs/<job>/failure")
def failure(job: str, problem: Invalid | None = None) -> str:
    """Show a script's text, what it printed on real data, and the forms to mark it as read and to report a reason."""
    found = script_failures.view_script(ports(), caller(), job)
    return render_template(
        "failure.html",
        found=found,
        log=found.log.decode("utf-8", "replace"),
        lines=found.job.submission.text.splitlines(),
        rules=script_failures.SCRIPT_REASONS,
        problem=problem,
        reason=request.form.get("reason", ""),
        most=script_failures.MAX_REASON_LENGTH,
    )


@inbox_blueprint.post("/jobs/<job>/read")
def read_script(job: str) -> Redirect:
    script_failures.mark_read(ports(), caller(), job)
    return redirect(url_for("inbox.inbox"))


@inbox_blueprint.post("/jobs/<job>/failure")
@form_fields.shows_problems_on(failure)
def tell_failure(job: str) -> Redirect:
    script_failures.report_reason(ports(), caller(), job, request.form.get("reason", ""))
    return redirect(url_for("inbox.inbox"))


vote_blueprint = Blueprint("voting", __name__)

MOST_OUTPUTS = 1000


@vote_blueprint.post("/outputs/<output>/claim")
def claim(output: str) -> Redirect:
    output_review.claim(ports(), caller(), output, request.form.get("take") == "yes")
    return redirect(url_for("checking.output", output=output))


@vote_blueprint.post("/jobs/<job>/claim")
def claim_submission(job: str) -> Redirect:
    checker_inbox.claim_all(ports(), caller(), job, request.form.get("take") == "yes")
    return redirect(url_for("inbox.inbox"))


@vote_blueprint.post("/outputs/<output>/vote")
@form_fields.shows_problems_on(output_page, conflict="")
def vote(output: str) -> Redirect:
    """Cast a vote, then open the next output that waits. The hashes in the form are those of the page that the checker
    saw."""
    ballot = _read_ballot(request.form.get("staff_hash", ""), request.form.get("findings_hash", ""))
    state = output_review.cast_vote(ports(), caller(), output, ballot)
    name = ports().store.output(output).name
    flash(
        f"Your vote on {name}: {CHOICES[ballot.choice][0].lower()}. The output is now {state.value.replace('_', ' ')}."
    )
    following = checker_inbox.next_output(ports(), caller(), output)
    return redirect(url_for("checking.output", output=following.ident if following else output))


@vote_blueprint.post("/jobs/<job>/votes")
@form_fields.shows_problems_on(submission, conflict="")
def vote_on_all(job: str) -> Redirect:
    """Cast the same vote on every chosen output. Each is sent with the hashes of what the page showed."""
    # Each value is "output staff_hash findings_hash".
    chosen = [c.split(" ") for c in request.form.getlist("outputs")[:MOST_OUTPUTS]]
    ballots = {c[0]: _read_ballot(*c[1:]) for c in chosen if len(c) == 3}
    number = checker_inbox.vote_all(ports(), caller(), job, ballots)
    flash(f"Your vote on {number} output{'' if number == 1 else 's'} is cast.")
    return redirect(url_for("inbox.submission", job=job))


def _read_ballot(staff_hash: str, findings_hash: str) -> output_review.Ballot:
    given = request.form
    if given.get("choice", "") not in {c.value for c in VoteChoice}:
        raise Invalid("choice", "Choose a decision.", "/choice")
    return output_review.Ballot(
        choice=VoteChoice(given["choice"]),
        reason=given.get("reason", ""),
        staff_hash=staff_hash,
        findings_hash=findings_hash,
        memory_version=given.get("memory_version", ""),
        overrides=tuple(given.getlist("overrides"))[:200],
        why=given.get("why", ""),
        words=given.get("words", "").strip(),
        whys={finding: given.get(f"why:{finding}", "") for finding in given.getlist("overrides")[:200]},
    )


@vote_blueprint.get("/outputs/<output>/recall")
def recall_form(output: str, problem: Invalid | None = None) -> str:
    found, job = job_release.reach_recallable(ports(), caller(), output)
    return render_template(
        "output_recall.html", output=found, job=job, problem=problem, reason=request.form.get("reason", "")
    )


@vote_blueprint.post("/outputs/<output>/recall")
@form_fields.shows_problems_on(recall_form)
def recall(output: str) -> Redirect:
    job_release.recall(ports(), caller(), output, request.form.get("reason", "")[:4000])
    flash("The output is recalled. Nobody can download it any more, and the public register shows the recall.")
    if Role.CHECKER in caller().roles:
        return redirect(url_for("checking.output", output=output))
    return redirect(url_for("public.register_page"))
