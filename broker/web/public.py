"""What everybody may read: the register, and whether the broker is alive; and metrics for administrators' tokens.

Metrics are not public: the second at which a count of unfinished jobs changes would tell a researcher what an
unreleased output's state hides.
"""

import csv
import io

from flask import Blueprint, Response, jsonify, make_response, render_template

from broker.web import models_staff
from broker.web.setup import caller, ports
from broker.web.shown import release_shown
from broker.workflow import release, watch

pages = Blueprint("public", __name__)


@pages.get("/register")
def register_page() -> str:
    return render_template("register.html", releases=release.register(ports()))


@pages.get("/register.json")
def register_json() -> Response:
    shown = models_staff.RegisterShown(releases=[release_shown(e) for e in release.register(ports())])
    return jsonify(shown.model_dump(mode="json"))


@pages.get("/register.csv")
def register_csv() -> Response:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["release", "project", "title", "outputs", "released_at", "recalled"])
    for e in release.register(ports()):
        row = [e.release, e.project, e.title, "; ".join(e.outputs), e.released_at.isoformat(), str(e.recalled).lower()]
        writer.writerow([_inert(cell) for cell in row])
    response = Response(out.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="register.csv"'
    return response


def _inert(cell: str) -> str:
    """A title is a researcher's text: no spreadsheet may take it for a formula."""
    return "'" + cell if cell.lstrip()[:1] in {"=", "+", "-", "@"} or cell[:1] in {"\t", "\r"} else cell


@pages.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@pages.get("/readyz")
def readyz() -> Response:
    """What it needs answers too."""
    found = watch.ready(ports())
    body = jsonify({"store": found.store, "queue": found.queue})
    return make_response(body, 200 if found.everything else 503)


@pages.get("/metrics")
def metrics() -> Response:
    """Prometheus text format; no label comes from data."""
    found = watch.gauges(ports(), caller())
    lines = [
        "# HELP broker_jobs Unfinished jobs by state.",
        "# TYPE broker_jobs gauge",
        *(f'broker_jobs{{state="{state}"}} {count}' for state, count in found.jobs),
        "# HELP broker_outputs_in_review Outputs that wait for a vote.",
        "# TYPE broker_outputs_in_review gauge",
        f"broker_outputs_in_review {found.in_review}",
    ]
    if found.queue is not None:
        lines += ["# HELP broker_queue_depth Offers in the queue.", "# TYPE broker_queue_depth gauge"]
        lines.append(f"broker_queue_depth {found.queue}")
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
