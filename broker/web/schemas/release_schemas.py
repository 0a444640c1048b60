"""Schemas of the public register, and of the release history with its caps. Decides nothing."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from broker.domain.ports import RegisterEntry
from broker.web.schemas.api_schemas import (
    Ident,
    RequestModel,
    ResponseModel,
    Text,
    YearList,
    attribute,
    fields_of,
)
from broker.web.schemas.ledger_schemas import HeadBody
from broker.workflow.views.public_register import ROUTE, Dataset


class CapsQuery(RequestModel):
    """A page of the reference populations that have every word of `search`, of a snapshot (the newest, if none is
    named)."""

    snapshot: Annotated[Text, Field(max_length=64)] = ""
    search: Annotated[Text, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


class CapShown(ResponseModel):
    """A reference population. Its persons have these `keys`; `used` of at most `cap` exact figures about them alone
    are released. `share` is used divided by cap."""

    name: str = attribute("of", "name")
    table: str = attribute("of", "table")
    year: int | None = attribute("of", "year")
    keys: str
    persons: int
    used: int
    cap: int
    share: float
    full: bool = attribute("is_full")


class CapsShown(ResponseModel):
    """The fullest first. Of all `populations` of at least `least` persons, `full` have reached the cap and `found`
    match the search. `unmeasured` have figures, but their persons are not counted yet."""

    snapshot: str
    snapshots: list[str]
    fraction: float
    least: int
    populations: int
    full: int
    found: int = attribute("matching")
    page: int
    pages: int
    unmeasured: int
    caps: list[CapShown] = attribute("shown")


class FileBody(RequestModel):
    """A file of members that no entry names, by its name and the SHA-256 of its bytes."""

    name: Annotated[Text, Field(pattern=r"^[0-9a-f]{32}$")]
    sha256: Annotated[Text, Field(pattern=r"^[0-9a-f]{64}$")]


class ForgottenTablesBody(RequestModel):
    """What a restored release history lacks: the last signed head, and the files of what was released since, as
    `broker history forgotten` lists them. `case` is the number of the decision."""

    lost: HeadBody
    files: Annotated[list[FileBody], Field(max_length=20_000)] = []
    case: Ident


class RegisterVariable(ResponseModel):
    name: str
    about: str
    variable_class: str = attribute("cls")
    level: str
    years: YearList


@fields_of(Dataset)
class RegisterDataset(ResponseModel):
    years: YearList
    variables: list[RegisterVariable]


class RegisterProject(ResponseModel):
    """A project in the columns of the department's published list of data shares."""

    project: str = attribute("project", "ident")
    reference: str = attribute("project", "approval", "reference")
    approved: date | None = attribute("project", "approval", "approved")
    organisation: str = attribute("project", "organisation")
    organisation_type: str = attribute("project", "organisation_type")
    title: str = attribute("project", "title")
    purpose: str = attribute("project", "purpose")
    benefit: str = attribute("project", "approval", "benefit")
    datasets: list[RegisterDataset]
    level: str
    gateway: str = attribute("project", "gateway")
    route: str = ROUTE
    processors: list[str] = attribute("project", "approval", "processors")
    first_shared: date | None = attribute("project", "approval", "first_shared")
    expires: date = attribute("project", "expires")
    status: str
    releases: int = attribute("count", "releases", default=0)
    outputs: int = attribute("count", "outputs", default=0)
    recalled: int = attribute("count", "recalled", default=0)
    last_release: datetime | None = attribute("count", "last", default=None)


class RegisterShown(ResponseModel):
    projects: list[RegisterProject]
    releases: list[RegisterEntry]
