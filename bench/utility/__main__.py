"""`python -m bench.utility [PUPILS] [tables] [keep]`: what protection costs on tables of published statistics, each by
itself and, without `tables`, in series, as tables and as build/bench/utility-PUPILS.json. `keep`: also in
bench/utility/measured, from which `make docs` makes a page."""

import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.utility.figures import Figure, figures_of, hidden_by_hand, hidden_by_redaction
from bench.utility.histories import Histories, all_series
from bench.utility.population import Population, Shape, population, shapes
from broker.domain.plans.measure import RATIOS, Measure
from broker.domain.plans.scalars import Value

FOLDER = Path("build/bench")
MEASURED = Path(__file__).with_name("measured")
PUPILS = 20_000
CLASSES = (20, 100, 1000)
"""Rows behind a figure: errors are told of figures with at least so many."""
CELL_KEY = "npd-cell-key"
DOMINANCE_OR_CLASS = frozenset({"M2", "M3", "M4", "M5", "M7", "M9", "F2", "F3", "F4", "F6"})
COUNTED = ("figures", "hidden", "class_alone", "hidden_of_30", "by_hand", "small", "redacted", "cell_key")
"""Figures, and how many of them are hidden: by the rules, by those about classes and dominance alone, by the rules with
30 persons or more, by a person who hides the fewest, by a person who looks at each by itself, by "redact, then round",
and under cell-key noise."""


def loss_of(shape: Shape, of: Population) -> dict[str, Any]:
    """What a query loses, with the rules that hide, and the errors of what is shown."""
    plan, assessments = of.judged(shape.text)
    figures = list(figures_of(plan, assessments))
    hidden = [f for f in figures if f.judged.hidden]
    causes = Counter("+".join(sorted(f.judged.rules)) or "with its output" for f in hidden)
    return {
        "name": shape.name,
        "source": shape.source,
        "figures": len(figures),
        "hidden": len(hidden),
        "class_alone": sum(bool(f.judged.rules) and DOMINANCE_OR_CLASS.issuperset(f.judged.rules) for f in hidden),
        "hidden_of_30": sum(f.judged.evidence.persons >= 3 * of.t for f in hidden),
        "large": dict(Counter("+".join(sorted(f.judged.rules)) for f in hidden if is_large(f, of.t))),
        "shows_totals": any(len({table.keys for table in found.tables if table.shown}) > 1 for found in assessments),
        "small": sum(f.is_small(of.t) for f in figures),
        "by_hand": len(hidden_by_hand(figures, of.t)),
        "redacted": len(hidden_by_redaction(figures)),
        "cell_key": sum(f.judged.hidden for f in figures_of(*of.judged(shape.text, CELL_KEY))),
        "causes": dict(causes.most_common()),
        "errors": [*errors(figures)],
    }


def is_large(figure: Figure, t: int) -> bool:
    """Whether a hidden figure has so many persons that only dominance or a class is a reason. A share has few if fewer
    than t are not counted in it."""
    evidence, is_ratio = figure.judged.evidence, figure.statistic.measure in RATIOS
    has_many = evidence.persons > 3 * t and not (is_ratio and evidence.rest < t)
    return has_many and not DOMINANCE_OR_CLASS.intersection(figure.judged.rules)


def errors(figures: Sequence[Figure]) -> Iterator[tuple[str, int, float]]:
    """Of each shown figure its measure, its rows, and how far it is from the truth: for a share in points, else in per
    cent of the truth."""
    for figure in figures:
        exact, shown = _number(figure.judged.evidence.value), _number(figure.judged.released)
        if figure.judged.hidden or exact is None or shown is None:
            continue
        if figure.statistic.measure is Measure.SHARE:
            yield figure.statistic.measure.value, figure.rows, 100 * abs(shown - exact)
        elif exact:
            yield figure.statistic.measure.value, figure.rows, 100 * abs(shown - exact) / abs(exact)


def _number(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float | Decimal) else None


def medians(losses: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    every = [e for loss in losses for e in loss["errors"]]
    for measure in sorted({m for m, _, _ in every}):
        for least in CLASSES:
            some = [apart for m, rows, apart in every if m == measure and rows >= least]
            if some:
                found.setdefault(measure, {})[f"rows >= {least}"] = round(statistics.median(some), 2)
    return found


def histories_of(made: Population, console: Console) -> list[dict[str, Any]]:
    """What each table of each series loses, alone and after those before it."""
    table, found = Table("series", "table", "figures", "hidden alone", "hidden after others"), list[dict[str, Any]]()
    with TemporaryDirectory() as folder:
        histories = Histories(made, Path(folder))
        for series in track(list(all_series()), "histories", console=console):
            for number, loss in enumerate(histories.losses(series), 1):
                found.append({"series": series.name, "table": number, **asdict(loss), "more": loss.more})
                table.add_row(series.name, *map(str, (number, loss.figures, loss.alone, loss.after)))
    console.print(table)
    return found


def _summary(later: Sequence[dict[str, Any]]) -> dict[str, Any]:
    more = [one["more"] for one in later if one["table"] > 1]
    whole = [one for one in later if one["after"] == one["figures"] > one["alone"]]
    return {
        "later_tables": len(more),
        "more_hidden_median": statistics.median(more),
        "more_hidden_most": max(more),
        "hidden_whole": len(whole),
    }


def main(pupils: int, with_series: bool, keep: bool) -> None:
    console = Console()
    with console.status(f"a synthetic NPD of {pupils:,} pupils"):
        made = population(pupils, FOLDER / "populations")
    losses = [loss_of(shape, made) for shape in track(list(shapes()), "tables", console=console)]
    ways = ("by hand", "small", "redacted", "cell key")
    table = Table("table", "figures", "hidden", "class alone", "of 30 or more", *ways)
    for loss in losses:
        table.add_row(loss["name"], *(str(loss[k]) for k in COUNTED))
    total = {k: sum(loss[k] for loss in losses) for k in COUNTED}
    table.add_row("all", *map(str, total.values()))
    console.print(table)
    later = histories_of(made, console) if with_series else []
    told = {"pupils": pupils, **total, "median_errors": medians(losses), **(_summary(later) if later else {})}
    console.print(told)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"utility-{pupils}.json").write_text(
        json.dumps({**told, "tables": losses, "histories": later}, indent=1, default=str) + "\n"
    )
    if keep:
        tables = [{name: loss[name] for name in ("name", "source", *COUNTED)} for loss in losses]
        (MEASURED / f"{pupils}.json").write_text(json.dumps({**told, "tables": tables}, indent=1) + "\n")


if __name__ == "__main__":
    numbers, words = [a for a in sys.argv[1:] if a.isdigit()], sys.argv[1:]
    main(int(numbers[0]) if numbers else PUPILS, "tables" not in words, "keep" in words)
