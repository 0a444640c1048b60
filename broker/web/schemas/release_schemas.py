"""Schemas of the public register, and of the release history with its caps. Decides nothing."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from broker.domain.ports import RegisterEntry
from broker.web.schemas.api_schemas import Ident, RequestModel, ResponseModel, Text
from broker.web.schemas.ledger_schemas import HeadBody
from broker.workflow.views.public_register import ROUTE, Dataset, ProjectEntry


class CapsQuery(RequestModel):
    """A page of the reference populations that have every word of `search`, of a snapshot (the newest, if none is
    named)."""

    snapshot: Annotated[Text, Field(max_length=64)] = ""
    search: Annotated[Text, Field(max_length=100)] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


class CapShown(ResponseModel):
    """A reference population. Its persons have these `keys`; `used` of at most `cap` exact figures about them alone
    are released. `share` is used divided by cap."""

    name: str
    table: str
    year: int | None
    keys: str
    persons: int
    used: int
    cap: int
    share: float
    full: bool


class CapsShown(ResponseModel):
    """The fullest first. Of all `populations` of at least `least` persons, `full` have reached the cap and `found`
    match the search. `unmeasured` have figures, but their persons are not counted yet."""

    snapshot: str
    snapshots: list[str]
    fraction: float
    least: int
    populations: int
    full: int
    found: int
    page: int
    pages: int
    unmeasured: int
    caps: list[CapShown]


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


class ReleaseShown(ResponseModel):
    """`recalled`: all outputs were recalled. `recalled_outputs` names those that were; `recalled_at` is the last
    recall."""

    release: str
    project: str
    title: str
    outputs: list[str]
    released_at: datetime
    recalled: bool
    recalled_outputs: list[str]
    recalled_at: datetime | None


class RegisterVariable(ResponseModel):
    name: str
    about: str
    variable_class: str
    level: str
    years: list[int] | None


class RegisterDataset(ResponseModel):
    table: str
    about: str
    years: list[int] | None
    justification: str
    variables: list[RegisterVariable]


class RegisterProject(ResponseModel):
    """A project in the columns of the department's published list of data shares."""

    project: str
    reference: str
    approved: date | None
    organisation: str
    organisation_type: str
    title: str
    purpose: str
    benefit: str
    datasets: list[RegisterDataset]
    level: str
    gateway: str
    route: str
    processors: list[str]
    first_shared: date | None
    expires: date
    status: str
    releases: int
    outputs: int
    recalled: int
    last_release: datetime | None


class RegisterShown(ResponseModel):
    projects: list[RegisterProject]
    releases: list[ReleaseShown]


def register_release_shown(entry: RegisterEntry) -> ReleaseShown:
    return ReleaseShown.model_validate(entry)


def register_project_shown(entry: ProjectEntry) -> RegisterProject:
    p, a, count = entry.project, entry.project.approval, entry.count
    return RegisterProject(
        project=p.ident,
        reference=a.reference,
        approved=a.approved,
        organisation=p.organisation,
        organisation_type=p.organisation_type,
        title=p.title,
        purpose=p.purpose,
        benefit=a.benefit,
        datasets=[_register_dataset(d) for d in entry.datasets],
        level=entry.level,
        gateway=p.gateway,
        route=ROUTE,
        processors=list(a.processors),
        first_shared=a.first_shared,
        expires=p.expires,
        status=entry.status.value,
        releases=count.releases if count else 0,
        outputs=count.outputs if count else 0,
        recalled=count.recalled if count else 0,
        last_release=count.last if count else None,
    )


def _register_dataset(found: Dataset) -> RegisterDataset:
    variables = [
        RegisterVariable(name=v.name, about=v.about, variable_class=v.cls, level=v.level, years=_sorted_years(v.years))
        for v in found.variables
    ]
    return RegisterDataset(
        table=found.table, about=found.about, years=_sorted_years(found.years), justification=found.justification,
        variables=variables,
    )  # fmt: skip


def _sorted_years(years: frozenset[int] | None) -> list[int] | None:
    return None if years is None else sorted(years)
