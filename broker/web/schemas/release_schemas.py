"""Schemas of the public register, and of the release history with its caps. Decides nothing."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from broker.domain.population_caps import CapUsage
from broker.domain.ports import RegisterEntry
from broker.web.schemas import api_schemas
from broker.web.schemas.ledger_schemas import HeadBody
from broker.workflow.views.exact_figure_usage import CapPage
from broker.workflow.views.public_register import ROUTE, Dataset, GrantedVariable, ProjectEntry


class CapsQuery(api_schemas.RequestModel):
    """A page of the reference populations that have every word of `search`, of a snapshot (the newest, if none is
    named)."""

    snapshot: Annotated[api_schemas.Text, Field(max_length=64)] = ""
    search: Annotated[api_schemas.Text, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


@api_schemas.fields_of(CapUsage, "of.name, of.table, of.year, keys, persons, used, cap, share, is_full as full")
class CapShown(api_schemas.ResponseModel):
    """A reference population. Its persons have these `keys`; `used` of at most `cap` exact figures about them alone
    are released. `share` is used divided by cap."""


@api_schemas.fields_of(
    CapPage,
    "snapshot, snapshots, fraction, least, populations, full, matching as found, page, pages, unmeasured",
    "shown as caps",
)
class CapsShown(api_schemas.ResponseModel):
    """The fullest first. Of all `populations` of at least `least` persons, `full` have reached the cap and `found`
    match the search. `unmeasured` have figures, but their persons are not counted yet."""


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


@api_schemas.fields_of(GrantedVariable, "name, about, cls as variable_class, level, years")
class RegisterVariable(api_schemas.ResponseModel): ...


@api_schemas.fields_of(Dataset)
class RegisterDataset(api_schemas.ResponseModel): ...


@api_schemas.fields_of(
    ProjectEntry,
    "project.ident as project, project.approval.reference, project.approval.approved, project.organisation",
    "project.organisation_type, project.title, project.purpose, project.approval.benefit, datasets, level",
    "project.gateway, route, project.approval.processors, project.approval.first_shared, project.expires, status",
)
class RegisterProject(api_schemas.ResponseModel):
    """A project in the columns of the department's published list of data shares."""

    route: str = ROUTE
    releases: int = api_schemas.attribute("count", "releases", default=0)
    outputs: int = api_schemas.attribute("count", "outputs", default=0)
    recalled: int = api_schemas.attribute("count", "recalled", default=0)
    last_release: datetime | None = api_schemas.attribute("count", "last", default=None)


class RegisterShown(api_schemas.ResponseModel):
    projects: list[RegisterProject]
    releases: list[RegisterEntry]
