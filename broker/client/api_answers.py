"""The API's answers as typed dictionaries: the JSON as it came."""

from typing import Any, TypedDict


class RefusalAnswer(TypedDict):
    code: str
    message: str
    line: int | None
    column: int | None
    variable: str | None
    advice: str


class UseAnswer(TypedDict):
    table: str
    variable: str | None
    years: list[int] | None
    how: list[str]


class OutputAnswer(TypedDict):
    ident: str
    name: str
    description: str
    state: str
    media_type: str | None
    size: int | None
    sha256: str | None
    reason: str | None


class SlotsAnswer(TypedDict):
    slot: int
    slots: int
    lasts_seconds: float


class ProgressAnswer(TypedDict):
    waits: bool
    ahead: int | None
    minutes: int | None
    limit: int
    blocks: SlotsAnswer | None


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
    refusals: list[RefusalAnswer]
    uses: list[UseAnswer]
    outputs: list[OutputAnswer]
    released: bool
    replaces: str | None
    kept: list[str]
    progress: ProgressAnswer | None


class ScriptAnswer(TypedDict):
    job: str
    project: str
    title: str
    created: str


class InboxAnswer(TypedDict):
    output: str
    name: str
    kind: str
    job: str
    project: str
    title: str
    created: str
    claimed_by: str | None


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


class AcroFileAnswer(TypedDict):
    name: str
    content_base64: str | None
    sha256: str | None


class AcroAnswer(TypedDict):
    """`results` is ACRO's results.json."""

    results: dict[str, Any]
    files: list[AcroFileAnswer]


class ReleaseAnswer(TypedDict):
    release: str
    project: str
    title: str
    outputs: list[str]
    released_at: str
    recalled: bool


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


class LookupAnswer(SavedAnswer):
    """A lookup with all its rows."""

    rows: list[list[str | None]]
