"""The register's JSON shapes, and the workflow's values as them. Decides nothing."""

from datetime import date, datetime

from broker.domain.ports import RegisterEntry
from broker.web.models import Shown
from broker.workflow.register import ROUTE, Dataset, Entry


class ReleaseShown(Shown):
    """`recalled`: all of it was; `recalled_outputs` names what was, `recalled_at` says when last."""

    release: str
    project: str
    title: str
    outputs: list[str]
    released_at: datetime
    recalled: bool
    recalled_outputs: list[str]
    recalled_at: datetime | None


class RegisterVariable(Shown):
    name: str
    about: str
    variable_class: str
    level: str
    years: list[int] | None


class RegisterDataset(Shown):
    table: str
    about: str
    years: list[int] | None
    justification: str
    variables: list[RegisterVariable]


class RegisterProject(Shown):
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


class RegisterShown(Shown):
    projects: list[RegisterProject]
    releases: list[ReleaseShown]


def release_shown(entry: RegisterEntry) -> ReleaseShown:
    return ReleaseShown.model_validate(entry)


def project_shown(entry: Entry) -> RegisterProject:
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
        datasets=[_dataset(d) for d in entry.datasets],
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


def _dataset(found: Dataset) -> RegisterDataset:
    variables = [
        RegisterVariable(name=v.name, about=v.about, variable_class=v.cls, level=v.level, years=_years(v.years))
        for v in found.variables
    ]
    return RegisterDataset(
        table=found.table, about=found.about, years=_years(found.years), justification=found.justification,
        variables=variables,
    )  # fmt: skip


def _years(years: frozenset[int] | None) -> list[int] | None:
    return None if years is None else sorted(years)
