"""Evidence of a judged table: the statistics behind the figures of a row, and what an attacker could derive."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from broker.disclosure.records.released_tables import text_of_value
from broker.disclosure.suppression.published_attack import attack_table
from broker.domain.errors import Invalid, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import Person
from broker.domain.identity.permissions import Action
from broker.domain.plans.measure import MAGNITUDES, measures_where
from broker.domain.plans.scalars import value_from_json
from broker.domain.ports import Ports
from broker.workflow.access import reach_output

DERIVABLE = measures_where(lambda t: t.is_additive and not t.is_ratio and not t.counts_persons)
"""Measures whose figures add up over cells: those of a total are the sum of those of its cells."""
MOST_ROWS, MOST_HOLES = 3000, 150
"""With more rows or hidden figures, the attack takes longer than a page may. `broker attack` has no such limit."""


@dataclass(frozen=True, slots=True)
class DerivedFigure:
    """A hidden figure and its derived bounds. Without `high` there is no upper bound."""

    cell: tuple[str, ...]
    exact: str
    low: str
    high: str | None
    known: bool


@dataclass(frozen=True, slots=True)
class AttackedColumn:
    """A column with what was derived about each hidden figure, or the reason (`untried`) why nothing was tried."""

    column: str
    derived: tuple[DerivedFigure, ...]
    untried: str

    @property
    def known(self) -> int:
        return sum(d.known for d in self.derived)


def attack_columns(staff: Mapping[str, Any]) -> tuple[AttackedColumn, ...]:
    """Return each column with a hidden figure. Empty for a private table, which has noise instead, and for a script's
    file."""
    if "rows" not in staff or "privacy" in staff:
        return ()
    columns = range(staff["key_count"], len(staff["columns"]))
    return tuple(_attack_column(staff, c) for c in columns if any(row["suppressed"][c] for row in staff["rows"]))


def _attack_column(staff: Mapping[str, Any], column: int) -> AttackedColumn:
    name, rows = str(staff["columns"][column]), staff["rows"]
    holes = sum(row["suppressed"][column] for row in rows)
    measures = _measures(staff, column)
    # Only figures that add up can be derived from others.
    if not measures or not measures <= DERIVABLE:
        return AttackedColumn(
            name, (), "This column does not add up over cells, so other cells do not reveal a hidden figure."
        )
    if not staff["key_count"]:
        return AttackedColumn(name, (), "The table has only one cell.")
    if len(rows) > MOST_ROWS or holes > MOST_HOLES:
        return AttackedColumn(
            name,
            (),
            f"Working out {holes:,} hidden figures in {len(rows):,} cells takes too long here: use broker attack.",
        )
    try:
        return AttackedColumn(name, tuple(_derive_figures(staff, column, measures)), "")
    except Invalid as fault:
        return AttackedColumn(name, (), f"The hidden figures cannot be worked out: {fault.message}")


def _measures(staff: Mapping[str, Any], column: int) -> set[str]:
    """Return the measures behind the column. Gaps are left out, because they belong to no column alone."""
    known = {ident: measure for table in staff.get("tables", ()) for ident, measure in table["statistics"]}
    behind = staff["behind"][column] if staff.get("behind") else ()
    return {known[i] for i in behind if i in known} - measures_where(lambda t: not t.is_shown)


def _derive_figures(staff: Mapping[str, Any], column: int, measures: set[str]) -> Iterator[DerivedFigure]:
    dimensions = [f"{n}" for n in range(staff["key_count"])]
    texts = [([_text(k) for k in row["keys"]], row) for row in staff["rows"]]
    cells = [
        dict(zip(dimensions, keys, strict=True)) | {"value": "" if row["suppressed"][column] else _figure(row, column)}
        for keys, row in texts
    ]
    # Counts are whole numbers, which narrows what an attacker can derive; sums need not be.
    found = attack_table(dimensions, cells, integers=MAGNITUDES.isdisjoint(measures))
    hidden = [(keys, row) for keys, row in texts if row["suppressed"][column]]
    for (keys, row), answer in zip(hidden, found, strict=True):
        high = None if answer["high"] is None else f"{answer['high']:,}"
        yield DerivedFigure(tuple(keys), _text(row["exact"][column]), f"{answer['low']:,}", high, bool(answer["exact"]))


def _figure(row: Mapping[str, Any], column: int) -> str:
    return _text(row["exact"][column]) or "0"


def _text(value: Any) -> str:
    return text_of_value(value_from_json(value))


EVIDENCE_NAMES: dict[str, str] = {
    "value": "exact value",
    "rows": "rows that contribute",
    "persons": "persons who contribute",
    "rest": "persons with a row that is 0",
    "rest_rows": "rows that are 0",
    "largest": "largest contribution of one person",
    "second": "second largest",
    "low": "smallest total of one person",
    "high": "greatest total of one person",
    "others": "persons whose total is not the most common",
    "total": "total",
    "contributors": "distinct values",
    "bin": "width of a value's bin",
    "ties": "persons with the value",
    "institution_largest": "largest contribution of one institution",
    "institution_second": "second largest of one institution",
}
"""Evidence that checkers see, with its names. Evidence without a name here is not shown."""


@dataclass(frozen=True, slots=True)
class UnderlyingStatistic:
    """A statistic behind a figure in this cell: one of its parts, or an implied statistic."""

    measure: str
    verdict: str
    rules: tuple[str, ...]
    figures: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class FigureEvidence:
    """A figure of the row with its statistics and findings."""

    column: str
    exact: Any
    released: Any
    suppressed: bool
    verdict: str
    rules: tuple[str, ...]
    behind: tuple[UnderlyingStatistic, ...]
    findings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RowEvidence:
    number: int
    keys: tuple[tuple[str, Any], ...]
    persons: int
    figures: tuple[FigureEvidence, ...]


def view_row_evidence(ports: Ports, person: Person, output_ident: str, number: int) -> RowEvidence:
    """Return the evidence of row `number` (from 0) of a table. A person's first view of the output is audited, as on
    the page. Raises Unknown if there is no such row."""
    reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    # Every row is a request of its own; one line in the audit log for each checker is enough.
    if not any(line.event.actor == person.ident for line in ports.store.audit_of(output_ident, "output.viewed")):
        ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    staff = json.loads(ports.content_store.get("staff", ports.store.evidence_digest(output_ident)))
    found = row_evidence(staff, number)
    if found is None:
        raise Unknown("row", f"{output_ident}/{number}")
    return found


def row_evidence(staff: Mapping[str, Any], number: int) -> RowEvidence | None:
    rows = staff.get("rows", ())
    if not 0 <= number < len(rows) or "privacy" in staff:
        return None
    row, count = rows[number], staff["key_count"]
    keys = tuple(zip(map(str, staff["columns"][:count]), row["keys"], strict=False))
    figures = tuple(_figure_evidence(staff, row, c) for c in range(count, len(staff["columns"])))
    return RowEvidence(number, keys, row["persons"], figures)


def _figure_evidence(staff: Mapping[str, Any], row: Mapping[str, Any], column: int) -> FigureEvidence:
    name = str(staff["columns"][column])
    said = [f for f in staff.get("findings", ()) if f.get("column") in {None, name} and f.get("cell") == row["keys"]]
    return FigureEvidence(
        column=name,
        exact=row["exact"][column],
        released=row["released"][column],
        suppressed=bool(row["suppressed"][column]),
        verdict=row["verdicts"][column],
        rules=tuple(row["rules"][column]),
        behind=tuple(_underlying_statistics(staff, row["keys"], column)),
        findings=tuple((f["rule"], f["sentence"]) for f in said),
    )


def _underlying_statistics(staff: Mapping[str, Any], keys: list[Any], column: int) -> Iterator[UnderlyingStatistic]:
    wanted = set(staff["behind"][column]) if staff.get("behind") else set()
    for table in staff.get("tables", ()):
        measures = dict(map(tuple, table["statistics"]))
        for cell, _rows, _persons, judged in table["cells"]:
            if cell == keys:
                yield from (_statistic(measures, j) for j in judged if j[0] in wanted)


def _statistic(measures: Mapping[int, str], judged: list[Any]) -> UnderlyingStatistic:
    ident, evidence, rules, verdict, *_ = judged
    figures = tuple((EVIDENCE_NAMES[name], evidence[name]) for name in EVIDENCE_NAMES if name in evidence)
    return UnderlyingStatistic(measures[ident], verdict, tuple(rules), figures)
