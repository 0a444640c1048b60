"""A rehearsal of SQL, of a script or of a private script, as a JSON document and as text for people. Judges nothing."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from broker.cli.output.check_document import check_document
from broker.cli.output.console import print_line, print_lines, print_table
from broker.cli.output.cost_output import print_cost
from broker.cli.output.forecast_output import print_forecast
from broker.disclosure.records.released_tables import text_of_value
from broker.domain.jobs.job import OutputState
from broker.domain.ports import SandboxEnd
from broker.workflow.checking.submission_check import CheckedSubmission

if TYPE_CHECKING:
    from broker.workflow.rehearsal.synthetic_data import SyntheticDataSpec


def rehearsal_document(
    checked: CheckedSubmission,
    found: dict[str, Any],
    wanted: "SyntheticDataSpec",
    seconds: dict[str, float],
    private: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what was checked, with what a rehearsal has found."""
    return check_document(checked, private) | found | {"data": _data_document(wanted), "seconds": seconds}


def print_rehearsal(document: dict[str, Any]) -> None:
    if "rehearsed" in document:
        _print_blocks(document)
    elif "end" in document:
        _print_script(document)
    else:
        _print_query(document)


def _data_document(wanted: "SyntheticDataSpec") -> dict[str, Any]:
    first, last = wanted.years
    return {"pupils": wanted.pupils, "years": list(range(first, last + 1)), "seed": wanted.seed}


def _print_data(data: dict[str, Any]) -> None:
    years = data["years"]
    print_line(f"accepted; rehearsed on a synthetic NPD of {data['pupils']:,} pupils, {years[0]}-{years[-1]}")


def _print_seconds(seconds: dict[str, float]) -> None:
    print_line(", ".join(f"{part} {spent:.2f} s" for part, spent in seconds.items()))


def _print_blocks(document: dict[str, Any]) -> None:
    result = document["rehearsed"]
    _print_data(document["data"])
    if document.get("private"):
        print_forecast(document["private"])
    if result["log"].strip():
        print_line(f"what blocks printed (in {result['runtime']}; nobody sees this of a real run):")
        # Many blocks print; the last lines are enough to find a fault.
        print_lines(result["log"].rstrip("\n").split("\n")[-40:], "  ")
    print_line(
        f"{result['failed']} of {result['blocks']:,} blocks had no answer in time: each counts as the middle "
        f"of the range."
    )
    for n in result["numbers"]:
        print_line(
            f"{n['name']}: {n['without_noise']:g} without noise; the blocks' answers spread by {n['spread']:g}, "
            f"{n['beyond']} of them beyond the range"
        )
    print_table(result["output"]["columns"], result["output"]["rows"])
    print_lines(result["notes"], "note: ")
    _print_seconds(document["seconds"])


MOST_ROWS = 100
MOST_REASONS = 30

ROUTE_SENTENCES = {
    OutputState.APPROVED: "would be released automatically",
    OutputState.IN_REVIEW: "would be reviewed by a checker",
    OutputState.WITHHELD: "would be withheld",
}


def _print_query(document: dict[str, Any]) -> None:
    _print_data(document["data"])
    print_lines([*document["review"], *document["advice"]], "note: ")
    if document.get("private") is not None:
        spend = document["private"]["spend"]
        print_line(f"private: a job would cost {', '.join(f'{word} {number:g}' for word, number in spend.items())}")
    print_lines(document["kept"], "saves ")
    for output in document["outputs"]:
        print_output(output)
    if not document["outputs"]:
        print_line("The text requests no output, so nothing runs and nothing is released.")
    print_line("")
    _print_seconds(document["seconds"])


def print_output(output: dict[str, Any]) -> None:
    symbol = next(iter(output["symbols"]), "")
    lines = [
        [symbol if gone else text_of_value(value) for value, gone in zip(row, hidden, strict=True)]
        for row, hidden in zip(output["rows"], output["hidden"], strict=True)
    ]
    print_line("")
    print_line(f"output {output['name']}")
    if "exact" in output:
        print_table(*with_errors(output, lines))
    else:
        print_table(output["columns"], lines[:MOST_ROWS])
    if len(lines) > MOST_ROWS:
        print_line(f"... and {len(lines) - MOST_ROWS:,} more rows: --json has all")
    print_lines(f"{sign}: {explanation}" for sign, explanation in output["symbols"].items())
    print_lines(output["notes"])
    print_line(f"verdict: {output['verdict']}; it {ROUTE_SENTENCES[OutputState(output['way'])]}")
    print_lines(output["why"], "  ")
    if "cost" in output:
        print_cost(output["cost"])
    _print_reasons(output, lines)


