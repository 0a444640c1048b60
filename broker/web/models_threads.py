"""The shapes of the API of threads, of votes on a whole submission and of the attack. No behaviour."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from broker.domain.messages import LONGEST, Audience
from broker.domain.reviews import Choice
from broker.web.models import Given, Shown, Text
from broker.web.models_given import OutputPath


class MessagePath(OutputPath):
    number: Annotated[int, Field(ge=1, le=1_000_000)]


class MessageBody(Given):
    """Who reads it: checkers alone (`staff`), or `researchers` too."""

    text: Annotated[Text, Field(min_length=1, max_length=LONGEST)]
    audience: Audience


class MessageShown(Shown):
    """`waits`: researchers do not read it before a second checker has confirmed it."""

    number: int
    author: str
    at: datetime
    audience: str
    text: str
    waits: bool
    confirmed_by: str | None


class ThreadShown(Shown):
    messages: list[MessageShown]


class ToldShown(Shown):
    """`about` is null for what a script left and did not leave; `by` is null for the checkers."""

    about: str | None
    by: str | None
    at: datetime
    text: str


class ToldListShown(Shown):
    messages: list[ToldShown]


class SeenBody(Given):
    """An output as it was shown."""

    output: Text
    staff_hash: Text
    findings_hash: Text


class VotesBody(Given):
    choice: Choice
    reason: Text
    memory_version: Text
    outputs: list[SeenBody] = Field(min_length=1, max_length=1000)
    words: Annotated[Text, Field(max_length=LONGEST)] = ""


class CastShown(Shown):
    votes: int


class DerivedShown(Shown):
    """A hidden figure and between which values it must be; null is no bound."""

    cell: list[str]
    exact: str
    low: str
    high: str | None
    known: bool


class AttackedShown(Shown):
    column: str
    derived: list[DerivedShown]
    untried: str


class AttackShown(Shown):
    columns: list[AttackedShown]
