"""Prints an output for a checker at a terminal: evidence, findings, what would leave, the text. Judges nothing."""

import base64
from typing import TYPE_CHECKING, Any

from broker.cli.output.console import print_json, print_line, print_lines, print_table, printable
from broker.domain.plans.scalars import MISSING_LABEL

if TYPE_CHECKING:
    from broker.client.api_answers import EvidenceAnswer

ROWS_SHOWN = 100
"""Most rows that are printed. Longer tables are for the page and for --json."""


def print_evidence(seen: "EvidenceAnswer") -> None:
    print_line(f"output {seen['output']}: {seen['name']}, {seen['state']}")
    for name in ("description", "project", "researcher", "title", "purpose", "verdict"):
        print_line(f"  {name:12} {printable(str(seen[name]))}")
    print_line(f"  {'votes needed':12} {seen['needed']}")
    staff = seen["staff"]
    if "columns" in staff and "rows" in staff:
        _print_cells(staff)
        _print_findings(staff.get("findings", []))
    else:
        _print_file(staff)
    _print_candidate(seen)
    print_line("\nThe job's text:")
    _print_text(seen["text"].splitlines())
    print_lines(f"vote of {vote['checker']}: {vote['choice']} ({vote['reason']})" for vote in seen["votes"])


def _print_text(lines: list[str]) -> None:
    print_lines((printable(line.expandtabs(4)) for line in lines), "  ")


def _print_cells(staff: dict[str, Any]) -> None:
    print_line("\nEvidence, for checkers only (exact -> as it would be released):")
    rows = staff["rows"]
    keys = len(rows[0]["keys"]) if rows else 0
    columns = [*staff["columns"][:keys], "persons", *staff["columns"][keys:], "rules"]
    print_table([str(c) for c in columns], [_row_cells(row, keys) for row in rows[:ROWS_SHOWN]])
    if len(rows) > ROWS_SHOWN:
        print_line(f"{len(rows) - ROWS_SHOWN} further rows: --json gives all.")


def _row_cells(row: dict[str, Any], keys: int) -> list[str]:
    """Return a row's keys, its number of persons, each figure exact and as released, and the rules with findings on
    it."""
    exact, released, hidden, rules = row["exact"], row["released"], row["suppressed"], row["rules"]
    pairs = zip(exact[keys:], released[keys:], hidden[keys:], strict=True)
    figures = [f"{_staff_value_text(e)} -> {'hidden' if h else _staff_value_text(r)}" for e, r, h in pairs]
    named = dict.fromkeys(str(rule) for each in rules for rule in each)
    return [*map(_staff_value_text, row["keys"]), _staff_value_text(row["persons"]), *figures, ", ".join(named)]


def _print_findings(findings: list[dict[str, Any]]) -> None:
    print_line("\nFindings:" if findings else "\nThe rules have no findings.")
    if findings:
        print_table(["rule", "verdict", "cell", "column", "finding"], [_finding_cells(f) for f in findings])


def _finding_cells(finding: dict[str, Any]) -> list[str]:
    cell = ", ".join(_staff_value_text(v) for v in finding.get("cell") or [])
    figures = ", ".join(f"{name} {value}" for name, value in finding.get("figures") or [])
    words = f"{finding['sentence']} {figures}"
    return [str(finding["rule"]), str(finding["verdict"]), cell, _staff_value_text(finding.get("column")), words]


def _print_file(staff: dict[str, Any]) -> None:
    print_line("\nThe file:")
    if staff.get("problem"):
        print_line(f"The file cannot be released: {staff['problem']}")
    print_json(staff.get("summary"))
    for found in staff.get("set_aside", ()):
        print_line(f"Approving sets aside {printable(found['finding'])}: {found['sentence']}")


def _print_candidate(seen: "EvidenceAnswer") -> None:
    if seen["candidate_base64"] is None:
        print_line("\nNothing in this output can be released.")
        return
    print_line(f"\nAs it would be released: {seen['media_type']}, {seen['size']} bytes")
    if seen["media_type"] == "text/csv":
        text = base64.b64decode(seen["candidate_base64"]).decode("utf-8-sig", "replace")
        _print_text(text.splitlines()[: ROWS_SHOWN + 1])


def _staff_value_text(value: Any) -> str:
    """Return a value of the staff JSON as people read it. Decimals and dates are objects with one entry."""
    if value is None:
        return MISSING_LABEL
    if isinstance(value, dict):
        return _staff_value_text(next(iter(value.values()), None))
    return str(value)
