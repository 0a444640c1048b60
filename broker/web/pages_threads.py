"""Words about outputs on pages: a checker's thread, and what a job's researchers read and answer. No rules."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Redirect

from broker.domain.errors import Invalid
from broker.domain.messages import Audience
from broker.domain.people import Role
from broker.web.pages_review import output_page, place
from broker.web.setup import caller, ports
from broker.workflow import browse
from broker.workflow.reviewing import thread

pages = Blueprint("threads", __name__)

Answer = Redirect | tuple[str, int]


@pages.post("/outputs/<output>/messages")
def say(output: str) -> Answer:
    """For checkers, on the output's page."""
    audience = request.form.get("audience", "")
    try:
        if audience not in set(Audience):
            raise Invalid("audience", "Choose who reads it.", "/audience")
        thread.say(ports(), caller(), output, request.form.get("text", ""), Audience(audience))
    except Invalid as error:
        if Role.CHECKER not in caller().roles:
            raise
        return output_page(output, (error.message, error.pointer.lstrip("/"))), 400
    return redirect(url_for("checking.output", output=output) + "#thread")


@pages.post("/outputs/<output>/messages/<number>/confirmation")
def confirm(output: str, number: str) -> Redirect:
    thread.confirm(ports(), caller(), output, place(number))
    flash("Its researchers read it now.")
    return redirect(url_for("checking.output", output=output) + "#thread")


@pages.get("/jobs/<job>/messages")
def messages(job: str) -> str:
    return _messages_page(job, None)


def _messages_page(job: str, problem: str | None) -> str:
    said = thread.for_researchers(ports(), caller(), job)
    found = browse.job(ports(), caller(), job)
    return render_template("messages.html", job=found, said=said, problem=problem, text=request.form.get("text", ""))


@pages.post("/jobs/<job>/messages")
def answer(job: str) -> Answer:
    """For researchers: about an output of the job that was decided."""
    try:
        thread.answer(ports(), caller(), job, request.form.get("output", ""), request.form.get("text", ""))
    except Invalid as error:
        return _messages_page(job, error.message), 400
    return redirect(url_for("threads.messages", job=job))
