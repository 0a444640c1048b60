"""Base classes of the API's schemas, what callers send, and what researchers get. Decides nothing."""

import base64
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeVar, cast, get_type_hints

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from broker.domain.identity.people import Role
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.sql_dialects import SqlDialectName
from broker.workflow.reviewing.script_failures import Trace
from broker.workflow.submission.preview import CatalogueEntry
from broker.workflow.views.job_progress import Progress
from broker.workflow.views.job_views import JobView


def _storable(text: str) -> str:
    """Raises ValueError for NUL and lone surrogates, which no store can hold."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("must not have a NUL or a lone surrogate")
    return text


def _sorted(values: Any) -> Any:
    return sorted(values) if isinstance(values, (frozenset, set, tuple)) else values


def _base64(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


Text = Annotated[str, AfterValidator(_storable)]
Ident = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=200)]
YearList = Annotated[list[int] | None, BeforeValidator(_sorted)]
WordList = Annotated[list[str], BeforeValidator(_sorted)]
Base64 = Annotated[str | None, BeforeValidator(_base64)]


class RequestModel(BaseModel):
    """What a caller sends. Names that the schema does not have are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ResponseModel(BaseModel):
    """What a caller gets, read from the attributes of the workflow's own values. A dataclass of the workflow may be the
    type of a field: then it is the schema."""

    model_config = ConfigDict(frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True)

    @classmethod
    def answer(cls, value: object) -> dict[str, Any]:
        """Return the JSON of a value with these attributes, or of a dictionary with these fields."""
        return cls.model_validate(value).model_dump(mode="json")


Schema = TypeVar("Schema", bound=ResponseModel)


def fields_of(value: type) -> Callable[[type[Schema]], type[Schema]]:
    """Give a schema the fields of a dataclass, before its own. Its own replace those of the same name."""

    def with_fields(schema: type[Schema]) -> type[Schema]:
        types = get_type_hints(value)
        own = {name: (field.annotation, field) for name, field in schema.model_fields.items()}
        both: dict[str, Any] = {f.name: (types[f.name], ...) for f in fields(value)} | own
        made = create_model(schema.__name__, __base__=ResponseModel, __doc__=schema.__doc__, **both)
        return cast(type[Schema], made)

    return with_fields


def attribute(*path: str, **more: Any) -> Any:
    """Return a field that is read from an attribute of another name, or from an attribute of an attribute."""
    return Field(validation_alias=AliasPath(*path), **more)


class ApiProblemItem(ResponseModel):
    """`advice`: for a refusal, what to do instead."""

    code: str
    message: str
    pointer: str
    advice: str = ""


class ApiProblem(ResponseModel):
    """The schema of every error. `pointer` is a JSON pointer into the body, or names a parameter."""

    code: str
    message: str
    pointer: str
    errors: list[ApiProblemItem]


class RefusalShown(ResponseModel):
    code: str
    message: str
    line: int | None
    column: int | None
    variable: str | None
    advice: str


class UseShown(ResponseModel):
    """`years` is null for tables without years."""

    table: str
    variable: str | None
    years: YearList
    how: WordList


@fields_of(JobView)
class JobShown(ResponseModel):
    """A job as the caller may see it. `progress` is set if the job is requested alone, and waits or runs."""

    refusals: list[RefusalShown]
    uses: list[UseShown]
    progress: Progress | None = None


@fields_of(Trace)
class TraceShown(ResponseModel):
    """`document`: how the synthetic run ended, what it printed, and the problem of each requested output."""


class JobsShown(ResponseModel):
    """Jobs, newest first. For the next page, repeat the request with `after` set to `next`."""

    jobs: list[JobShown]
    next: str | None


class ColumnShown(ResponseModel):
    name: str
    statistic: str


class PlannedShown(ResponseModel):
    name: str
    unit: str | None
    columns: list[ColumnShown]


class CheckShown(ResponseModel):
    verdict: Literal["accepted", "refused"]
    review: list[str]
    advice: list[str]
    refusals: list[RefusalShown]
    uses: list[UseShown]
    outputs: list[PlannedShown]
    kept: list[str] = []
    private: dict[str, Any] | None = None


