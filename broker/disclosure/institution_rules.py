"""What a table's plan says of institutions, where the profile protects them: exempt, or not to be counted. The rules on
their figures are in `rules.institutions`."""

from broker.disclosure.rules import Question
from broker.domain.evidence import CellEvidence
from broker.domain.findings import Finding, Verdict
from broker.domain.plans import PlannedTable
from broker.domain.variables import institution_code
from broker.policy.profiles import Profile

EXEMPT = Finding(
    "F6", Verdict.PUBLISH, "Grouped by institution: each cell is one, so only the persons in it are judged."
)
UNKNOWN = Finding("F6", Verdict.REVIEW, "The profile protects institutions, and they cannot be counted here.")


def is_by_institution(planned: PlannedTable) -> bool:
    """Whether a group key is a variable that names institutions, as it stands in the catalogue."""
    return any(k.variable is not None and institution_code(k.variable) is not None for k in planned.keys)


def institution_notice(planned: PlannedTable, profile: Profile) -> tuple[Finding, ...]:
    """What staff are told of a table as a whole; it follows from the plan."""
    return (EXEMPT,) if profile.protects_institutions and is_by_institution(planned) else ()


def uncounted(cell: CellEvidence | None, ask: Question, profile: Profile) -> tuple[Finding, ...]:
    """Of a cell that somebody is in, and whose institutions are not known."""
    asked = profile.protects_institutions and not ask.by_institution and cell is not None and cell.persons > 0
    return (UNKNOWN,) if asked and cell is not None and cell.institutions is None else ()
