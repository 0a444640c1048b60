"""Makes a checker's table from a judged one: one row for each cell, each figure exact and as released. Judges
nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from broker.domain.findings import AssessedRow, Assessment, Finding
from broker.domain.plans.scalars import Value

ROWS_SHOWN = 2500
"""Rows on one page."""

DIGITS = 6
"""Digits of an exact figure in the table."""


@dataclass(frozen=True, slots=True)
class EvidenceFigure:
    exact: str
    released: str
    suppressed: bool
    verdict: str
    rules: str

    @property
    def short(self) -> str:
        """The exact figure, rounded to fit into the table. The row's evidence shows all digits."""
        whole, point, rest = self.exact.partition(".")
        places = DIGITS - len(whole.lstrip("-0"))
        if not point or not rest.isdigit() or len(rest.lstrip("0")) <= places:
            return self.exact
        return f"{float(self.exact):.{DIGITS}g}" if places > 0 else f"{float(self.exact):.0f}"

    @property
    def plain(self) -> bool:
        """Whether the figure leaves as it is and no rule has a finding on it."""
        return self.exact == self.released and self.verdict == "publish" and not self.rules

    @property
    def flagged(self) -> bool:
        return self.suppressed or self.verdict != "publish"


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """`number` is the row's place in the whole table, from 0."""

    number: int
    cell: str
    persons: str
    figures: tuple[EvidenceFigure, ...]
    flagged: bool


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """`rows` are shown, of `found` that match the search, of `every`. `flagged` counts rows of the whole table."""

    keys: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[EvidenceRow, ...]
    findings: tuple[dict[str, str], ...]
    notes: tuple[str, ...]
    every: int
    flagged: int
    found: int
    page: int = 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.found // ROWS_SHOWN))

    @property
    def figures(self) -> int:
        return self.every * len(self.columns)


def evidence_table_of(assessment: Assessment) -> EvidenceTable:
    columns = assessment.figure_columns
    rows = tuple(_evidence_row(n, r, columns) for n, r in enumerate(assessment.rows))
    return EvidenceTable(
        keys=tuple(assessment.columns[n] for n in assessment.key_columns),
        columns=tuple(assessment.columns[n] for n in columns),
        rows=rows,
        findings=tuple(map(_finding_fields, assessment.findings)),
        notes=assessment.notes,
        every=len(rows),
        flagged=sum(r.flagged for r in rows),
        found=len(rows),
    )


def select_rows(table: EvidenceTable, words: str, flagged: bool, page: int) -> EvidenceTable:
    """Return one page of the rows with all these words in their keys; only flagged ones if `flagged`."""
    wanted = words.casefold().split()
    found = tuple(r for r in table.rows if (r.flagged or not flagged) and all(w in r.cell.casefold() for w in wanted))
    last = max(1, -(-len(found) // ROWS_SHOWN))
    at = min(max(page, 1), last)
    return replace(table, rows=found[(at - 1) * ROWS_SHOWN : at * ROWS_SHOWN], found=len(found), page=at)


def _evidence_row(number: int, row: AssessedRow, columns: Sequence[int]) -> EvidenceRow:
    cell = ", ".join(value_text(k) or "(missing)" for k in row.keys) or "(all)"
    figures = tuple(_evidence_figures(row, columns))
    return EvidenceRow(number, cell, value_text(row.persons), figures, any(f.flagged for f in figures))


def _evidence_figures(row: AssessedRow, columns: Sequence[int]) -> Iterator[EvidenceFigure]:
    for n in columns:
        values = value_text(row.exact[n]), value_text(row.released[n])
        yield EvidenceFigure(*values, row.suppressed[n], row.verdicts[n], ", ".join(row.rules[n]))


def _finding_fields(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "verdict": finding.verdict.value,
        "sentence": finding.sentence,
        "figures": ", ".join(f"{name} {value}" for name, value in finding.figures),
        "cell": ", ".join(map(value_text, finding.cell or ())),
        "column": finding.column or "",
    }


def value_text(value: Value) -> str:
    """Return a value as people read it."""
    return "" if value is None else str(value)
