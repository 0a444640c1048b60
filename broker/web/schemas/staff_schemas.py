"""Schemas for checkers and administrators, from evidence and votes to the audit log. No behaviour."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from broker.domain.identity.audit import AuditCheck, AuditLine
from broker.domain.identity.people import Person
from broker.domain.jobs.job import Job
from broker.domain.jobs.reviews import MAX_MESSAGE_LENGTH, Audience, Message, Vote, VoteChoice
from broker.domain.ports import StoredPolicy
from broker.domain.public_tables import PublicTable
from broker.web.schemas import api_schemas
from broker.web.schemas.api_schemas import ResponseModel, attribute, fields_of
from broker.workflow.pipeline.output_records import AcroFile, AcroFolder
from broker.workflow.reviewing.checker_inbox import WaitingOutput
from broker.workflow.reviewing.output_evidence import AttackedColumn
from broker.workflow.reviewing.output_review import OutputUnderReview
from broker.workflow.reviewing.output_thread import ResearcherMessage


@fields_of(Person, "ident, name, roles")
class MeShown(ResponseModel): ...


class TokenShown(ResponseModel):
    """A new token, shown this once."""

    token: str


@fields_of(Person, "ident, name, roles, active, accredited_from, accredited_until")
class PersonShown(ResponseModel): ...


class PeopleShown(ResponseModel):
    people: list[PersonShown]


@fields_of(
    WaitingOutput,
    "output.ident as output, output.name, output.kind, job.ident as job, job.submission.project",
    "job.submission.title, output.created, output.claimed_by",
)
class InboxItem(ResponseModel): ...


@fields_of(Job, "ident as job, submission.project, submission.title, created")
class FailureShown(ResponseModel): ...


class FailuresShown(ResponseModel):
    jobs: list[FailureShown]


class InboxShown(ResponseModel):
    outputs: list[InboxItem]


@fields_of(Vote, "checker, choice, reason, cast, overrides")
class VoteShown(ResponseModel): ...


@fields_of(
    OutputUnderReview,
    "output.ident as output, output.name, output.kind, output.description, output.state, output.verdict",
    "output.media_type, output.size, output.claimed_by, job.ident as job, job.submission.project, job.researcher",
    "job.submission.title, job.submission.purpose, job.submission.text, staff, candidate_base64, votes, needed",
    "output.staff_hash, output.findings_hash, memory_version",
)
class EvidenceShown(ResponseModel):
    """An output as a checker sees it. `votes` are hidden until the checker has voted; a vote sends the three hashes
    back."""

    staff: Annotated[dict[str, Any], BeforeValidator(json.loads)]
    candidate_base64: api_schemas.Base64 = attribute("candidate")


@fields_of(AcroFile, "name, content_base64, sha256")
class AcroFileShown(ResponseModel):
    """A file as it would leave. null: nothing can leave."""

    content_base64: api_schemas.Base64 = attribute("content")


@fields_of(AcroFolder)
class AcroShown(ResponseModel):
    """Input for ACRO's viewer: write `results` as results.json, each file next to it, and each file's hash as
    checksums/NAME.txt."""


class StateShown(ResponseModel):
    """An output's state after a vote."""

    state: str


@fields_of(StoredPolicy)
class PolicyShown(ResponseModel):
    """A policy set by its fingerprint. `content` is its canonical JSON text."""


@fields_of(AuditLine, "number, event.at, event.actor, event.action, event.subject, codes, previous, hash")
class AuditShown(ResponseModel):
    codes: Annotated[dict[str, str], BeforeValidator(dict)] = attribute("event", "codes")


class AuditLinesShown(ResponseModel):
    lines: list[AuditShown]


@fields_of(AuditCheck, "lines, hash as head, broken as broken_at")
class VerifiedShown(ResponseModel):
    """`broken_at` is the first line that does not follow from the one before; null if the chain holds."""


@fields_of(
    PublicTable,
    "ident, published.name, published.source, published.dialect, published.snapshot, published.rounding, state, by, at",
    "confirmed_by, confirmed_at, agreed, compared, why, entry",
)
class PublicTableLine(ResponseModel):
    """A public table. Its recipe makes `agreed` of `compared` figures, once it has run. `why` says why only its
    numbers are known."""

    agreed: int | None = attribute("found", "agreed", default=None)
    compared: int | None = attribute("found", "compared", default=None)
    why: str | None = attribute("found", "why", default=None)


@fields_of(PublicTable, "published.recipe, published.figures")
class PublicTableShown(PublicTableLine): ...


class PublicTablesShown(ResponseModel):
    tables: list[PublicTableLine]


class MessagePath(api_schemas.OutputPath):
    number: Annotated[int, Field(ge=1, le=1_000_000)]


class MessageBody(api_schemas.RequestModel):
    """`audience`: only checkers (`staff`), or also `researchers`."""

    text: Annotated[api_schemas.Text, Field(min_length=1, max_length=MAX_MESSAGE_LENGTH)]
    audience: Audience


@fields_of(Message, "number, author, at, audience, text, waits, confirmed_by")
class MessageShown(ResponseModel):
    """`waits`: researchers cannot read it until a second checker has confirmed it."""


class ThreadShown(ResponseModel):
    messages: list[MessageShown]


class ResearcherMessagesShown(ResponseModel):
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


class CastShown(ResponseModel):
    votes: int


class AttackShown(ResponseModel):
    columns: list[AttackedColumn]
