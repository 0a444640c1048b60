"""Schemas for checkers and administrators, from evidence and votes to the audit log. No behaviour."""

import json
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from broker.domain.jobs.reviews import MAX_MESSAGE_LENGTH, Audience, VoteChoice
from broker.domain.ports import StoredPolicy
from broker.web.schemas import api_schemas
from broker.workflow.reviewing.output_evidence import AttackedColumn
from broker.workflow.reviewing.output_thread import ResearcherMessage


class MeShown(api_schemas.ResponseModel):
    ident: str
    name: str
    roles: api_schemas.WordList


class TokenShown(api_schemas.ResponseModel):
    """A new token, shown this once."""

    token: str


class PersonShown(api_schemas.ResponseModel):
    ident: str
    name: str
    roles: api_schemas.WordList
    active: bool
    accredited_from: date | None
    accredited_until: date | None


class PeopleShown(api_schemas.ResponseModel):
    people: list[PersonShown]


class InboxItem(api_schemas.ResponseModel):
    output: str = api_schemas.attribute("output", "ident")
    name: str = api_schemas.attribute("output", "name")
    kind: str = api_schemas.attribute("output", "kind")
    job: str = api_schemas.attribute("job", "ident")
    project: str = api_schemas.attribute("job", "submission", "project")
    title: str = api_schemas.attribute("job", "submission", "title")
    created: datetime = api_schemas.attribute("output", "created")
    claimed_by: str | None = api_schemas.attribute("output", "claimed_by")


class FailureShown(api_schemas.ResponseModel):
    job: str = api_schemas.attribute("ident")
    project: str = api_schemas.attribute("submission", "project")
    title: str = api_schemas.attribute("submission", "title")
    created: datetime


class FailuresShown(api_schemas.ResponseModel):
    jobs: list[FailureShown]


class InboxShown(api_schemas.ResponseModel):
    outputs: list[InboxItem]


class VoteShown(api_schemas.ResponseModel):
    checker: str
    choice: str
    reason: str
    cast: datetime
    overrides: list[str]


class EvidenceShown(api_schemas.ResponseModel):
    """An output as a checker sees it. `votes` are hidden until the checker has voted; a vote sends the three hashes
    back."""

    output: str = api_schemas.attribute("output", "ident")
    name: str = api_schemas.attribute("output", "name")
    kind: str = api_schemas.attribute("output", "kind")
    description: str = api_schemas.attribute("output", "description")
    state: str = api_schemas.attribute("output", "state")
    verdict: str = api_schemas.attribute("output", "verdict")
    media_type: str = api_schemas.attribute("output", "media_type")
    size: int = api_schemas.attribute("output", "size")
    claimed_by: str | None = api_schemas.attribute("output", "claimed_by")
    job: str = api_schemas.attribute("job", "ident")
    project: str = api_schemas.attribute("job", "submission", "project")
    researcher: str = api_schemas.attribute("job", "researcher")
    title: str = api_schemas.attribute("job", "submission", "title")
    purpose: str = api_schemas.attribute("job", "submission", "purpose")
    text: str = api_schemas.attribute("job", "submission", "text")
    staff: Annotated[dict[str, Any], BeforeValidator(json.loads)]
    candidate_base64: api_schemas.Base64 = api_schemas.attribute("candidate")
    votes: list[VoteShown]
    needed: int
    staff_hash: str = api_schemas.attribute("output", "staff_hash")
    findings_hash: str = api_schemas.attribute("output", "findings_hash")
    memory_version: str


class AcroFileShown(api_schemas.ResponseModel):
    """A file as it would leave. null: nothing can leave."""

    name: str
    content_base64: api_schemas.Base64 = api_schemas.attribute("content")
    sha256: str | None


class AcroShown(api_schemas.ResponseModel):
    """Input for ACRO's viewer: write `results` as results.json, each file next to it, and each file's hash as
    checksums/NAME.txt."""

    results: dict[str, Any]
    files: list[AcroFileShown]


class StateShown(api_schemas.ResponseModel):
    """An output's state after a vote."""

    state: str


@api_schemas.fields_of(StoredPolicy)
class PolicyShown(api_schemas.ResponseModel):
    """A policy set by its fingerprint. `content` is its canonical JSON text."""


class AuditShown(api_schemas.ResponseModel):
    number: int
    at: datetime = api_schemas.attribute("event", "at")
    actor: str = api_schemas.attribute("event", "actor")
    action: str = api_schemas.attribute("event", "action")
    subject: str = api_schemas.attribute("event", "subject")
    codes: Annotated[dict[str, str], BeforeValidator(dict)] = api_schemas.attribute("event", "codes")
    previous: str
    hash: str


class AuditLinesShown(api_schemas.ResponseModel):
    lines: list[AuditShown]


class VerifiedShown(api_schemas.ResponseModel):
    """`broken_at` is the first line that does not follow from the one before; null if the chain holds."""

    lines: int
    head: str = api_schemas.attribute("hash")
    broken_at: int | None = api_schemas.attribute("broken")


class PublicTableLine(api_schemas.ResponseModel):
    """A public table. Its recipe makes `agreed` of `compared` figures, once it has run. `why` says why only its
    numbers are known."""

    ident: str
    name: str = api_schemas.attribute("published", "name")
    source: str = api_schemas.attribute("published", "source")
    dialect: str = api_schemas.attribute("published", "dialect")
    snapshot: str = api_schemas.attribute("published", "snapshot")
    rounding: str = api_schemas.attribute("published", "rounding")
    state: str
    by: str
    at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    agreed: int | None = api_schemas.attribute("found", "agreed", default=None)
    compared: int | None = api_schemas.attribute("found", "compared", default=None)
    why: str | None = api_schemas.attribute("found", "why", default=None)
    entry: int | None


class PublicTableShown(PublicTableLine):
    recipe: str = api_schemas.attribute("published", "recipe")
    figures: str = api_schemas.attribute("published", "figures")


class PublicTablesShown(api_schemas.ResponseModel):
    tables: list[PublicTableLine]


class MessagePath(api_schemas.OutputPath):
    number: Annotated[int, Field(ge=1, le=1_000_000)]


class MessageBody(api_schemas.RequestModel):
    """`audience`: only checkers (`staff`), or also `researchers`."""

    text: Annotated[api_schemas.Text, Field(min_length=1, max_length=MAX_MESSAGE_LENGTH)]
    audience: Audience


class MessageShown(api_schemas.ResponseModel):
    """`waits`: researchers cannot read it until a second checker has confirmed it."""

    number: int
    author: str
    at: datetime
    audience: str
    text: str
    waits: bool
    confirmed_by: str | None


class ThreadShown(api_schemas.ResponseModel):
    messages: list[MessageShown]


class ResearcherMessagesShown(api_schemas.ResponseModel):
    messages: list[ResearcherMessage]


class SeenBody(api_schemas.RequestModel):
    """An output as the page showed it."""

    output: api_schemas.Text
    staff_hash: api_schemas.Text
    findings_hash: api_schemas.Text


class VotesBody(api_schemas.RequestModel):
    choice: VoteChoice
    reason: api_schemas.Text
    memory_version: api_schemas.Text
    outputs: list[SeenBody] = Field(min_length=1, max_length=1000)
    words: Annotated[api_schemas.Text, Field(max_length=MAX_MESSAGE_LENGTH)] = ""


class CastShown(api_schemas.ResponseModel):
    votes: int


class AttackShown(api_schemas.ResponseModel):
    columns: list[AttackedColumn]
