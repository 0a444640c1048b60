"""A private script's rehearsal as a JSON document (a contract that other programs rely on) and as text for people."""

from typing import TYPE_CHECKING, Any

from broker.cli.check_document import check_document
from broker.cli.private import print_forecast
from broker.cli.show import print_table, say
from broker.disclosure.records.renderings import text_of_value
from broker.workflow.check import Checked

if TYPE_CHECKING:
    from broker.workflow.private.by_blocks.asking import PrivateScript
    from broker.workflow.private.by_blocks.rehearsing import RehearsedBlocks
    from broker.workflow.rehearsal_data import Wanted

DIGITS = 6


def blocks_document(
    checked: Checked,
    script: "PrivateScript",
    found: "RehearsedBlocks",
    wanted: "Wanted",
    private: dict[str, Any] | None,
    seconds: dict[str, float],
) -> dict[str, Any]:
    first, last = wanted.years
    rows = [[text_of_value(v) for v in row.released] for row in found.table.rows]
    told = {
        "runtime": found.runtime,
        "blocks": script.asks.blocks,
        "estimator": script.asks.estimator.value,
        "failed": found.failed,
        "numbers": [
            {"name": n.name, "without_noise": _plain(n.without), "spread": _plain(n.spread), "beyond": n.beyond}
            for n in found.numbers
        ],
        "output": {"name": found.table.name, "columns": list(found.table.columns), "rows": rows},
        "notes": list(found.table.notes),
        "log": found.log,
    }
    data = {"pupils": wanted.pupils, "years": list(range(first, last + 1)), "seed": wanted.seed}
    return check_document(checked, private) | {"rehearsed": told, "data": data, "seconds": seconds}


def _plain(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def print_blocks(document: dict[str, Any]) -> None:
    data, told = document["data"], document["rehearsed"]
    years = data["years"]
    say(f"accepted; rehearsed on a synthetic NPD of {data['pupils']:,} pupils, {years[0]}-{years[-1]}")
    if document.get("private"):
        print_forecast(document["private"])
    if told["log"].strip():
        say(f"what blocks printed (in {told['runtime']}; of a real run, nobody sees it):")
        for line in told["log"].rstrip("\n").split("\n")[-40:]:
            say(f"  {line}")
    say(f"{told['failed']} of {told['blocks']:,} blocks had no answer in time: each counts as the middle of the range.")
    for n in told["numbers"]:
        say(
            f"{n['name']}: {n['without_noise']:g} without noise; the blocks' answers spread by {n['spread']:g}, "
            f"{n['beyond']} of them beyond the range"
        )
    print_table(told["output"]["columns"], told["output"]["rows"])
    for sentence in told["notes"]:
        say(f"note: {sentence}")
    say(", ".join(f"{part} {spent:.2f} s" for part, spent in document["seconds"].items()))