def with_errors(output: dict[str, Any], lines: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return the table with the error of each figure. Only synthetic data may be shown with errors."""
    names: list[str] = output["columns"]
    ends = {f"{n}_{word}" for n in names for word in ("low", "high")}
    figures = [i for i, n in enumerate(names) if i not in output["key_columns"] and n not in ends]
    shown = []
    for line, row, exact in zip(lines, output["rows"], output["exact"], strict=True):
        shown.append(line + [_error_text(row[i], None if exact is None else exact[i]) for i in figures])
    return [*names, *(f"error of {names[i]}" for i in figures)], shown[:MOST_ROWS]


def _error_text(noisy: object, exact: object) -> str:
    if isinstance(noisy, (int, float)) and isinstance(exact, (int, float)):
        return f"{noisy - exact:.4g}"
    return ""


def _print_reasons(output: dict[str, Any], lines: list[list[str]]) -> None:
    """Print which rule hid which figure. The data are synthetic, so this may be shown here, and only here."""
    found = list(_reasons(output, lines))
    if not found:
        return
    print_line("hidden, and by which rules (shown for synthetic data only):")
    print_lines(found[:MOST_REASONS], "  ")
    if len(found) > MOST_REASONS:
        print_line(f"  ... and {len(found) - MOST_REASONS:,} more: --json has all")
    used = {rule for row in output["rules"] for rules in row for rule in rules}
    for rule, sentence in output["meaning"].items():
        if rule in used:
            print_line(f"  {rule}: {sentence}")


def _reasons(output: dict[str, Any], lines: list[list[str]]) -> Iterator[str]:
    """Yield a line for each row and set of rules: the columns that these rules hide."""
    for line, hidden, rules in zip(lines, output["hidden"], output["rules"], strict=True):
        keys = ", ".join(line[n] for n in output["key_columns"]) or "all"
        columns: dict[str, list[str]] = {}
        for name, gone, of_cell in zip(output["columns"], hidden, rules, strict=True):
            if gone:
                # No rule: the broker computes the figure from others, of which one is hidden.
                columns.setdefault(", ".join(of_cell) or "computed from hidden figures", []).append(name)
        for why, names in columns.items():
            yield f"{keys}: {', '.join(names)}: {why}"


END_SENTENCES = {
    SandboxEnd.ENDED: "The script ran to its end.",
    SandboxEnd.CRASHED: "The script failed. The error is at the end of what it printed.",
    SandboxEnd.TIME_LIMIT: "The script reached the time limit of a job.",
    SandboxEnd.MEMORY_LIMIT: "The script reached the memory limit of a job.",
    SandboxEnd.OUTPUT_LIMIT: "The script wrote or printed more than a job may.",
}
OUTPUT_KIND_SENTENCES = {
    "table": "rows from which the broker makes a table by its rules; a checker reviews the table",
    "regression": "rows on which the broker fits a model; a checker reviews the model",
    "figure": "a figure that the broker draws from a released table",
    "file": "a file that the script made; a checker reviews the file",
}


def _print_script(document: dict[str, Any]) -> None:
    _print_data(document["data"])
    print_lines(document["review"], "note: ")
    print_line("")
    print_line(f"what the script printed (in {document['runtime']}; only checkers see this of a real run):")
    print_lines(document["log"].rstrip("\n").split("\n"), "  ")
    print_line("")
    print_line(END_SENTENCES.get(SandboxEnd(document["end"]), f"The script did not end properly: {document['end']}."))
    for output in document["left"]:
        undeclared = "" if output["declared"] else "; the header does not declare this file, so it is not used"
        print_line(
            f"output {output['name']}: {OUTPUT_KIND_SENTENCES[output['kind']]}; {output['bytes']:,} bytes{undeclared}"
        )
        if output["problem"]:
            print_line(f"  it could not be used: {output['problem']}")
        print_lines(output["look_at"], "  a checker would read: ")
    for name in document["absent"] if document["end"] == SandboxEnd.ENDED.value else ():
        print_line(f"output {name}: declared but not written")
    for output in document["outputs"]:
        print_output(output)
    print_line("")
    _print_seconds(document["seconds"])
