"""Builds the API's OpenAPI document: one blueprint for each subject, with the errors that its endpoints may answer."""

from typing import Any

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from broker.web.schemas.api_schemas import ApiProblem

PREFIX = "/api/v1"
TOKEN_SECURITY: list[dict[str, list[str]]] = [{"token": []}]
SECURITY_SCHEMES: dict[str, Any] = {"token": {"type": "http", "scheme": "bearer"}}

Responses = dict[str | int | Any, Any]


def problem_responses(*statuses: int) -> Responses:
    """Return the responses that have the problem's schema, by reference."""
    # A reference, because building the schema for each of some five hundred responses was a quarter of the start time.
    schema = {"schema": {"$ref": "#/components/schemas/ApiProblem"}}
    return {status: {"content": {"application/json": schema}} for status in statuses}


READ_PROBLEMS: Responses = {**problem_responses(400, 401, 404, 503), 500: ApiProblem}
CHANGE_PROBLEMS = problem_responses(403, 409, 413, 415)

JSON_OBJECT: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}


def api_blueprint(name: str) -> APIBlueprint:
    return APIBlueprint(
        name,
        __name__,
        url_prefix=PREFIX,
        abp_security=TOKEN_SECURITY,
        abp_responses=READ_PROBLEMS,
        abp_tags=[{"name": name}],
    )


def read_responses(status: int, model: type[BaseModel] | None) -> Responses:
    """Return the responses of a reading endpoint; it may also be forbidden or in the wrong state."""
    return {status: model, **problem_responses(403, 409)}


def change_responses(status: int, model: type[BaseModel] | None) -> Responses:
    return {status: model, **CHANGE_PROBLEMS}
