"""Pages for the audit log: searching it a page at a time, and following its whole chain. No rules."""

from datetime import UTC, datetime, time

from flask import Blueprint, render_template, request

from broker.domain.errors import Invalid
from broker.domain.ports import AuditWanted
from broker.web.setup import caller, ports
from broker.workflow import audit_log, watch

pages = Blueprint("audit", __name__)

PAGE = 50
FIELDS = ("subject", "actor", "action", "since", "until")


@pages.get("/administration/audit")
def search() -> str | tuple[str, int]:
    given = {name: request.args.get(name, "").strip()[:256] for name in FIELDS}
    try:
        wanted, problem = _wanted(given), None
    except Invalid as error:
        wanted, problem = AuditWanted(limit=PAGE), error
    page = audit_log.search(ports(), caller(), wanted)
    sent = {name: value for name, value in given.items() if value}
    shown = render_template("audit.html", page=page, given=given, sent=sent, problem=problem)
    return (shown, 400) if problem else shown


def _wanted(given: dict[str, str]) -> AuditWanted:
    before = request.args.get("before", "")
    exact = {name: given[name].replace("\x00", "") or None for name in ("subject", "actor", "action")}
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    return AuditWanted(
        **exact, since=_moment(given, "since", time.min), until=_moment(given, "until", time.max), before=number,
        limit=PAGE,
    )  # fmt: skip


def _moment(given: dict[str, str], name: str, at: time) -> datetime | None:
    """A day's begin or end, in UTC as the log itself."""
    if not given[name]:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(given[name]).date(), at, UTC)
    except ValueError as error:
        raise Invalid(name, "Write a day as year-month-day, for example 2026-11-24.", f"/{name}") from error


@pages.post("/administration/audit/verification")
def verify() -> str:
    """Reads every line: asked for by a button, not by each look."""
    return render_template("audit_verified.html", verified=watch.verify_audit(ports(), caller()))
