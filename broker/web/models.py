"""The shapes that the HTTP API takes and gives: the OpenAPI document is made from them. No behaviour."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from broker.domain.jobs import Kind
from broker.domain.people import Role
from broker.domain.reviews import Choice


def _storable(text: str) -> str:
    """No store keeps a NUL or half of a surrogate pair."""
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("must not hold a NUL or a lone surrogate")
    return text


def _sorted(values: Any) -> Any:
    return sorted(values) if isinstance(values, (frozenset, set, tuple)) else values


Text = Annotated[str, AfterValidator(_storable)]
Ident = Annotated[str, AfterValidator(_storable), Field(min_length=1, max_length=200)]
YearList = Annotated[list[int] | None, BeforeValidator(_sorted)]
WordList = Annotated[list[str], BeforeValidator(_sorted)]


class Given(BaseModel):
    """What a caller sends: unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Shown(BaseModel):
    """What a caller gets, read from the workflow's own values."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ProblemItem(Shown):
    """`advice`: of a refusal, what to do instead."""

    code: str
    message: str
    pointer: str
    advice: str = ""


class Problem(Shown):
    """Every error has this shape. `pointer` is a JSON pointer into the body, or names a parameter."""

    code: str
    message: str
    pointer: str
    errors: list[ProblemItem]


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
    """A vote, bound by its hashes to what the checker was shown."""

    choice: Choice
    reason: Text
    staff_hash: Text
    findings_hash: Text
    memory_version: Text
    overrides: list[Text] = Field(default_factory=list, max_length=1000)
    why: Annotated[Text, Field(max_length=2000)] = ""
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


class RefusalShown(Shown):
    code: str
    message: str
    line: int | None
    column: int | None
    variable: str | None
    advice: str


class UseShown(Shown):
    """`years` is null for tables without a year."""

    table: str
    variable: str | None
    years: YearList
    how: WordList


class OutputShown(Shown):
    ident: str
    name: str
    description: str
    state: str
    media_type: str | None
    size: int | None
    sha256: str | None
    reason: str | None


class SlotsShown(Shown):
    """Of a private script: by its schedule, `slot` of `slots` runs. Follows from the clock and the script's line."""

    slot: int
    slots: int
    lasts_seconds: float


class ProgressShown(Shown):
    """`ahead`: at most so many jobs are before it; `minutes` that it has run, of at most `limit`."""

    waits: bool
    ahead: int | None
    minutes: int | None
    limit: int
    blocks: SlotsShown | None


class JobShown(Shown):
    """A job as the caller may see it. `progress`: where it is asked for alone, and waits or runs."""

    ident: str
    project: str
    title: str
    purpose: str
    kind: str
    dialect: str
    researcher: str
    state: str
    created: datetime
    updated: datetime
    text: str | None
    refusals: list[RefusalShown]
    uses: list[UseShown]
    outputs: list[OutputShown]
    released: bool
    replaces: str | None
    kept: list[str] = []
    progress: ProgressShown | None = None


class TraceShown(Shown):
    """`document`: how the synthetic run ended, what was printed, and each handed output's problem."""

    passed: bool | None
    document: dict[str, Any] | None
    told: str | None


class JobsShown(Shown):
    """Newest first; ask again with `after` set to `next` for the page that follows."""

    jobs: list[JobShown]
    next: str | None


class ColumnShown(Shown):
    name: str
    statistic: str


class PlannedShown(Shown):
    name: str
    unit: str | None
    columns: list[ColumnShown]


class CheckShown(Shown):
    verdict: Literal["accepted", "refused"]
    review: list[str]
    advice: list[str]
    refusals: list[RefusalShown]
    uses: list[UseShown]
    outputs: list[PlannedShown]
    kept: list[str] = []
    private: dict[str, Any] | None = None
