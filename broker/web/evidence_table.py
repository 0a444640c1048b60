"""A checker's table out of the staff JSON: a row a cell, each figure exact and as released. Judges nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ROWS_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Figure:
    exact: str
    released: str
    suppressed: bool
    verdict: str
    rules: str

    @property
    def plain(self) -> bool:
        """Leaves as it is, and no rule has a word on it: a key, or a figure that needs no protection."""
        return self.exact == self.released and self.verdict == "publish" and not self.rules


@dataclass(frozen=True, slots=True)
class Row:
    cell: str
    persons: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`more` rows are not shown on the page: the API gives all."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    findings: tuple[dict[str, str], ...]
    notes: tuple[str, ...]
    more: int


def table_of(staff: dict[str, Any]) -> Table | None:
    """None for a script's file, which has no cells."""
    if "columns" not in staff or "rows" not in staff:
        return None
    rows = staff["rows"]
    return Table(
        columns=tuple(str(name) for name in staff["columns"]),
        rows=tuple(_row(r) for r in rows[:ROWS_SHOWN]),
        findings=tuple(_finding(f) for f in staff.get("findings", [])),
        notes=tuple(map(str, staff.get("notes", []))),
        more=max(0, len(rows) - ROWS_SHOWN),
    )


def _row(row: dict[str, Any]) -> Row:
    figures = _figures(row)
    cell = ", ".join(text(k) or "(missing)" for k in row["keys"]) or "(all)"
    return Row(cell, text(row["persons"]), tuple(figures))


def _figures(row: dict[str, Any]) -> Iterator[Figure]:
    parts = zip(row["exact"], row["released"], row["suppressed"], row["verdicts"], row["rules"], strict=True)
    for exact, released, suppressed, verdict, rules in parts:
        yield Figure(text(exact), text(released), bool(suppressed), str(verdict), ", ".join(map(str, rules)))


def _finding(finding: dict[str, Any]) -> dict[str, str]:
    cell = finding.get("cell")
    return {
        "rule": str(finding["rule"]),
        "verdict": str(finding["verdict"]),
        "sentence": str(finding["sentence"]),
        "figures": ", ".join(f"{name} {value}" for name, value in finding.get("figures") or []),
        "cell": "" if cell is None else ", ".join(text(v) for v in cell),
        "column": text(finding.get("column")),
    }


def text(value: Any) -> str:
    """A value of the staff JSON as people read it; decimals and dates come as one-entry objects."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return text(next(iter(value.values()), None))
    return str(value)
