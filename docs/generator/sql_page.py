"""The page that tells researchers which SQL is understood, written from the tables that decide. No data, no rules."""

from collections.abc import Iterable

from broker.policy.release_history_policy import StandardPopulation
from broker.query.dialects.base import AllowedFunction
from broker.query.dialects.common_functions import COMMON
from broker.query.dialects.known_dialects import DIALECTS
from docs.generator.refusal_codes import CODES
from docs.generator.refusal_codes.example_refusals import advice_of
from docs.generator.sql_differences import DIFFERENCES, FOLLOWED
from docs.generator.sql_shapes import REFUSED, SHAPES, SHORT_NAMES

HEAD = """# SQL that is understood

A job is a text in the dialect `tsql` or `duckdb`: one `SELECT`, or several statements; each `SELECT` that is not kept
in a temporary table is an output. An output shows groups of people and aggregates of them, never rows. Every expression
is translated to a closed list of operations whose meaning is that of the dialect it was written in; what cannot be
followed exactly is refused, with the form to write. An error that only some rows can cause would reveal those rows, so
a form that can fail on a row is refused too. This page is written from the tables in the code
(`docs/generator/sql_shapes.py`, `broker/query/dialects`, `docs/generator/sql_differences.py`).
"""
SHAPES_HEAD = """
## Shapes of queries

In the examples {words}. The condition on years that every table needs is left out.
What stands above the aggregates (HAVING, ORDER BY, windows, ratios, further levels) sees protected values only:
rounded, and without those that are hidden. A person decides about an output where this page says so, and else where the
profile of the project says so.
"""
REFUSED_HEAD = """
### What is refused, and what to write instead

| you want | instead | code |
| --- | --- | --- |
"""
BOUNDS = """
Values are taken to lie within the catalogue's bounds, dates within the years 1 to 9999, and texts without a code list
to have at most 255 characters. Whole numbers are computed with 64 bits, decimals with up to 38 digits, and floats with
64 bits.
"""
NOTES = {
    "duckdb": """
In `duckdb`, `/` gives a fraction, `//` a whole number; text is compared exactly; casting a fraction to a whole number
rounds in DuckDB and is refused; `float` and `real` have 32 bits and are refused, write `double`; `TRY_CAST` reads text
as DuckDB does, and gives NULL for what is not finite; `date_trunc` and `d + INTERVAL` give dates; `date_diff('week')`
counts whole weeks.
"""
}
"""What else differs in a dialect, by its name."""


STANDARD_HEAD = """
## Standard populations

Two tables about one population can both be released whole. Of two about nearly one population the second is repaired:
figures are hidden or keep their earlier values, because the difference would disclose facts about a few people. So policy names
populations that many tables are about, and `broker check` says when a text is near one: when it has some of the
conditions, or all of them and leaves out who has no value somewhere. It says so by the text alone; nothing is
refused for it.

| name | table | condition | who |
| --- | --- | --- | --- |
"""


def sql_page(standard: Iterable[StandardPopulation]) -> str:
    """docs/reference/sql.md, with policy's standard populations."""
    parts = [HEAD, _shapes(), "\n## T-SQL as it runs here\n", BOUNDS]
    for title, rows in DIFFERENCES.items():
        parts.append(f"\n### {title}\n\n| construct | T-SQL | here | |\n| --- | --- | --- | --- |\n")
        for d in rows:
            verdict = FOLLOWED if d.verdict == FOLLOWED else f"refused: `{d.verdict}`"
            parts.append(f"| {_cell(d.construct)} | {_cell(d.tsql)} | {_cell(d.here)} | {verdict} |\n")
    parts += ["\n## In both dialects\n", _functions(COMMON)]
    for dialect in DIALECTS.values():
        own = [f for f in dialect.functions if f not in COMMON]
        parts += [f"\n## In `{dialect.name}`\n", NOTES.get(dialect.name, ""), _functions(own)]
    return "".join([*parts, STANDARD_HEAD, standard_rows(standard)])


def standard_rows(standard: Iterable[StandardPopulation]) -> str:
    return "".join(f"| {p.name} | `{p.table}` | `{_cell(p.where)}` | {p.about} |\n" for p in standard)


def _shapes() -> str:
    words = ", ".join(f"`{short}` stands for `{name}`" for short, name in SHORT_NAMES.items())
    parts = [SHAPES_HEAD.format(words=words)]
    for title, shapes in SHAPES.items():
        rows = (f"| {s.title} | `{_cell(s.example)}` | {s.note} |\n" for s in shapes)
        parts += [f"\n### {title}\n\n| shape | example | |\n| --- | --- | --- |\n", *rows]
    refused = (CODES[code] for code in REFUSED)
    rows = (f"| {c.title} | {_cell(advice_of(c))} | [{c.code}](refusals.md#{c.code}) |\n" for c in refused)
    return "".join([*parts, REFUSED_HEAD, *rows])


def _functions(table: Iterable[AllowedFunction]) -> str:
    rows = [f"| `{_cell(f.form)}` | {f.result} | {f.literals} |\n" for f in table]
    return "\n| form | gives | written out |\n| --- | --- | --- |\n" + "".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
