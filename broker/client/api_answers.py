"""Answers of the API that several commands read, as typed dictionaries: the JSON as it came. `/openapi.json` describes
every answer."""

from typing import Any, TypedDict


class OutputAnswer(TypedDict):
    ident: str
    name: str
    description: str
    state: str
    media_type: str | None
    size: int | None
    sha256: str | None
    reason: str | None


class JobAnswer(TypedDict):
    ident: str
    project: str
    title: str
    purpose: str
    kind: str
    dialect: str
    researcher: str
    state: str
    created: str
    updated: str
    text: str | None
    refusals: list[dict[str, Any]]
    uses: list[dict[str, Any]]
    outputs: list[OutputAnswer]
    released: bool
    replaces: str | None
    kept: list[str]
    progress: dict[str, Any] | None


class EvidenceAnswer(TypedDict):
    """An output as a checker sees it. `candidate_base64`: the bytes that would leave."""

    output: str
    name: str
    kind: str
    description: str
    state: str
    verdict: str
    media_type: str
    size: int
    claimed_by: str | None
    job: str
    project: str
    researcher: str
    title: str
    purpose: str
    text: str
    staff: dict[str, Any]
    candidate_base64: str | None
    votes: list[dict[str, Any]]
    needed: int
    staff_hash: str
    findings_hash: str
    memory_version: str


class SavedAnswer(TypedDict):
    """A saved definition. `columns`: the names, for a lookup with their types."""

    ident: str
    project: str
    name: str
    kind: str
    state: str
    about: str
    by: str
    created: str
    reason: str | None
    dialect: str | None
    text: str | None
    columns: list[str]
