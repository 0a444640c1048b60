"""How the API's documents are made: one blueprint a subject, with the errors that any of its endpoints may answer."""

from typing import Any

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from broker.web.models import Problem

PREFIX = "/api/v1"
SECURITY: list[dict[str, list[str]]] = [{"token": []}]
SCHEMES: dict[str, Any] = {"token": {"type": "http", "scheme": "bearer"}}

COMMON: dict[str | int | Any, Any] = dict.fromkeys((400, 401, 404, 500, 503), Problem)
CHANGING: dict[str | int | Any, Any] = dict.fromkeys((403, 409, 413, 415), Problem)


JSON_OBJECT: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}


def subject(name: str) -> APIBlueprint:
    return APIBlueprint(
        name, __name__, url_prefix=PREFIX, abp_security=SECURITY, abp_responses=COMMON, abp_tags=[{"name": name}]
    )


def gives(status: int, model: type[BaseModel] | None) -> dict[str | int | Any, Any]:
    """A reading endpoint's answer, and that it may be forbidden or in the wrong state."""
    return {status: model, 403: Problem, 409: Problem}


def changes(status: int, model: type[BaseModel] | None) -> dict[str | int | Any, Any]:
    return {status: model, **CHANGING}
