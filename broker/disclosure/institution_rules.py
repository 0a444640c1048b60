"""Rules on institutions, where the profile protects them: F6, and F3 and M3 with schools in place of pupils.

Cells that are grouped by an institution are exempt, for each is one school: they are judged by pupils alone. Which
figures there are is the evidence's business, how they are protected that of other modules.
"""

from decimal import Decimal

from broker.disclosure.evaluate import number, size
from broker.disclosure.rules import BINARY, COUNTS, MAGNITUDES, OF_POLICY, Question
from broker.domain.outputs import CellEvidence, Finding, Verdict
from broker.domain.plans import Measure, PlannedTable
from broker.domain.variables import institution_code
from broker.policy.models import Profile

EXEMPT = Finding(
    "F6", Verdict.PUBLISH, "Grouped by institution: each cell is one, so only the persons in it are judged."
)
UNKNOWN = Finding("F6", Verdict.REVIEW, "The profile protects institutions, and they cannot be counted here.")

AMOUNTS = COUNTS | BINARY | MAGNITUDES | {Measure.GAP}
"""Measures whose figure is a total over institutions."""


def is_by_institution(planned: PlannedTable) -> bool:
    """Whether a group key is a variable that names institutions, as it stands in the catalogue."""
    return any(k.variable is not None and institution_code(k.variable) is not None for k in planned.keys)


def institution_notice(planned: PlannedTable, profile: Profile) -> tuple[Finding, ...]:
    """What staff are told of a table as a whole; it follows from the plan."""
    return (EXEMPT,) if profile.protects_institutions and is_by_institution(planned) else ()


def institution_findings(
    ask: Question, cell: CellEvidence | None, planned: PlannedTable, profile: Profile
) -> tuple[Finding, ...]:
    """Every rule's word on one statistic in one cell that somebody is in."""
    if not profile.protects_institutions or cell is None or not cell.persons or is_by_institution(planned):
        return ()
    if cell.institutions is None:
        return (UNKNOWN,)
    found = (few_institutions(cell, profile), full_institution(cell, profile), dominant_institution(ask, profile))
    return tuple(f for f in found if f is not None)


def few_institutions(cell: CellEvidence, profile: Profile) -> Finding | None:
    """F6: fewer institutions than the profile asks for stand behind the cell."""
    found = cell.institutions
    if found is None or found >= profile.min_institutions:
        return None
    return Finding(
        "F6", Verdict.SUPPRESS, "Too few institutions stand behind this figure.", (("institutions", str(found)),)
    )


def full_institution(cell: CellEvidence, profile: Profile) -> Finding | None:
    """F3: one institution has (nearly) all the persons of the cell, so that the figure is its own."""
    verdict, largest = OF_POLICY[profile.full], cell.largest_institution
    if verdict is None or largest is None or largest < Decimal(str(profile.full_share)) * cell.persons:
        return None
    figures = (("largest", str(largest)), ("persons", str(cell.persons)))
    return Finding("F3", verdict, "One institution has (nearly) everybody of this cell.", figures)


def dominant_institution(ask: Question, profile: Profile) -> Finding | None:
    """M3: what is left after the two largest institutions is under p percent of the largest. An unknown second one may
    be as large as the first."""
    evidence = ask.evidence
    if profile.p_percent is None or ask.measure not in AMOUNTS or evidence.institution_largest is None:
        return None
    first = Decimal(number(evidence.institution_largest))
    second = first if evidence.institution_second is None else Decimal(number(evidence.institution_second))
    left = _whole(ask) - first - second
    if first == 0 or left * 100 >= Decimal(str(profile.p_percent)) * first:
        return None
    figures = (("largest", str(first)), ("second", str(second)), ("left", str(left)))
    return Finding("M3", Verdict.SUPPRESS, "An institution could estimate the largest one's part too closely.", figures)


def _whole(ask: Question) -> Decimal:
    """What the institutions' totals add up to. With negative amounts it is less than their sizes, and M3 the stricter;
    M7 sends such a figure to a person."""
    evidence = ask.evidence
    if ask.measure in MAGNITUDES:
        return Decimal(0 if evidence.total is None else size(evidence.total))
    return Decimal(evidence.persons if ask.measure is Measure.COUNT_PERSONS else evidence.rows)
