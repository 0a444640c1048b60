"""The administrator's first page, the system's health, and the audit log. No rules."""

from datetime import UTC, datetime, time

from flask import Blueprint, redirect, render_template, request, url_for

from broker.domain.errors import Invalid
from broker.domain.ports import AuditFilter
from broker.web.web_context import Redirect, caller, ports
from broker.workflow.administration import emergency_stops
from broker.workflow.submission import job_withdrawal
from broker.workflow.views import monitoring

overview_blueprint = Blueprint("administer", __name__)


@overview_blueprint.get("/administration")
def overview() -> str:
    state = monitoring.in_force(ports(), caller())
    stops = emergency_stops.list_stops(ports(), caller(), standing_only=True)
    system = monitoring.health(ports(), caller())
    return render_template("administration.html", state=state, stops=stops, system=system)


@overview_blueprint.get("/administration/health")
def system_health() -> str:
    return render_template("administration_health.html", system=monitoring.health(ports(), caller()))


@overview_blueprint.post("/jobs/<job>/stop")
def stop(job: str) -> Redirect:
    job_withdrawal.withdraw(ports(), caller(), job, stop=True)
    return redirect(url_for("research.job", job=job))


audit_blueprint = Blueprint("audit", __name__)

PAGE = 50
FIELDS = ("subject", "actor", "action", "since", "until")


@audit_blueprint.get("/administration/audit")
def search() -> str | tuple[str, int]:
    given = {name: request.args.get(name, "").strip()[:256] for name in FIELDS}
    try:
        wanted, problem = _audit_filter(given), None
    except Invalid as error:
        wanted, problem = AuditFilter(limit=PAGE), error
    page = monitoring.search_audit(ports(), caller(), wanted)
    sent = {name: value for name, value in given.items() if value}
    shown = render_template("audit.html", page=page, given=given, sent=sent, problem=problem)
    return (shown, 400) if problem else shown


def _audit_filter(given: dict[str, str]) -> AuditFilter:
    before = request.args.get("before", "")
    exact = {name: given[name].replace("\x00", "") or None for name in ("subject", "actor", "action")}
    number = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    return AuditFilter(
        **exact, since=_day_boundary(given, "since", time.min), until=_day_boundary(given, "until", time.max),
        before=number,
        limit=PAGE,
    )  # fmt: skip


def _day_boundary(given: dict[str, str], name: str, at: time) -> datetime | None:
    """Return the start or end of a day in UTC, which the log uses too. Raises Invalid for a malformed day."""
    if not given[name]:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(given[name]).date(), at, UTC)
    except ValueError as error:
        raise Invalid(name, "Enter a day as year-month-day, for example 2026-11-24.", f"/{name}") from error


@audit_blueprint.post("/administration/audit/verification")
def verify() -> str:
    """Verify the audit log. It reads every line, so it runs only at the press of a button."""
    return render_template("audit_verified.html", verified=monitoring.verify_audit(ports(), caller()))
