"""The page of what protection costs, from the figures that `python -m bench.utility PUPILS keep` measured."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).parents[2] / "bench" / "utility" / "measured"
WAYS = {
    "hidden": "the broker, npd-default",
    "by_hand": "by hand, fewest others",
    "redacted": "redact, then round",
    "cell_key": "the broker, npd-cell-key",
}
MEASURES = {
    "share": ("shares", "points"), "mean": ("means", "%"), "quantile": ("quantiles", "%"), "sum": ("sums", "%"),
    "count": ("counts of rows", "%"), "count_persons": ("counts of persons", "%"), "ones": ("counts of a flag", "%"),
}  # fmt: skip
MOST_TABLES = 12


def measured() -> list[dict[str, Any]]:
    """What was measured, the smallest population first."""
    return sorted((json.loads(path.read_text()) for path in MEASURED.glob("*.json")), key=lambda found: found["pupils"])


def utility_page() -> str:
    """The text of docs/reference/utility.md."""
    every = measured()
    return "\n".join([*_opening(every), *_hidden(every), *_errors(every), *_series(every), *_tables(every), ""])


def _opening(every: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "# What protection costs"
    yield ""
    yield f"""The benchmark asks {len(every[0]["tables"])} queries of synthetic populations. Each makes a table that statistics of the
Department for Education or papers on the NPD have. `bench/utility/shapes.sql` holds the queries with their sources.
Only figures with somebody behind them are counted. Each query is judged alone, as a rehearsal judges it.

`python -m bench.utility 100000 keep` measures a population of 100,000 pupils, and `make docs` writes this page."""
    yield ""


def _hidden(every: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "## Hidden figures"
    yield ""
    yield """- **By hand, fewest others**: figures of fewer than ten persons, and the fewest others so that nobody subtracts one
  hidden figure from a total. An integer program finds them. This is the rule of a seasoned output checker.
- **Redact, then round**: OpenSAFELY's `redact_small_numbers`: figures of up to seven persons, and the next smallest
  until more than seven persons are hidden in a column.
- The broker also hides figures that show all of a group to be alike (`F3`), and amounts that are mostly one person's
  (`M2`, `M9`). No threshold demands this, so the other ways show these figures. The last column leaves them out."""
    yield ""
    yield "| pupils | figures | " + " | ".join(WAYS.values()) + " | to by hand | without classes and dominance |"
    yield "| --- " * (len(WAYS) + 4) + "|"
    for one in every:
        hidden = " | ".join(f"{one[way]:,} ({one[way] / one['figures']:.1%})" for way in WAYS)
        ratios = " | ".join(f"{n / one['by_hand']:.2f} ×" for n in (one["hidden"], one["hidden"] - one["class_alone"]))
        yield f"| {one['pupils']:,} | {one['figures']:,} | {hidden} | {ratios} |"
    yield ""
    yield from _chart(every)


def _chart(every: Sequence[dict[str, Any]]) -> Iterator[str]:
    shares = {way: [100 * one[way] / one["figures"] for one in every] for way in ("hidden", "by_hand", "redacted")}
    top = max(5, 5 * (1 + int(max(max(of) for of in shares.values()) // 5)))
    yield "Hidden figures in per cent of all, by pupils. Bars: the broker. First line: by hand. Second line: redact, then"
    yield "round."
    yield ""
    yield "```mermaid"
    yield "xychart-beta"
    yield "    x-axis [" + ", ".join(f'"{one["pupils"]:,}"' for one in every) + "]"
    yield f'    y-axis "per cent" 0 --> {top}'
    for kind, way in (("bar", "hidden"), ("line", "by_hand"), ("line", "redacted")):
        yield f"    {kind} [" + ", ".join(f"{share:.1f}" for share in shares[way]) + "]"
    yield "```"
    yield ""


def _errors(every: Sequence[dict[str, Any]]) -> Iterator[str]:
    classes = ("rows >= 20", "rows >= 100", "rows >= 1000")
    yield "## Figures that are shown"
    yield ""
    yield "The median distance from the exact figure, by the rows behind it. Of shares in points, of all others in per cent."
    yield ""
    yield "| pupils | figures | " + " | ".join(f"{c.removeprefix('rows >= ')} rows or more" for c in classes) + " |"
    yield "| --- " * (len(classes) + 2) + "|"
    for one in every:
        for measure, (name, unit) in MEASURES.items():
            if found := one["median_errors"].get(measure):
                told = " | ".join(f"{found[c]:g} {unit}" if c in found else "" for c in classes)
                yield f"| {one['pupils']:,} | {name} | {told} |"
    yield ""


def _series(every: Sequence[dict[str, Any]]) -> Iterator[str]:
    if not any("later_tables" in one for one in every):
        return
    yield "## Later tables of a series"
    yield ""
    yield """`bench/utility/series.sql` holds series of tables: a year more, a key more, a filter more, local authority then
region, a corrected table. The broker compares each later table with those that it released before. The table says which
share of the figures shown alone is lost then."""
    yield ""
    yield "| pupils | later tables | median | most | tables lost whole |"
    yield "| --- | --- | --- | --- | --- |"
    for one in every:
        if "later_tables" in one:
            lost = f"{one['more_hidden_median']:.1%} | {one['more_hidden_most']:.1%}"
            yield f"| {one['pupils']:,} | {one['later_tables']} | {lost} | {one['hidden_whole']} |"
    yield ""


def _tables(every: Sequence[dict[str, Any]]) -> Iterator[str]:
    one = next((found for found in every if found["pupils"] == 100_000), every[0])
    tables = sorted(one["tables"], key=lambda table: -table["hidden"])
    without = sum(1 for table in tables if not table["hidden"])
    yield f"## Tables of {one['pupils']:,} pupils that lose most"
    yield ""
    yield f"Of {len(tables)} tables, {without} lose nothing."
    yield ""
    yield "| table | as in | figures | hidden | by hand | redact, then round |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for table in tables[:MOST_TABLES]:
        if table["hidden"]:
            counts = " | ".join(str(table[name]) for name in ("figures", "hidden", "by_hand", "redacted"))
            yield f"| {table['name']} | {table['source']} | {counts} |"
