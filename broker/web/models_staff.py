"""The shapes of the API that only checkers and administrators get, and of the public register. No behaviour."""

from datetime import date, datetime
from typing import Any

from broker.web.models import Shown, WordList


class MeShown(Shown):
    ident: str
    name: str
    roles: WordList


class TokenShown(Shown):
    """A new token, told this once."""

    token: str


class PersonShown(Shown):
    ident: str
    name: str
    roles: WordList
    active: bool
    accredited_from: date | None
    accredited_until: date | None


class PeopleShown(Shown):
    people: list[PersonShown]


class InboxItem(Shown):
    output: str
    name: str
    kind: str
    job: str
    project: str
    title: str
    created: datetime
    claimed_by: str | None


class FailureShown(Shown):
    job: str
    project: str
    title: str
    created: datetime


class FailuresShown(Shown):
    jobs: list[FailureShown]


class InboxShown(Shown):
    outputs: list[InboxItem]


class VoteShown(Shown):
    checker: str
    choice: str
    reason: str
    cast: datetime
    overrides: list[str]


class EvidenceShown(Shown):
    """An output as a checker sees it. `votes` hide until one's own is cast; a vote sends the three hashes back."""

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


class AcroFileShown(Shown):
    """A file as it would leave; null where nothing can."""

    name: str
    content_base64: str | None
    sha256: str | None


class AcroShown(Shown):
    """What ACRO's viewer opens: `results` is written as results.json, each file beside it, and each file's hash as
    checksums/NAME.txt."""

    results: dict[str, Any]
    files: list[AcroFileShown]


class StateShown(Shown):
    """An output's state after a vote."""

    state: str


class PolicyShown(Shown):
    """A policy set by its fingerprint; `content` is its canonical JSON text."""

    fingerprint: str
    proposed_by: str
    proposed_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    content: str


class AuditShown(Shown):
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    codes: dict[str, str]
    previous: str
    hash: str


class AuditLinesShown(Shown):
    lines: list[AuditShown]


class VerifiedShown(Shown):
    """`broken_at` is the first line that does not follow from the one before; null when the chain holds."""

    lines: int
    head: str
    broken_at: int | None


class PublicTableLine(Shown):
    """A table that was published elsewhere. `agreed` of `compared` figures are made by its recipe, once it was run;
    `why` says why it is known as numbers only."""

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


class PublicTablesShown(Shown):
    tables: list[PublicTableLine]
