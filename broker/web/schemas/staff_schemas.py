"""Schemas for checkers and administrators, from evidence and votes to the audit log. No behaviour."""

import json
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from broker.domain.jobs.reviews import MAX_MESSAGE_LENGTH, Audience, VoteChoice
from broker.domain.ports import StoredPolicy
from broker.web.schemas.api_schemas import (
    Base64,
    OutputPath,
    RequestModel,
    ResponseModel,
    Text,
    WordList,
    attribute,
    fields_of,
)
from broker.workflow.reviewing.output_evidence import AttackedColumn
from broker.workflow.reviewing.output_thread import ResearcherMessage


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
    output: str = attribute("output", "ident")
    name: str = attribute("output", "name")
    kind: str = attribute("output", "kind")
    job: str = attribute("job", "ident")
    project: str = attribute("job", "submission", "project")
    title: str = attribute("job", "submission", "title")
    created: datetime = attribute("output", "created")
    claimed_by: str | None = attribute("output", "claimed_by")


class FailureShown(ResponseModel):
    job: str = attribute("ident")
    project: str = attribute("submission", "project")
    title: str = attribute("submission", "title")
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

    output: str = attribute("output", "ident")
    name: str = attribute("output", "name")
    kind: str = attribute("output", "kind")
    description: str = attribute("output", "description")
    state: str = attribute("output", "state")
    verdict: str = attribute("output", "verdict")
    media_type: str = attribute("output", "media_type")
    size: int = attribute("output", "size")
    claimed_by: str | None = attribute("output", "claimed_by")
    job: str = attribute("job", "ident")
    project: str = attribute("job", "submission", "project")
    researcher: str = attribute("job", "researcher")
    title: str = attribute("job", "submission", "title")
    purpose: str = attribute("job", "submission", "purpose")
    text: str = attribute("job", "submission", "text")
    staff: Annotated[dict[str, Any], BeforeValidator(json.loads)]
    candidate_base64: Base64 = attribute("candidate")
    votes: list[VoteShown]
    needed: int
    staff_hash: str = attribute("output", "staff_hash")
    findings_hash: str = attribute("output", "findings_hash")
    memory_version: str


class AcroFileShown(ResponseModel):
    """A file as it would leave. null: nothing can leave."""

    name: str
    content_base64: Base64 = attribute("content")
    sha256: str | None


class AcroShown(ResponseModel):
    """Input for ACRO's viewer: write `results` as results.json, each file next to it, and each file's hash as
    checksums/NAME.txt."""

    results: dict[str, Any]
    files: list[AcroFileShown]


class StateShown(ResponseModel):
    """An output's state after a vote."""

    state: str


@fields_of(StoredPolicy)
class PolicyShown(ResponseModel):
    """A policy set by its fingerprint. `content` is its canonical JSON text."""


class AuditShown(ResponseModel):
    number: int
    at: datetime = attribute("event", "at")
    actor: str = attribute("event", "actor")
    action: str = attribute("event", "action")
    subject: str = attribute("event", "subject")
    codes: Annotated[dict[str, str], BeforeValidator(dict)] = attribute("event", "codes")
    previous: str
    hash: str


class AuditLinesShown(ResponseModel):
    lines: list[AuditShown]


class VerifiedShown(ResponseModel):
    """`broken_at` is the first line that does not follow from the one before; null if the chain holds."""

    lines: int
    head: str = attribute("hash")
    broken_at: int | None = attribute("broken")


class PublicTableLine(ResponseModel):
    """A public table. Its recipe makes `agreed` of `compared` figures, once it has run. `why` says why only its
    numbers are known."""

    ident: str
    name: str = attribute("published", "name")
    source: str = attribute("published", "source")
    dialect: str = attribute("published", "dialect")
    snapshot: str = attribute("published", "snapshot")
    rounding: str = attribute("published", "rounding")
    state: str
    by: str
    at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    agreed: int | None = attribute("found", "agreed", default=None)
    compared: int | None = attribute("found", "compared", default=None)
    why: str | None = attribute("found", "why", default=None)
    entry: int | None


class PublicTableShown(PublicTableLine):
    recipe: str = attribute("published", "recipe")
    figures: str = attribute("published", "figures")


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


class ResearcherMessagesShown(ResponseModel):
    messages: list[ResearcherMessage]


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


class AttackShown(ResponseModel):
    columns: list[AttackedColumn]
