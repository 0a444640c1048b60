"""The rules' word on a job's outputs: verdicts, findings, and judged cells, up to the assessment of a whole output."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.scalars import Value


class Verdict(StrEnum):
    """What the rules say of a cell, in order of severity."""

    PUBLISH = "publish"
    SUPPRESS = "suppress"
    REVIEW = "review"
    REFUSE = "refuse"


SEVERITY: dict[Verdict, int] = {v: i for i, v in enumerate(Verdict)}


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=SEVERITY.__getitem__, default=Verdict.PUBLISH)


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's word on one cell or output: for staff only. `figures` are evidence and never leave."""

    rule: str
    verdict: Verdict
    sentence: str
    figures: tuple[tuple[str, str], ...] = ()
    cell: tuple[Value, ...] | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedStatistic:
    """The rules' word on one statistic of one cell: those that spoke of it or of what it implies; and what leaves."""

    statistic: int
    evidence: StatisticEvidence
    rules: tuple[str, ...]
    verdict: Verdict
    hidden: bool
    released: Value = None


@dataclass(frozen=True, slots=True)
class TableRecord:
    """What stands behind an output's figures, for staff: the cells of one planned table with their evidence and what
    was said of it. `statistics` are (id, measure); a cell is its keys, rows, persons and judged statistics."""

    keys: tuple[str, ...]
    statistics: tuple[tuple[int, str], ...]
    cells: tuple[tuple[tuple[Value, ...], int, int, tuple[JudgedStatistic, ...]], ...]
    shown: bool = True


@dataclass(frozen=True, slots=True)
class AssessedRow:
    """A row of an output after the rules: what it is exactly (staff) and what would be released."""

    keys: tuple[Value, ...]
    exact: tuple[Value, ...]
    released: tuple[Value, ...]
    suppressed: tuple[bool, ...]
    verdicts: tuple[Verdict, ...]
    rules: tuple[tuple[str, ...], ...]
    persons: int


@dataclass(frozen=True, slots=True)
class SuppressionAudit:
    """What an attacker can still derive after repair: hidden figures known exactly, or more narrowly than asked."""

    targets: int
    exact: int
    narrow: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """The rules' word on one output: judged rows, findings for staff, and whether a person must look.

    `verdict` is the worst that the output as a whole needs: PUBLISH (may go as protected), SUPPRESS (has
    holes, may go), REVIEW (a person decides) or REFUSE (withheld). `small` says that the whole filtered
    population, or every cell, is under the threshold: it counts against the project's quota.
    """

    name: str
    columns: tuple[str, ...]
    key_count: int
    rows: tuple[AssessedRow, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    small: bool
    symbols: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """Public sentences printed with the released table (method and public parameters only)."""
    tables: tuple[TableRecord, ...] = ()
    column_statistics: tuple[tuple[int, ...], ...] = ()
    """For each column the statistics of `tables` that it is made of or that these imply."""
    audit: SuppressionAudit | None = None
    """After repair; None where nothing had to be repaired."""