class GrantShown(ResponseModel):
    table: str
    variable: str
    years: YearList
    justification: str
    link_key: bool
    group_quasi: bool


class ProjectShown(ResponseModel):
    ident: str
    title: str
    organisation: str
    purpose: str
    expires: Annotated[str, BeforeValidator(str)]
    mode: str
    profile: str
    votes: int
    dialect: str
    researchers: WordList
    grants: list[GrantShown]


class ProjectsShown(ResponseModel):
    projects: list[ProjectShown]


class CatalogueShown(ResponseModel):
    variables: list[CatalogueEntry]


class JobPath(RequestModel):
    job: Ident


class OutputPath(RequestModel):
    output: Ident


class PersonPath(RequestModel):
    person: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")


class PolicyPath(RequestModel):
    fingerprint: Ident


class JobsQuery(RequestModel):
    project: Ident | None = None
    after: Ident | None = None
    limit: int = Field(50, ge=1, le=200)


class CatalogueQuery(RequestModel):
    q: Annotated[Text, Field(max_length=200)] = ""
    limit: int = Field(200, ge=1, le=1000)


class AuditQuery(RequestModel):
    first: int = Field(1, ge=1, le=2**31)
    limit: int = Field(200, ge=1, le=1000)


class Description(RequestModel):
    """What an output is, in the researcher's words."""

    output: Text
    text: Text


class SubmissionBody(RequestModel):
    """A submission. Without a dialect, the project's applies. `client_id` makes sending it again harmless."""

    project: Ident
    kind: JobKind
    dialect: Literal["", SqlDialectName] = ""
    text: Text
    title: Text
    purpose: Text
    descriptions: list[Description] = Field(default_factory=list, max_length=100)
    client_id: Ident | None = None
    replaces: Ident | None = None


class CheckBody(RequestModel):
    project: Ident
    kind: JobKind = JobKind.SQL
    dialect: Literal["", SqlDialectName] = ""
    text: Text


class VoteBody(RequestModel):
    """A vote. Its hashes bind it to what the checker saw. `whys`: why each finding is set aside, by finding; each
    finding on a script's file needs one."""

    choice: VoteChoice
    reason: Text
    staff_hash: Text
    findings_hash: Text
    memory_version: Text
    overrides: list[Text] = Field(default_factory=list, max_length=1000)
    why: Annotated[Text, Field(max_length=2000)] = ""
    whys: dict[Text, Annotated[Text, Field(max_length=2000)]] = Field(default_factory=dict, max_length=1000)
    words: Annotated[Text, Field(max_length=2000)] = ""


class RecallBody(RequestModel):
    reason: Annotated[Text, Field(max_length=4000)]


class PersonBody(RequestModel):
    """An account. Only new demo accounts can have a password. Of the last three, those left out do not change."""

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    roles: list[Role] = Field(max_length=3)
    active: bool = True
    password: Annotated[Text, Field(min_length=8, max_length=200)] | None = None
    accredited_from: date | None = None
    accredited_until: date | None = None
    email: Annotated[Text, Field(max_length=200)] = ""


class PolicyBody(RequestModel):
    """A whole parsed policy set, as its canonical JSON text."""

    content: Text


class ProjectPath(RequestModel):
    project: Ident


class SavedPath(RequestModel):
    project: Ident
    name: Ident


class LookupPath(RequestModel):
    lookup: Ident


class LookupBody(RequestModel):
    """A CSV text: a line of names, then rows. `about` says what it is and where it comes from."""

    name: Text
    about: Text
    text: Text


class DecisionBody(RequestModel):
    choice: VoteChoice
    reason: Text


class SavedShown(ResponseModel):
    """A cohort with its text, or a lookup with the names and types of its columns."""

    ident: str
    project: str
    name: str
    kind: str
    state: str
    about: str
    by: str
    created: datetime
    reason: str | None
    dialect: str | None
    text: str | None
    columns: list[str]


class SavedListShown(ResponseModel):
    saved: list[SavedShown]


class LookupShown(SavedShown):
    """A lookup with all its rows, as text."""

    rows: list[list[str | None]]
