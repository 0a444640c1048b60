"""Base classes of the API's schemas, what callers send, and what researchers get. Decides nothing."""

import base64
from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, Field, create_model, field_validator

from broker.domain.errors import Refusal, TextEdit
from broker.domain.identity.people import Role
from broker.domain.jobs.job import JobKind
from broker.domain.jobs.reviews import VoteChoice
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import Grant, ResearchProject
from broker.domain.projects.saved_definitions import Cohort, Definition, SavedEntry
from broker.domain.sql_dialects import SqlDialectName
from broker.workflow.reviewing.script_failures import Trace
from broker.workflow.submission.preview import CatalogueEntry
from broker.workflow.timing_channel import minute_of
from broker.workflow.views.check_view import CheckView, ColumnView, PlannedView
from broker.workflow.views.job_progress import Progress
from broker.workflow.views.job_views import JobView


def _storable(text: str) -> str:
    """Raises ValueError for NUL and lone surrogates, which no store can hold."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("must not have a NUL or a lone surrogate")
    return text


def _base64(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


Text = Annotated[str, AfterValidator(_storable)]
Ident = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=200)]
Base64 = Annotated[str | None, BeforeValidator(_base64)]


class RequestModel(BaseModel, frozen=True, extra="forbid"):
    """What a caller sends. Names that the schema does not have are refused."""


class ResponseModel(BaseModel, frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True):
    """What a caller gets, read from the attributes of the workflow's own values (`fields_of`). A dataclass of the
    workflow may be the type of a field: then it is the schema."""

    @field_validator("*", mode="before")
    @classmethod
    def sort_set(cls, value: Any) -> Any:
        """Sort a set, so that equal values have equal answers."""
        return sorted(value) if isinstance(value, frozenset) else value

    @classmethod
    def answer(cls, value: object) -> dict[str, Any]:
        """Return the JSON of a value with these attributes, or of a dictionary with these fields."""
        return cls.model_validate(value).model_dump(mode="json")


Schema = TypeVar("Schema", bound=ResponseModel)

SCHEMAS: dict[type, type[ResponseModel]] = {}
"""The schema of each dataclass that has one. A value that is part of another is shown by its own schema."""


def fields_of(value: type, *selected: str) -> Callable[[type[Schema]], type[Schema]]:
    """Give a schema the fields of a dataclass: all, or those selected as in SQL (`output.name, job.ident as job`).

    A field has the type of the attribute that it is read from. The schema's own fields replace those of the same name,
    or follow.
    """
    paths = [path for some in selected for path in some.split(", ")] or [f.name for f in fields(value)]

    def with_fields(schema: type[Schema]) -> type[Schema]:
        base = cast(type[Schema], schema.__base__)
        own = {name: (f.annotation, f) for name, f in schema.model_fields.items() if name not in base.model_fields}
        read = {name: own.get(name) or _read_field(value, source) for source, name in map(_source_and_name, paths)}
        both: dict[str, Any] = read | own
        made = cast(type[Schema], create_model(schema.__name__, __base__=base, __doc__=schema.__doc__, **both))
        SCHEMAS.setdefault(value, made)
        return made

    return with_fields


def _source_and_name(path: str) -> tuple[str, str]:
    source, _, name = path.partition(" as ")
    return source, name or source.rpartition(".")[2]


def _read_field(value: type, source: str) -> tuple[Any, Any]:
    kind: Any = value
    for step in source.split("."):
        found = getattr(kind, step, None)
        kind = get_type_hints(found.fget)["return"] if isinstance(found, property) else get_type_hints(kind)[step]
    return _shown_type(kind), attribute(*source.split("."))


def _shown_type(kind: Any) -> Any:
    """Return the type that stands for an attribute's in an answer: words for an enumeration, a list for a set, and the
    schema of a dataclass that has one."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return str
    parts = tuple(map(_shown_type, get_args(kind)))
    outer: Any = {frozenset: list, UnionType: Union}.get(get_origin(kind), get_origin(kind))
    return outer[parts] if parts else SCHEMAS.get(kind, kind)


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


@fields_of(TextEdit)
class EditShown(ResponseModel):
    """`length` characters from line and column become `replacement`. The end of a line is one character."""


@fields_of(Refusal, "code, message, line, column, variable, advice, edit")
class RefusalShown(ResponseModel):
    """`edit` is the advice as a change of the text, if it is one."""


@fields_of(VariableUse, "table, variable, years, how")
class UseShown(ResponseModel):
    """`years` is null for tables without years."""


@fields_of(JobView)
class JobShown(ResponseModel):
    """A job as the caller may see it. `progress` is set if the job is requested alone, and waits or runs."""

    progress: Progress | None = None


@fields_of(Trace)
class TraceShown(ResponseModel):
    """`document`: how the synthetic run ended, what it printed, and the problem of each requested output."""


class JobsShown(ResponseModel):
    """Jobs, newest first. For the next page, repeat the request with `after` set to `next`."""

    jobs: list[JobShown]
    next: str | None


@fields_of(ColumnView)
class ColumnShown(ResponseModel): ...


@fields_of(PlannedView)
class PlannedShown(ResponseModel): ...


@fields_of(CheckView, "verdict, review, advice, refusals, uses, outputs, kept, private")
class CheckShown(ResponseModel):
    kept: list[str] = []
    private: dict[str, Any] | None = None


@fields_of(Grant, "table, variable, years, justification, link_key, group_quasi")
class GrantShown(ResponseModel): ...


@fields_of(
    ResearchProject, "ident, title, organisation, purpose, expires, mode, profile, votes, dialect, researchers, grants"
)
class ProjectShown(ResponseModel):
    expires: Annotated[str, BeforeValidator(str)]


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


class SavedPath(ProjectPath):
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


def _definition_columns(definition: Definition) -> list[str]:
    if isinstance(definition, Cohort):
        return list(definition.columns)
    return [f"{column.name} {column.type.value}" for column in definition.columns]


def _definition_rows(definition: Definition) -> list[list[str | None]]:
    rows = () if isinstance(definition, Cohort) else definition.rows
    return [[None if value is None else str(value) for value in row] for row in rows]


def _only_of_cohort(name: str) -> Any:
    return BeforeValidator(lambda definition: getattr(definition, name, None))


@fields_of(SavedEntry, "ident, project, name, kind, state, about, by, created, reason")
class SavedShown(ResponseModel):
    """A cohort with its text, or a lookup with the names and types of its columns."""

    created: Annotated[datetime, BeforeValidator(minute_of)]
    dialect: Annotated[str | None, _only_of_cohort("dialect")] = attribute("definition")
    text: Annotated[str | None, _only_of_cohort("text")] = attribute("definition")
    columns: Annotated[list[str], BeforeValidator(_definition_columns)] = attribute("definition")


class SavedListShown(ResponseModel):
    saved: list[SavedShown]


class LookupShown(SavedShown):
    """A lookup with all its rows, as text."""

    rows: Annotated[list[list[str | None]], BeforeValidator(_definition_rows)] = attribute("definition")
