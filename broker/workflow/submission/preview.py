"""What is known before a submission: the check of a text, and a search of the catalogue. Reads policy, never data."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from broker.domain.errors import Invalid
from broker.domain.identity.people import Action, Person
from broker.domain.jobs.job import JobKind
from broker.domain.ports import Ports
from broker.domain.projects.project import ResearchProject
from broker.domain.sql_dialects import SQL_DIALECTS
from broker.policy.data_catalogue import CatalogueTable, Variable
from broker.policy.policy_set import PolicySet
from broker.workflow.access import reach_project
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.policies_in_force import policies_in_force
from broker.workflow.submission import save_definition


@dataclass(frozen=True, slots=True)
class GrantedYears:
    """The years of a variable that one of the person's projects was granted. Not set if the table has no years."""

    project: str
    years: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A variable as the catalogue describes it, and which of the person's projects may use it."""

    table: str
    variable: str
    type: str
    cls: str
    description: str
    years: tuple[int, ...] | None
    granted: tuple[GrantedYears, ...]


def check_text(
    ports: Ports, person: Person, project: str, text: str, kind: JobKind, dialect: str = ""
) -> CheckedSubmission:
    """Check a text without submitting it. Raises Unknown for the project, Invalid for dialect or text."""
    reached, policies = reach_project(ports, person, Action.SUBMIT_JOB, project)
    dialect = dialect or reached.dialect
    if dialect not in SQL_DIALECTS:
        raise Invalid("dialect", f"The dialect must be one of {', '.join(SQL_DIALECTS)}.", "/dialect")
    # A text with lone surrogates cannot be encoded strictly; it is refused later.
    if len(text.encode("utf-8", "surrogatepass")) > policies.service.text_bytes:
        raise Invalid("text-too-long", f"The text is longer than {policies.service.text_bytes} bytes.", "/text")
    saved = save_definition.saved_of(save_definition.readable_definitions(ports, reached.ident))
    return check_submission(text, kind, dialect, reached, policies, ports.clock.now().date(), saved)


def forecast(ports: Ports, project: str, checked: CheckedSubmission) -> dict[str, Any] | None:
    """Return the forecast of a private text, with its spend as a share of what the project has left. None for other
    texts."""
    if checked.private is None:
        return None
    from broker.workflow.private_jobs.private_forecast import forecast_of_text, tightest_budget

    # The project's own accounts only: shared ones would show what others have spent.
    left = {b.account: b.left for b in ports.store.balances(project=project)}
    service = policies_in_force(ports.store).service
    return forecast_of_text(
        checked.private, service, tightest_budget(left, project, checked.private), "what the project has left"
    )


def max_text_bytes(ports: Ports) -> int:
    """Return the most bytes of a submission's text."""
    return policies_in_force(ports.store).service.text_bytes


def max_lookup_bytes(ports: Ports) -> int:
    """Return the most bytes of a lookup."""
    return policies_in_force(ports.store).service.lookup_bytes


def find_variables(ports: Ports, person: Person, wanted: str, limit: int) -> list[CatalogueEntry]:
    """Return the first variables whose table, name or description contains every word of `wanted`, in the
    catalogue's order."""
    policies = policies_in_force(ports.store)
    mine = [p for p in policies.projects if person.ident in p.researchers]
    matching = islice(matching_variables(policies, wanted.split()), limit)
    return [catalogue_entry(table, variable, mine) for table, variable in matching]


def matching_variables(policies: PolicySet, words: Sequence[str]) -> Iterator[tuple[CatalogueTable, Variable]]:
    """Yield the variables whose table, name or description contains every word, in the catalogue's order."""
    folded = [word.casefold() for word in words]
    for table in policies.catalogue.tables:
        for variable in table.variables:
            text = f"{table.full_name}.{variable.name} {variable.description}".casefold()
            if all(word in text for word in folded):
                yield table, variable


def catalogue_entry(table: CatalogueTable, variable: Variable, mine: list[ResearchProject]) -> CatalogueEntry:
    """Return a variable with what the projects `mine` were granted of it."""
    granted = []
    for project in mine:
        years = project.granted_years(table.full_name, variable.name)
        if not isinstance(years, bool):
            granted.append(GrantedYears(project.ident, None if years is None else tuple(sorted(years))))
    return CatalogueEntry(
        table=table.full_name,
        variable=variable.name,
        type=variable.type.value,
        cls=variable.cls.value,
        description=variable.description,
        years=None if table.years is None else tuple(sorted(table.years)),
        granted=tuple(granted),
    )
