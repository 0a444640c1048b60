"""Schemas for checkers and administrators, from evidence and votes to the audit log. No behaviour."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from broker.domain.jobs.reviews import MAX_MESSAGE_LENGTH, Audience, VoteChoice
from broker.web.schemas.api_schemas import OutputPath, RequestModel, ResponseModel, Text, WordList


class MeShown(ResponseModel):
    ident: str
    name: str
    roles: WordList


class TokenShown(ResponseModel):
    """A new token, shown this once."""

    token: str


class PersonShown(ResponseModel):
    ident: str
    name: str
    roles: WordList
    active: bool
    accredited_from: date | None
    accredited_until: date | None


class PeopleShown(ResponseModel):
    people: list[PersonShown]


class InboxItem(ResponseModel):
    output: str
    name: str
    kind: str
    job: str
    project: str
    title: str
    created: datetime
    claimed_by: str | None


class FailureShown(ResponseModel):
    job: str
    project: str
    title: str
    created: datetime


class FailuresShown(ResponseModel):
    jobs: list[FailureShown]


class InboxShown(ResponseModel):
    outputs: list[InboxItem]


class VoteShown(ResponseModel):
    checker: str
    choice: str
    reason: str
    cast: datetime
    overrides: list[str]


class EvidenceShown(ResponseModel):
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
    votes: list[VoteShown]
    needed: int
    staff_hash: str
    findings_hash: str
    memory_version: str


class AcroFileShown(ResponseModel):
    """A file as it would leave. null: nothing can leave."""

    name: str
    content_base64: str | None
    sha256: str | None


class AcroShown(ResponseModel):
    """Input for ACRO's viewer: write `results` as results.json, each file next to it, and each file's hash as
    checksums/NAME.txt."""

    results: dict[str, Any]
    files: list[AcroFileShown]


class StateShown(ResponseModel):
    """An output's state after a vote."""

    state: str


class PolicyShown(ResponseModel):
    """A policy set by its fingerprint. `content` is its canonical JSON text."""

    fingerprint: str
    proposed_by: str
    proposed_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    content: str


class AuditShown(ResponseModel):
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    codes: dict[str, str]
    previous: str
    hash: str


class AuditLinesShown(ResponseModel):
    lines: list[AuditShown]


class VerifiedShown(ResponseModel):
    """`broken_at` is the first line that does not follow from the one before; null if the chain holds."""

    lines: int
    head: str
    broken_at: int | None


class PublicTableLine(ResponseModel):
    """A public table. Its recipe makes `agreed` of `compared` figures, once it has run. `why` says why only its
    numbers are known."""

    ident: str
    name: str
    source: str
    dialect: str
    snapshot: str
    rounding: str
    state: str
    by: str
    at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    agreed: int | None
    compared: int | None
    why: str | None
    entry: int | None


class PublicTableShown(PublicTableLine):
    recipe: str
    figures: str


class PublicTablesShown(ResponseModel):
    tables: list[PublicTableLine]


class MessagePath(OutputPath):
    number: Annotated[int, Field(ge=1, le=1_000_000)]


class MessageBody(RequestModel):
    """`audience`: only checkers (`staff`), or also `researchers`."""

    text: Annotated[Text, Field(min_length=1, max_length=MAX_MESSAGE_LENGTH)]
    audience: Audience


class MessageShown(ResponseModel):
    """`waits`: researchers cannot read it until a second checker has confirmed it."""

    number: int
    author: str
    at: datetime
    audience: str
    text: str
    waits: bool
    confirmed_by: str | None


class ThreadShown(ResponseModel):
    messages: list[MessageShown]


class ResearcherMessageShown(ResponseModel):
    """`about` is null for a script's output that did not leave; `by` is null for checkers."""

    about: str | None
    by: str | None
    at: datetime
    text: str


class ResearcherMessagesShown(ResponseModel):
    messages: list[ResearcherMessageShown]


class SeenBody(RequestModel):
    """An output as the page showed it."""

    output: Text
    staff_hash: Text
    findings_hash: Text


class VotesBody(RequestModel):
    choice: VoteChoice
    reason: Text
    memory_version: Text
    outputs: list[SeenBody] = Field(min_length=1, max_length=1000)
    words: Annotated[Text, Field(max_length=MAX_MESSAGE_LENGTH)] = ""


class CastShown(ResponseModel):
    votes: int


class DerivedShown(ResponseModel):
    """A hidden figure and its derived bounds; null is no bound."""

    cell: list[str]
    exact: str
    low: str
    high: str | None
    known: bool


class AttackedShown(ResponseModel):
    column: str
    derived: list[DerivedShown]
    untried: str


class AttackShown(ResponseModel):
    columns: list[AttackedShown]
