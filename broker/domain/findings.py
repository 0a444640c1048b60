"""Results of the rules for a job's outputs: verdicts, findings and judged cells, up to the assessment of a whole
output."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from broker.domain.evidence import StatisticEvidence
from broker.domain.plans.scalars import Value


class Verdict(StrEnum):
    """Verdict of the rules on a cell, in order of severity."""

    PUBLISH = "publish"
    SUPPRESS = "suppress"
    REVIEW = "review"
    REFUSE = "refuse"


SEVERITY: dict[Verdict, int] = {v: i for i, v in enumerate(Verdict)}


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=SEVERITY.__getitem__, default=Verdict.PUBLISH)


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one rule for one cell or output, for staff only. `figures` are evidence and are never released."""

    rule: str
    verdict: Verdict
    sentence: str
    figures: tuple[tuple[str, str], ...] = ()
    cell: tuple[Value, ...] | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedStatistic:
    """Result of the rules for one statistic of one cell: the rules that apply to it or to what it implies, and the
    released value."""

    statistic: int
    evidence: StatisticEvidence
    rules: tuple[str, ...]
    verdict: Verdict
    hidden: bool
    released: Value = None


@dataclass(frozen=True, slots=True)
class TableRecord:
    """Evidence behind an output's figures, for staff: the cells of one planned table, with their evidence and the
    results of the rules. `statistics`: (id, measure). A cell is (keys, rows, persons, judged statistics)."""

    keys: tuple[str, ...]
    statistics: tuple[tuple[int, str], ...]
    cells: tuple[tuple[tuple[Value, ...], int, int, tuple[JudgedStatistic, ...]], ...]
    shown: bool = True


@dataclass(frozen=True, slots=True)
class AssessedRow:
    """A row of an output after the rules: its exact values (for staff) and its released values. `max_errors`: how far
    rounding moves each released value at most, as it is stated; None: not known; empty in older records."""

    keys: tuple[Value, ...]
    exact: tuple[Value, ...]
    released: tuple[Value, ...]
    suppressed: tuple[bool, ...]
    verdicts: tuple[Verdict, ...]
    rules: tuple[tuple[str, ...], ...]
    persons: int
    max_errors: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class SuppressionAudit:
    """What an attacker can still derive after repair: the number of hidden figures known exactly, and of those known
    more narrowly than required."""

    targets: int
    exact: int
    narrow: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """Result of the rules for one output: judged rows, findings for staff, and whether a checker must review it.
    `verdict` is the worst that the whole output needs: PUBLISH (may be released as protected), SUPPRESS (has suppressed
    cells, may be released), REVIEW (a checker decides) or REFUSE (withheld). `small`: the whole filtered population, or
    every cell, is below the threshold; this counts towards the project's quota."""

    name: str
    columns: tuple[str, ...]
    key_count: int
    rows: tuple[AssessedRow, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    small: bool
    symbols: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences that are printed with the released table: method and public parameters only."""
    tables: tuple[TableRecord, ...] = ()
    column_statistics: tuple[tuple[int, ...], ...] = ()
    """For each column, the statistics of `tables` that it is computed from, and those that these imply."""
    column_kinds: tuple[str, ...] = ()
    """For each column what it shows, as `OutputColumn.statistic`; empty in older records."""
    audit: SuppressionAudit | None = None
    """Audit after repair; None if nothing had to be repaired."""

    @property
    def figure_columns(self) -> tuple[int, ...]:
        """Numbers of the columns of figures. Keys can stand between them."""
        if not self.column_statistics:  # a record without them has its keys first
            return tuple(range(self.key_count, len(self.columns)))
        return tuple(n for n, statistics in enumerate(self.column_statistics) if statistics)

    @property
    def max_errors(self) -> dict[str, list[Value]]:
        """By column, the largest error of each row's released value, for columns of which some are known."""
        found = {
            name: [row.max_errors[n] for row in self.rows if row.max_errors] for n, name in enumerate(self.columns)
        }
        return {name: errors for name, errors in found.items() if any(e is not None for e in errors)}

    @property
    def key_columns(self) -> tuple[int, ...]:
        figures = frozenset(self.figure_columns)
        return tuple(n for n in range(len(self.columns)) if n not in figures)


def add_findings(assessment: Assessment, *found: Finding) -> Assessment:
    """The assessment with further findings, and the verdict that they make it need."""
    verdict = worst_verdict([assessment.verdict, *(f.verdict for f in found)])
    return replace(assessment, findings=(*assessment.findings, *found), verdict=verdict)
