"""Puts the web door together: one Flask app of API, pages and public addresses. No view and no rule is here."""

from typing import Any

from flask import Flask, Response, jsonify
from flask_openapi.models.info import Info
from flask_openapi.openapi import OpenAPI
from pydantic import ValidationError

from broker.domain.ports import Ports
from broker.web import (
    api_administration,
    api_jobs,
    api_ledger,
    api_memory,
    api_public_tables,
    api_reviews,
    api_saved,
    api_threads,
    entrance,
    health,
    look,
    openid,
    pages_administration,
    pages_administration_audit,
    pages_administration_data,
    pages_administration_erasures,
    pages_administration_memory,
    pages_administration_people,
    pages_administration_policies,
    pages_administration_projects,
    pages_administration_stops,
    pages_inbox,
    pages_lookups,
    pages_notices,
    pages_public_tables,
    pages_rehearsals,
    pages_research,
    pages_research_collect,
    pages_research_find,
    pages_research_keep,
    pages_research_write,
    pages_review,
    pages_threads,
    pages_votes,
    problems,
    public,
    security,
    session,
)
from broker.web.documented import SCHEMES
from broker.web.models import Problem
from broker.web.passwords import Attempts
from broker.web.setup import EXTENSION, Door, WebSettings

API_SUBJECTS = (
    api_jobs.api,
    api_reviews.api,
    api_threads.api,
    api_saved.api,
    api_ledger.api,
    api_memory.api,
    api_administration.api,
    api_public_tables.api,
)
PAGES = (
    public.pages,
    health.pages,
    entrance.pages,
    pages_research.pages,
    pages_research_write.pages,
    pages_rehearsals.pages,
    pages_research_find.pages,
    pages_research_collect.pages,
    pages_research_keep.pages,
    pages_review.pages,
    pages_votes.pages,
    pages_inbox.pages,
    pages_threads.pages,
    pages_lookups.pages,
    pages_administration.pages,
    pages_administration_people.pages,
    pages_administration_projects.pages,
    pages_administration_policies.pages,
    pages_administration_data.pages,
    pages_administration_erasures.pages,
    pages_administration_memory.pages,
    pages_public_tables.pages,
    pages_administration_stops.pages,
    pages_administration_audit.pages,
    pages_notices.pages,
)


def create_app(ports: Ports, settings: WebSettings) -> Flask:
    """The whole door over `ports`. Order matters: size, form token and body are checked before anybody is named."""
    app = OpenAPI(
        __name__,
        info=Info(title="NPD job broker", version="1", description="Only checked results leave."),
        security_schemes=SCHEMES,
        doc_ui=False,
        validation_error_status=400,
        validation_error_model=Problem,
        validation_error_callback=validation_problem,
    )
    app.openapi_version = "3.1.0"
    app.extensions[EXTENSION] = Door(ports, settings)
    app.extensions[entrance.ATTEMPTS] = Attempts()
    look.install(app)
    problems.install(app)
    session.install(app)
    openid.install(app, settings.openid)
    security.install(app, settings.secret_key, settings.secure_cookies)
    for api in API_SUBJECTS:
        app.register_api(api)
        security.csrf.exempt(api)
    for pages in PAGES:
        app.register_blueprint(pages)
    _document(app)
    return app


def validation_problem(error: ValidationError) -> Response:
    return problems.validation_problem(error)


def _document(app: OpenAPI) -> None:
    """The OpenAPI document at its fixed address; the library's own pages stay off."""
    document: dict[str, Any] = app.api_doc

    def openapi_document() -> Response:
        return jsonify(document)

    app.add_url_rule("/openapi.json", view_func=openapi_document)
