"""What came of each thing that a script handed over, and what checkers are told of it whatever the rules say. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from broker.domain.findings import Assessment, Finding, Verdict, worst
from broker.domain.handed import SENTENCES, HandedFigure, RowsChecked

if TYPE_CHECKING:
    from broker.workflow.release_history.handed import ComparedTable

CHOSEN = "A script chose these rows: the broker has verified whose they are, and not why these and no others."
PREPARED = "A script prepared the rows; columns that are no variables of the catalogue were not verified."
LEFT_OUT = "Rows without a pseudonym were left out."
FEW = "A number is asked of a column with few different values: it tells how many have each of them."
AT_RUN_TIME = "Names of columns do not stand in the script: it made them while it ran, and they can tell anything."
CLOSE = "Another output of this job is of nearly as many people: together they may tell of those few."

OTHERS = "Another table of this job is of other rows, or of these in another order: the two were not judged together."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there are no figures: a closed code, a sentence, and what was counted."""

    code: str
    sentence: str
    figures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Computed:
    """One request and what came of it: an assessment, a figure to draw, or a problem; of how many rows and persons."""

    name: str
    kind: str
    description: str
    found: Assessment | HandedFigure | Problem
    rows: int = 0
    persons: int = 0
    compared: "ComparedTable | None" = None
    """What memory says of a table; None where it was not asked."""


def problem_of(checked: RowsChecked) -> Problem:
    assert checked.problem is not None
    figures = (("times", str(checked.times)), ("rows", str(checked.rows)), ("persons", str(checked.persons)))
    return Problem(checked.problem.value, SENTENCES[checked.problem], figures)


def by_person(
    assessment: Assessment, checked: RowsChecked, derived: Sequence[str], unwritten: Sequence[str] = ()
) -> Assessment:
    """Rows from a script never leave without a person's look, whatever the rules say of their figures."""
    counts = (("rows", checked.rows), ("persons", checked.persons), ("without_pseudonym", checked.without_person))
    counted = (*((name, str(n)) for name, n in counts), ("unverified_columns", ", ".join(derived)))
    found = [Finding("H1", Verdict.REVIEW, CHOSEN, counted)]
    if checked.few:
        found.append(Finding("H2", Verdict.REVIEW, FEW, (("columns", str(checked.few)),)))
    if unwritten:
        found.append(Finding("H3", Verdict.REVIEW, AT_RUN_TIME, (("names", ", ".join(unwritten)),)))
    return replace(
        assessment,
        findings=(*assessment.findings, *found),
        verdict=worst([assessment.verdict, *(f.verdict for f in found)]),
        notes=(*assessment.notes, PREPARED, LEFT_OUT),
    )


def told_close(made: Sequence[Computed], t: int) -> tuple[Computed, ...]:
    """Each output of a job that is of nearly as many people as another says so: whoever leaves one person out of the
    second has that person's figure."""
    return tuple(replace(one, found=_beside(one, [m for m in made if _is_close(one, m, t)])) for one in made)


def _is_close(one: Computed, other: Computed, t: int) -> bool:
    if one is other or not isinstance(other.found, Assessment):
        return False
    apart = max(abs(one.persons - other.persons), min(abs(one.rows - other.rows), 1))
    return 0 < apart < t


def told_others(made: Computed) -> Computed:
    """A table that was judged without another one of its job says so: what is hidden in it may follow from both."""
    if not isinstance(made.found, Assessment):
        return made
    told = Finding("H5", Verdict.REVIEW, OTHERS)
    verdict = worst([made.found.verdict, told.verdict])
    return replace(made, found=replace(made.found, findings=(*made.found.findings, told), verdict=verdict))


def _beside(one: Computed, close: Sequence[Computed]) -> Assessment | HandedFigure | Problem:
    if not isinstance(one.found, Assessment) or not close:
        return one.found
    apart = ", ".join(f"{m.name}: {m.persons - one.persons:+} persons, {m.rows - one.rows:+} rows" for m in close)
    told = Finding("H4", Verdict.REVIEW, CLOSE, (("others", apart),))
    return replace(one.found, findings=(*one.found.findings, told), verdict=worst([one.found.verdict, told.verdict]))
