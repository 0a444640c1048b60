"""Schemas of the public register, and of the release history with its caps. Decides nothing."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from broker.domain.ports import RegisterEntry
from broker.web.schemas import api_schemas
from broker.web.schemas.ledger_schemas import HeadBody
from broker.workflow.views.public_register import ROUTE, Dataset


class CapsQuery(api_schemas.RequestModel):
    """A page of the reference populations that have every word of `search`, of a snapshot (the newest, if none is
    named)."""

    snapshot: Annotated[api_schemas.Text, Field(max_length=64)] = ""
    search: Annotated[api_schemas.Text, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


class CapShown(api_schemas.ResponseModel):
    """A reference population. Its persons have these `keys`; `used` of at most `cap` exact figures about them alone
    are released. `share` is used divided by cap."""

    name: str = api_schemas.attribute("of", "name")
    table: str = api_schemas.attribute("of", "table")
    year: int | None = api_schemas.attribute("of", "year")
    keys: str
    persons: int
    used: int
    cap: int
    share: float
    full: bool = api_schemas.attribute("is_full")


class CapsShown(api_schemas.ResponseModel):
    """The fullest first. Of all `populations` of at least `least` persons, `full` have reached the cap and `found`
    match the search. `unmeasured` have figures, but their persons are not counted yet."""

    snapshot: str
    snapshots: list[str]
    fraction: float
    least: int
    populations: int
    full: int
    found: int = api_schemas.attribute("matching")
    page: int
    pages: int
    unmeasured: int
    caps: list[CapShown] = api_schemas.attribute("shown")


class FileBody(api_schemas.RequestModel):
    """A file of members that no entry names, by its name and the SHA-256 of its bytes."""

    name: Annotated[api_schemas.Text, Field(pattern=r"^[0-9a-f]{32}$")]
    sha256: Annotated[api_schemas.Text, Field(pattern=r"^[0-9a-f]{64}$")]


class ForgottenTablesBody(api_schemas.RequestModel):
    """What a restored release history lacks: the last signed head, and the files of what was released since, as
    `broker history forgotten` lists them. `case` is the number of the decision."""

    lost: HeadBody
    files: Annotated[list[FileBody], Field(max_length=20_000)] = []
    case: api_schemas.Ident


class RegisterVariable(api_schemas.ResponseModel):
    name: str
    about: str
    variable_class: str = api_schemas.attribute("cls")
    level: str
    years: api_schemas.YearList


@api_schemas.fields_of(Dataset)
class RegisterDataset(api_schemas.ResponseModel):
    years: api_schemas.YearList
    variables: list[RegisterVariable]


class RegisterProject(api_schemas.ResponseModel):
    """A project in the columns of the department's published list of data shares."""

    project: str = api_schemas.attribute("project", "ident")
    reference: str = api_schemas.attribute("project", "approval", "reference")
    approved: date | None = api_schemas.attribute("project", "approval", "approved")
    organisation: str = api_schemas.attribute("project", "organisation")
    organisation_type: str = api_schemas.attribute("project", "organisation_type")
    title: str = api_schemas.attribute("project", "title")
    purpose: str = api_schemas.attribute("project", "purpose")
    benefit: str = api_schemas.attribute("project", "approval", "benefit")
    datasets: list[RegisterDataset]
    level: str
    gateway: str = api_schemas.attribute("project", "gateway")
    route: str = ROUTE
    processors: list[str] = api_schemas.attribute("project", "approval", "processors")
    first_shared: date | None = api_schemas.attribute("project", "approval", "first_shared")
    expires: date = api_schemas.attribute("project", "expires")
    status: str
    releases: int = api_schemas.attribute("count", "releases", default=0)
    outputs: int = api_schemas.attribute("count", "outputs", default=0)
    recalled: int = api_schemas.attribute("count", "recalled", default=0)
    last_release: datetime | None = api_schemas.attribute("count", "last", default=None)


class RegisterShown(api_schemas.ResponseModel):
    projects: list[RegisterProject]
    releases: list[RegisterEntry]
