"""Assembles the web door: one Flask app with API, pages and public addresses. No views and no rules here."""

from typing import Any

from flask import Blueprint, Flask, Response, jsonify
from flask.typing import ResponseReturnValue
from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI

from broker.domain.ports import Ports
from broker.settings import Settings
from broker.web import error_handlers, template_setup
from broker.web.api import administration_api, health_endpoints, job_api, review_api, signed_log_api
from broker.web.api.openapi import SECURITY_SCHEMES
from broker.web.pages import (
    account_pages,
    administration_pages,
    catalogue_pages,
    data_pages,
    inbox_pages,
    job_pages,
    people_pages,
    policy_pages,
    register_pages,
    review_pages,
    saved_pages,
    submission_pages,
)
from broker.web.schemas.api_schemas import ApiProblem
from broker.web.security import authentication, openid, request_checks
from broker.web.security.authentication import SignInAttempts
from broker.web.web_context import CONTEXT_EXTENSION, WebContext

API_BLUEPRINTS = (
    job_api.jobs_blueprint,
    review_api.reviews_blueprint,
    review_api.messages_blueprint,
    job_api.saved_blueprint,
    signed_log_api.ledger_blueprint,
    signed_log_api.history_blueprint,
    administration_api.api,
    signed_log_api.public_tables_blueprint,
)
PAGE_MODULES = (
    register_pages, health_endpoints, account_pages, job_pages, submission_pages, catalogue_pages, saved_pages,
    review_pages, inbox_pages, administration_pages, people_pages, policy_pages, data_pages,
)  # fmt: skip
"""Modules with what is outside the API. All their blueprints are served."""


class WebApp(OpenAPI):
    """A Flask app in which an endpoint that returns nothing answers 204."""

    def make_response(self, rv: ResponseReturnValue | None) -> Response:
        return super().make_response(("", 204) if rv is None else rv)


def create_app(ports: Ports, settings: Settings) -> Flask:
    """Return the Flask app over `ports`."""
    app = WebApp(
        __name__,
        info=Info(title="NPD job broker", version="1", description="Only checked results are released."),
        security_schemes=SECURITY_SCHEMES,
        doc_ui=False,
        validation_error_status=400,
        validation_error_model=ApiProblem,
        validation_error_callback=error_handlers.validation_problem,
    )
    app.openapi_version = "3.1.0"
    app.extensions[CONTEXT_EXTENSION] = WebContext(ports, settings)
    app.extensions[account_pages.ATTEMPTS_EXTENSION] = SignInAttempts()
    template_setup.install(app)
    error_handlers.install(app)
    # Flask checks each request in this order: caller, size, form token, body. The size comes before anything reads the
    # body.
    authentication.install(app)
    openid.install(app, settings)
    request_checks.install(app, settings)
    for api in API_BLUEPRINTS:
        app.register_api(api)
        request_checks.csrf.exempt(api)
    for module in PAGE_MODULES:
        for pages in (value for value in vars(module).values() if isinstance(value, Blueprint)):
            app.register_blueprint(pages)
    _serve_openapi_document(app)
    return app


def _serve_openapi_document(app: OpenAPI) -> None:
    """Serve the OpenAPI document at its fixed address. The library's own pages stay off."""
    document: dict[str, Any] = app.api_doc

    def openapi_document() -> Response:
        return jsonify(document)

    app.add_url_rule("/openapi.json", view_func=openapi_document)
