"""Where a checker's day starts: the inbox, a submission with its outputs, and scripts to read. No rules."""

from datetime import datetime

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid
from broker.web.pages_review import CHOICES
from broker.web.setup import caller, ports
from broker.workflow import looks, lookups
from broker.workflow.ballots import APPROVING, REASONS
from broker.workflow.reviewing import inbox as waiting
from broker.workflow.reviewing.submission import SHOWN, submitted

pages = Blueprint("inbox", __name__)


@pages.get("/inbox")
def inbox() -> str:
    order, project = request.args.get("order", "age"), request.args.get("project", "")
    return render_template(
        "inbox.html",
        inbox=waiting.inbox(ports(), caller(), order, project),
        orders={name: words for name, (words, _) in waiting.ORDERS.items()},
        order=order,
        project=project,
        failures=looks.waiting(ports(), caller()),
        lookups=lookups.inbox(ports(), caller()),
        age=_age,
    )


def _age(since: datetime) -> str:
    """How long something waits, as people say it."""
    minutes = int((ports().clock.now() - since).total_seconds() // 60)
    for unit, size in (("day", 24 * 60), ("hour", 60)):
        if minutes >= size:
            number = minutes // size
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than an hour"


@pages.get("/jobs/<job>/review")
def submission(job: str) -> str:
    return submission_page(job, None)


def submission_page(job: str, problem: tuple[str, str] | None) -> str:
    """`problem`: a sentence, and the field that it is about."""
    found = submitted(ports(), caller(), job)
    which = request.values.get("show", "") if request.values.get("show", "") in SHOWN else "open"
    return render_template(
        "submission.html",
        found=found,
        which=which,
        kinds=SHOWN,
        outputs=found.shown(which),
        reasons=REASONS,
        approving=APPROVING,
        choices=CHOICES,
        given=request.form,
        problem=problem,
    )


@pages.get("/jobs/<job>/failure")
def failure(job: str) -> str:
    """A script's text, what it printed on real data, and the forms to say that one has read it and to tell why."""
    return _failure_page(job, None)


def _failure_page(job: str, problem: str | None) -> str:
    found = looks.script(ports(), caller(), job)
    return render_template(
        "failure.html",
        found=found,
        log=found.log.decode("utf-8", "replace"),
        lines=found.job.submission.text.splitlines(),
        rules=looks.RULES,
        problem=problem,
        reason=request.form.get("reason", ""),
        most=looks.LONGEST,
    )


@pages.post("/jobs/<job>/read")
def read_script(job: str) -> Redirect:
    looks.read(ports(), caller(), job)
    return redirect(url_for("inbox.inbox"))


@pages.post("/jobs/<job>/failure")
def tell_failure(job: str) -> Redirect | tuple[str, int]:
    try:
        looks.tell(ports(), caller(), job, request.form.get("reason", ""))
    except Invalid as wrong:
        return _failure_page(job, wrong.message), 400
    return redirect(url_for("inbox.inbox"))
