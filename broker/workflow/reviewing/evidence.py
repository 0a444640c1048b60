"""The evidence behind one row of a judged table, figure by figure, as people read it. Staff only."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from broker.domain.audit import AuditEvent
from broker.domain.errors import Unknown
from broker.domain.people import Person
from broker.domain.permissions import Action
from broker.domain.ports import Ports
from broker.workflow.relations import reach_output

NAMES: dict[str, str] = {
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
"""Keys of records stay unsaid: they are no evidence for people."""


@dataclass(frozen=True, slots=True)
class Behind:
    """One statistic that a figure is made of, or implies, in this cell."""

    measure: str
    verdict: str
    rules: tuple[str, ...]
    figures: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure of the row with what is behind it and the findings on it."""

    column: str
    exact: Any
    released: Any
    suppressed: bool
    verdict: str
    rules: tuple[str, ...]
    behind: tuple[Behind, ...]
    findings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RowEvidence:
    number: int
    keys: tuple[tuple[str, Any], ...]
    persons: int
    figures: tuple[Shown, ...]


def of_row(ports: Ports, person: Person, output_ident: str, number: int) -> RowEvidence:
    """Row `number` (from 0) of a table. The first look of a person is audited, as the page's is."""
    reach_output(ports, person, Action.VIEW_EVIDENCE, output_ident)
    if not any(line.event.actor == person.ident for line in ports.store.audit_of(output_ident, "output.viewed")):
        ports.store.record([AuditEvent(ports.clock.now(), person.ident, "output.viewed", output_ident)])
    staff = json.loads(ports.shelf.get("staff", ports.store.evidence_digest(output_ident)))
    found = row_of(staff, number)
    if found is None:
        raise Unknown("row", f"{output_ident}/{number}")
    return found


def row_of(staff: Mapping[str, Any], number: int) -> RowEvidence | None:
    rows = staff.get("rows", ())
    if not 0 <= number < len(rows) or "privacy" in staff:
        return None
    row, count = rows[number], staff["key_count"]
    keys = tuple(zip(map(str, staff["columns"][:count]), row["keys"], strict=False))
    figures = tuple(_shown(staff, row, c) for c in range(count, len(staff["columns"])))
    return RowEvidence(number, keys, row["persons"], figures)


def _shown(staff: Mapping[str, Any], row: Mapping[str, Any], column: int) -> Shown:
    name = str(staff["columns"][column])
    said = [f for f in staff.get("findings", ()) if f.get("column") in {None, name} and f.get("cell") == row["keys"]]
    return Shown(
        column=name,
        exact=row["exact"][column],
        released=row["released"][column],
        suppressed=bool(row["suppressed"][column]),
        verdict=row["verdicts"][column],
        rules=tuple(row["rules"][column]),
        behind=tuple(_behind(staff, row["keys"], column)),
        findings=tuple((f["rule"], f["sentence"]) for f in said),
    )


def _behind(staff: Mapping[str, Any], keys: list[Any], column: int) -> Iterator[Behind]:
    wanted = set(staff["behind"][column]) if staff.get("behind") else set()
    for table in staff.get("tables", ()):
        measures = dict(map(tuple, table["statistics"]))
        for cell, _rows, _persons, judged in table["cells"]:
            if cell == keys:
                yield from (_statistic(measures, j) for j in judged if j[0] in wanted)


def _statistic(measures: Mapping[int, str], judged: list[Any]) -> Behind:
    ident, evidence, rules, verdict, *_ = judged
    told = tuple((NAMES[name], evidence[name]) for name in NAMES if name in evidence)
    return Behind(measures[ident], verdict, tuple(rules), told)
