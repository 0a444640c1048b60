"""The shapes of what callers of the HTTP API send: paths, questions and bodies. No behaviour."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from broker.domain.jobs import Kind
from broker.domain.people import Role
from broker.domain.reviews import Choice
from broker.web.models import Given, Ident, Text


class JobPath(Given):
    job: Ident


class OutputPath(Given):
    output: Ident


class PersonPath(Given):
    person: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")


class PolicyPath(Given):
    fingerprint: Ident


class JobsQuery(Given):
    project: Ident | None = None
    after: Ident | None = None
    limit: int = Field(50, ge=1, le=200)


class CatalogueQuery(Given):
    q: Annotated[Text, Field(max_length=200)] = ""
    limit: int = Field(200, ge=1, le=1000)


class AuditQuery(Given):
    first: int = Field(1, ge=1, le=2**31)
    limit: int = Field(200, ge=1, le=1000)


class Description(Given):
    """What an output is, in the researcher's words."""

    output: Text
    text: Text


class SubmissionBody(Given):
    """A submission. Without a dialect the project's is taken; `client_id` makes sending it again harmless."""

    project: Ident
    kind: Kind
    dialect: Literal["", "tsql", "duckdb"] = ""
    text: Text
    title: Text
    purpose: Text
    descriptions: list[Description] = Field(default_factory=list, max_length=100)
    client_id: Ident | None = None
    replaces: Ident | None = None


class CheckBody(Given):
    project: Ident
    kind: Kind = Kind.SQL
    dialect: Literal["", "tsql", "duckdb"] = ""
    text: Text


class VoteBody(Given):
    """A vote, bound by its hashes to what the checker was shown. `whys`: why each finding is set aside, by the finding;
    of a script's file each needs its own."""

    choice: Choice
    reason: Text
    staff_hash: Text
    findings_hash: Text
    memory_version: Text
    overrides: list[Text] = Field(default_factory=list, max_length=1000)
    why: Annotated[Text, Field(max_length=2000)] = ""
    whys: dict[Text, Annotated[Text, Field(max_length=2000)]] = Field(default_factory=dict, max_length=1000)
    words: Annotated[Text, Field(max_length=2000)] = ""


class RecallBody(Given):
    reason: Annotated[Text, Field(max_length=4000)]


class PersonBody(Given):
    """An account. A password is for new demo accounts only; what is left out of the last three stays as it is."""

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    roles: list[Role] = Field(max_length=3)
    active: bool = True
    password: Annotated[Text, Field(min_length=8, max_length=200)] | None = None
    accredited_from: date | None = None
    accredited_until: date | None = None
    email: Annotated[Text, Field(max_length=200)] = ""


class PolicyBody(Given):
    """A whole parsed policy set, as its canonical JSON text."""

    content: Text
