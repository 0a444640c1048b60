"""How `broker check` and `broker submit` tell people what was found: refusals at their places, uses, notes, counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.segment import Segment, Segments
from rich.style import Style

from broker.cli.pointing import told
from broker.cli.private import print_forecast
from broker.cli.show import out


def print_check(document: dict[str, Any], text: str) -> None:
    """The document of a check as text. It ends with what was counted."""
    out.print(str(document["verdict"]), style="green" if document["verdict"] == "accepted" else "red", markup=False)
    print_refusals(document["refusals"], text)
    for use in document["uses"]:
        span = f" {use['first_year']}-{use['last_year']}" if use["first_year"] else ""
        out.print(f"uses {use['table']}.{use['variable'] or '(rows)'}{span}: {', '.join(use['how'])}", markup=False)
    if document.get("private") is not None:
        print_forecast(document["private"])
    notes = [*document["review"], *document["advice"]]
    for sentence in notes:
        out.print(f"note: {sentence}", markup=False)
    counts = ((document["refusals"], "refusal"), (document["uses"], "use"), (notes, "note"))
    out.print(", ".join(_counted(len(found), word) for found, word in counts), markup=False)


def print_refusals(refusals: Sequence[Mapping[str, Any]], text: str | None) -> None:
    """With excerpts where the text is at hand. Lines go out as they are: tabs stay tabs, so that a caret stands under
    its column."""
    for line in told(refusals, text):
        out.print(Segments([Segment(line.text, Style.parse(line.style)), Segment.line()]), end="")


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
