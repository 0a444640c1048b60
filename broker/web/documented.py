"""How the API's documents are made: one blueprint a subject, with the errors that any of its endpoints may answer."""

from typing import Any

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from broker.web.models import Problem

PREFIX = "/api/v1"
SECURITY: list[dict[str, list[str]]] = [{"token": []}]
SCHEMES: dict[str, Any] = {"token": {"type": "http", "scheme": "bearer"}}

Responses = dict[str | int | Any, Any]


def problems(*statuses: int) -> Responses:
    """That these are told as a problem, whose schema stands once: made for each of some five hundred, it was a quarter
    of what starting the web server took."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"content": {"application/json": schema}} for status in statuses}


COMMON: Responses = {**problems(400, 401, 404, 503), 500: Problem}
CHANGING = problems(403, 409, 413, 415)

JSON_OBJECT: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}


def subject(name: str) -> APIBlueprint:
    return APIBlueprint(
        name, __name__, url_prefix=PREFIX, abp_security=SECURITY, abp_responses=COMMON, abp_tags=[{"name": name}]
    )


def gives(status: int, model: type[BaseModel] | None) -> Responses:
    """A reading endpoint's answer, and that it may be forbidden or in the wrong state."""
    return {status: model, **problems(403, 409)}


def changes(status: int, model: type[BaseModel] | None) -> Responses:
    return {status: model, **CHANGING}
