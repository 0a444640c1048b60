"""A rehearsal as a JSON document, with its check, and as text for people. Judges nothing."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from broker.cli.check_document import check_document
from broker.cli.show import print_table, say
from broker.disclosure.records.renderings import text_of_value
from broker.domain.outputs import OutputState
from broker.workflow.check import Checked
from broker.workflow.rehearsal_document import output_document
from broker.workflow.rehearse import Rehearsed

if TYPE_CHECKING:
    from broker.workflow.rehearsal_data import Wanted

MOST_ROWS = 100
MOST_REASONS = 30

WAYS = {
    OutputState.APPROVED: "would go: the rules need nobody's look",
    OutputState.IN_REVIEW: "would be looked at by a person",
    OutputState.WITHHELD: "would be withheld",
}


def rehearsal_document(
    checked: Checked,
    outputs: Sequence[Rehearsed],
    wanted: "Wanted",
    seconds: dict[str, float],
    private: dict[str, Any] | None = None,
) -> dict[str, Any]:
    first, last = wanted.years
    data = {"pupils": wanted.pupils, "years": list(range(first, last + 1)), "seed": wanted.seed}
    return check_document(checked, private) | {
        "outputs": [output_document(o) for o in outputs],
        "data": data,
        "seconds": seconds,
    }


def print_rehearsal(document: dict[str, Any]) -> None:
    data = document["data"]
    years = data["years"]
    say(f"accepted; rehearsed on a synthetic NPD of {data['pupils']:,} pupils, {years[0]}-{years[-1]}")
    for sentence in [*document["review"], *document["advice"]]:
        say(f"note: {sentence}")
    if document.get("private") is not None:
        spend = document["private"]["spend"]
        say(f"private: a job would cost {', '.join(f'{word} {number:g}' for word, number in spend.items())}")
    for name in document["kept"]:
        say(f"keeps {name}")
    for output in document["outputs"]:
        print_output(output)
    if not document["outputs"]:
        say("It asks for no output: nothing runs, and nothing leaves.")
    say("")
    say(", ".join(f"{part} {spent:.2f} s" for part, spent in document["seconds"].items()))


def print_output(output: dict[str, Any]) -> None:
    symbol = next(iter(output["symbols"]), "")
    lines = [
        [symbol if gone else text_of_value(value) for value, gone in zip(row, hidden, strict=True)]
        for row, hidden in zip(output["rows"], output["hidden"], strict=True)
    ]
    say("")
    say(f"output {output['name']}")
    if "exact" in output:
        print_table(*beside_exact(output, lines))
    else:
        print_table(output["columns"], lines[:MOST_ROWS])
    if len(lines) > MOST_ROWS:
        say(f"... and {len(lines) - MOST_ROWS:,} more rows: --json has all")
    for sign, meaning in output["symbols"].items():
        say(f"{sign}: {meaning}")
    for sentence in output["notes"]:
        say(sentence)
    say(f"verdict: {output['verdict']}; it {WAYS[OutputState(output['way'])]}")
    for sentence in output["why"]:
        say(f"  {sentence}")
    _print_reasons(output, lines)


def beside_exact(output: dict[str, Any], lines: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """The table with each figure's error, which can be told of synthetic data only."""
    names: list[str] = output["columns"]
    ends = {f"{n}_{word}" for n in names for word in ("low", "high")}
    figures = [i for i, n in enumerate(names) if i >= output["key_count"] and n not in ends]
    told = []
    for line, row, exact in zip(lines, output["rows"], output["exact"], strict=True):
        told.append(line + [_error(row[i], None if exact is None else exact[i]) for i in figures])
    return [*names, *(f"error of {names[i]}" for i in figures)], told[:MOST_ROWS]


def _error(noisy: object, exact: object) -> str:
    if isinstance(noisy, (int, float)) and isinstance(exact, (int, float)):
        return f"{noisy - exact:.4g}"
    return ""


def _print_reasons(output: dict[str, Any], lines: list[list[str]]) -> None:
    """Which rule hid what: the data are nobody's, so that it can be told here, and only here."""
    found = list(_reasons(output, lines))
    if not found:
        return
    say("hidden, and by which rules (told of synthetic data only):")
    for reason in found[:MOST_REASONS]:
        say(f"  {reason}")
    if len(found) > MOST_REASONS:
        say(f"  ... and {len(found) - MOST_REASONS:,} more: --json has all")
    used = {rule for row in output["rules"] for rules in row for rule in rules}
    for rule, sentence in output["meaning"].items():
        if rule in used:
            say(f"  {rule}: {sentence}")


def _reasons(output: dict[str, Any], lines: list[list[str]]) -> Iterator[str]:
    """One for each row and set of rules: the columns that these hide."""
    for line, hidden, rules in zip(lines, output["hidden"], output["rules"], strict=True):
        keys = ", ".join(line[: output["key_count"]]) or "all"
        columns: dict[str, list[str]] = {}
        for name, gone, of_cell in zip(output["columns"], hidden, rules, strict=True):
            if gone:
                columns.setdefault(", ".join(of_cell) or "computed from hidden figures", []).append(name)
        for why, names in columns.items():
            yield f"{keys}: {', '.join(names)}: {why}"
