"""What comes out of a job: evidence per cell, findings, verdicts, and outputs with their states."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from broker.domain.scalars import Value


class OutputState(StrEnum):
    ASSESSED = "assessed"
    WITHHELD = "withheld"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    RETURNED = "returned"
    REJECTED = "rejected"
    RELEASED = "released"
    RECALLED = "recalled"
    WITHDRAWN = "withdrawn"


OUTPUT_TRANSITIONS: dict[OutputState, frozenset[OutputState]] = {
    OutputState.ASSESSED: frozenset(
        {OutputState.WITHHELD, OutputState.IN_REVIEW, OutputState.APPROVED, OutputState.WITHDRAWN}
    ),
    OutputState.IN_REVIEW: frozenset(
        {OutputState.RETURNED, OutputState.REJECTED, OutputState.APPROVED, OutputState.WITHDRAWN}
    ),
    OutputState.APPROVED: frozenset({OutputState.RELEASED, OutputState.IN_REVIEW}),
    OutputState.RELEASED: frozenset({OutputState.RECALLED}),
    OutputState.WITHHELD: frozenset(),
    OutputState.RETURNED: frozenset(),
    OutputState.REJECTED: frozenset(),
    OutputState.RECALLED: frozenset(),
    OutputState.WITHDRAWN: frozenset(),
}
"""`approved` goes back to `in_review` only where memory has changed it: what was released meanwhile shows more of it
than its checkers saw, and it is another output than the one that they voted on."""

DECIDED_STATES: frozenset[OutputState] = frozenset(set(OutputState) - {OutputState.ASSESSED, OutputState.IN_REVIEW})
"""An output in one of these needs nobody's decision any more."""


class Verdict(StrEnum):
    """What the rules say of a cell, in order of severity."""

    PUBLISH = "publish"
    SUPPRESS = "suppress"
    REVIEW = "review"
    REFUSE = "refuse"


SEVERITY: dict[Verdict, int] = {v: i for i, v in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
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
class StatisticEvidence:
    """What the broker's own code found behind one statistic in one cell.

    Where the vault's proofs allow, evidence is by certificates (`broker.query.rendering.certified`): `persons` and
    `rest` are exact below the threshold t and else lower bounds of at least t; `largest` is an upper bound that leaves
    every verdict as it is. In a cell of fewer than t persons the other fields need not be known. What is None was not
    computed.

    value     the exact value (count, sum, mean or share); None where nothing contributes
    rows      rows that contribute (argument not null; for ONES the rows where it is 1)
    persons   distinct persons that contribute (SUM: with a non-zero total; ONES/SHARE: with a 1)
    rest      ONES/SHARE: distinct persons with a row where the argument is 0; else 0
    rest_rows ONES/SHARE: rows where the argument is 0; else 0
    largest   the largest absolute total of one person (SUM, MEAN), never less than it is; the most rows of one person
              (COUNT_ROWS, QUANTILE), never less; of a file's DEVIATION the largest absolute value; else None
    second    the same of the second person, 0 where there is none; None where unknown: at most `largest`
    low, high smallest and largest total of one person (SUM, MEAN); None where unknown: `low` is then not negative
    others    SUM, MEAN: persons whose total is not the most common one: a lower bound, exact where it is below t and
              half of the rows; None where unknown
    total     sum of the argument over contributing rows (SUM, MEAN, ONES, SHARE); else None
    contributors  COUNT_DISTINCT: the number of distinct values; else None
    bin       QUANTILE: the least power of ten, not under the digits asked for, to which the value can be rounded so
              that enough persons have a value that is rounded to the same; None: there is none
    ties      LOWEST, HIGHEST: persons who have the value; MODE: persons who have the most common one
    institution_largest, institution_second  the two largest totals of |argument| (of counts: rows; of COUNT_PERSONS:
              persons; of ONES, SHARE: ones) of one institution; what has none is taken to be of the largest
    cell_key  the record keys of the distinct persons that contribute (SUM: with a value), added up modulo 2^32;
              rest_key, whole_key of those of the rest, and of both
    """

    value: Value
    rows: int
    persons: int
    rest: int = 0
    rest_rows: int = 0
    largest: Value = None
    second: Value = None
    low: Value = None
    high: Value = None
    total: Value = None
    contributors: int | None = None
    others: int | None = None
    bin: int | None = None
    ties: int | None = None
    institution_largest: Value = None
    institution_second: Value = None
    cell_key: int | None = None
    rest_key: int | None = None
    whole_key: int | None = None


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """One observed cell: key values in the planned order, its rows and distinct persons, each statistic by ident.

    `institutions` behind it, at least, and the persons of the largest, at most; None where they cannot be counted or
    were not asked for. `cell_key`: the record keys of all its persons, added up modulo 2^32.
    """

    keys: tuple[Value, ...]
    rows: int
    persons: int
    statistics: dict[int, StatisticEvidence]
    institutions: int | None = None
    largest_institution: int | None = None
    cell_key: int | None = None


@dataclass(frozen=True, slots=True)
class TableEvidence:
    """Evidence for one planned table: observed cells only. `persons` is the whole filtered population."""

    cells: Sequence[CellEvidence]
    persons: int


@dataclass(frozen=True, slots=True)
class OutputEvidence:
    """Evidence for one planned output: that of each of its tables, in the planned order."""

    name: str
    tables: tuple[TableEvidence, ...]
    public: tuple[tuple[tuple[Value, ...], ...], ...] = ()
    """The rows of each public relation, values in the planned order of columns."""


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
class Audit:
    """What an attacker can still derive after repair: hidden figures known exactly, or more narrowly than asked."""

    targets: int
    exact: int
    narrow: int


@dataclass(frozen=True, slots=True)
class JobEvidence:
    """Evidence for a job: of each output, and of the joint table of each family of linked tables that needs one, in
    order; None where that has more cells than may be looked at."""

    outputs: tuple[OutputEvidence, ...]
    joints: tuple[TableEvidence | None, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedCell:
    """A row of an output after the rules: what it is exactly (staff) and what would be released."""

    keys: tuple[Value, ...]
    exact: tuple[Value, ...]
    released: tuple[Value, ...]
    suppressed: tuple[bool, ...]
    verdicts: tuple[Verdict, ...]
    rules: tuple[tuple[str, ...], ...]
    persons: int


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
    rows: tuple[JudgedCell, ...]
    findings: tuple[Finding, ...]
    verdict: Verdict
    small: bool
    symbols: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """Public sentences printed with the released table (method and public parameters only)."""
    tables: tuple[TableRecord, ...] = ()
    behind: tuple[tuple[int, ...], ...] = ()
    """For each column the statistics of `tables` that it is made of or that these imply."""
    audit: Audit | None = None
    """After repair; None where nothing had to be repaired."""


class OutputKind(StrEnum):
    TABLE = "table"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Output:
    """One table or file of a job. `staff_hash` (keyed) binds what checkers saw; `release_hash` is the SHA-256 of
    the bytes that would leave; both name content in the outputs' store. `memory_version` is the state of memory that it
    was compared with; None before that."""

    ident: str
    job: str
    name: str
    kind: OutputKind
    description: str
    state: OutputState
    media_type: str
    size: int
    release_hash: str | None
    staff_hash: str
    findings_hash: str
    verdict: Verdict
    created: datetime
    claimed_by: str | None = None
    reason: str | None = None
    overrides: tuple[str, ...] = field(default=())
    memory_version: str | None = None
