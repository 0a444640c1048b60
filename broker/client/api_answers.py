"""Answers of the API that several commands read, as typed dictionaries: the JSON as it came. `/openapi.json` describes
every answer. Written from the API's schemas by `make docs`; a test keeps them equal."""

from typing import Any, TypedDict


class OutputAnswer(TypedDict):
    """An output as the caller may see it. Researchers see an undecided one by name only."""

    ident: str
    name: str
    description: str
    state: str
    media_type: str | None
    size: int | None
    sha256: str | None
    reason: str | None


class JobAnswer(TypedDict):
    """A job as the caller may see it. `progress` is set if the job is requested alone, and waits or runs."""

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
    """An output as a checker sees it. `votes` are hidden until the checker has voted; a vote sends the three hashes
    back."""

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
    """A cohort with its text, or a lookup with the names and types of its columns."""

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
