"""What the shapes of the HTTP API are made of, and those that callers get: OpenAPI comes from them. No behaviour."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


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


class GrantShown(Shown):
    table: str
    variable: str
    years: YearList
    justification: str
    link_key: bool
    group_quasi: bool


class ProjectShown(Shown):
    ident: str
    title: str
    organisation: str
    purpose: str
    expires: str
    mode: str
    profile: str
    votes: int
    dialect: str
    researchers: WordList
    grants: list[GrantShown]


class ProjectsShown(Shown):
    projects: list[ProjectShown]


class GrantedShown(Shown):
    project: str
    years: YearList


class EntryShown(Shown):
    table: str
    variable: str
    type: str
    cls: str
    description: str
    years: YearList
    granted: list[GrantedShown]


class CatalogueShown(Shown):
    variables: list[EntryShown]
