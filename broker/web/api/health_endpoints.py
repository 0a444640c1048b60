"""Whether the broker is alive, for everybody; and metrics, for administrators' tokens.

Metrics are not public: the second at which a count of unfinished jobs changes would reveal to a researcher what an
unreleased output's state hides.
"""

from flask import Blueprint, Response, jsonify, make_response

from broker.web.web_context import caller, ports
from broker.workflow.views import monitoring
from broker.workflow.views.exact_figure_usage import fullest_caps

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive."""
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer whether the store and the queue answer too; 503 if one does not."""
    found = monitoring.ready(ports())
    body = jsonify({"store": found.store, "queue": found.queue})
    return make_response(body, 200 if found.everything else 503)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return metrics in Prometheus text format. No label comes from data."""
    found = monitoring.gauges(ports(), caller())
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
    name = "broker_memory_cap_fullest_ratio"
    lines += [f"# HELP {name} How full the fullest reference population of a snapshot is.", f"# TYPE {name} gauge"]
    lines += [f'{name}{{snapshot="{s}"}} {share:.4f}' for s, share in fullest_caps(ports(), caller())]
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
