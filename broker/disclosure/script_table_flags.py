"""Flags for checkers on a table that a script wrote: small counts, extremes, identifiers, and rows of single
persons."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from broker.disclosure.judge_regression import is_per_person
from broker.disclosure.rules.rule import finding
from broker.domain.findings import Finding, Verdict
from broker.policy.disclosure_rules import DisclosureRules

NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+", re.ASCII)
# fmt: off
CODE_WORDS = frozenset({
    "age", "band", "bin", "category", "class", "cluster", "code", "component", "cutoff", "day", "decile", "event",
    "flag", "fold", "grade", "group", "id", "index", "iteration", "knot", "lag", "lead", "level", "month", "order",
    "percentile", "period", "phase", "quantile", "quarter", "quartile", "quintile", "rank", "stage", "step", "stratum",
    "tercile", "term", "time", "wave", "week", "year",
})
# fmt: on
"""Words in the names of columns that identify groups or times."""
CODE_NAME_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
LEAST_ROWS = 3
"""From this many rows on, a column with one value describes all rows."""
KnownCodes = Mapping[str, frozenset[str] | None]
"""Variables of the catalogue by case-folded name, with the codes that each can have; None if there is no list."""


def code_columns(columns: Sequence[str], rows: Sequence[Sequence[str]], known: KnownCodes) -> frozenset[str]:
    """Names of the columns that hold codes and not counts."""
    texts = {i for i in range(len(columns)) if _is_text([row[i] for row in rows])}
    called = {
        i for i, name in enumerate(columns) if i not in texts and _has_code_name(name, [row[i] for row in rows], known)
    }
    # A constant describes all rows.
    same = {i for i in called if len(rows) >= LEAST_ROWS and len({row[i] for row in rows}) == 1}
    keys = texts | called | {i for i, name in enumerate(columns) if name.casefold() in known}
    # A column that only sounds like a code counts as one if the rows would not be distinct without it.
    needed = {i for i in called - same if _identifies_rows(rows, keys) and not _identifies_rows(rows, keys - {i})}
    return frozenset(columns[i] for i in needed | same)


def _is_text(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return 2 * sum(not NUMBER.fullmatch(cell) for cell in filled) > len(filled)  # mostly not numbers


def holds_codes(name: str, cells: Sequence[str], known: KnownCodes) -> bool:
    """Whether a column is named like a variable of the catalogue and holds nothing but its codes."""
    codes = known.get(name.casefold())
    return codes is not None and set(cells) <= codes | {""}


def _has_code_name(name: str, cells: Sequence[str], known: KnownCodes) -> bool:
    if known.get(name.casefold()) is not None:
        return holds_codes(name, cells, known)
    return bool({part.casefold() for part in CODE_NAME_PARTS.findall(name)} & CODE_WORDS)


def _identifies_rows(rows: Sequence[Sequence[str]], places: Collection[int]) -> bool:
    """Whether no two rows are equal in these columns."""
    return len({tuple(row[i] for i in places) for row in rows}) == len(rows)


EXTREME_WORDS = frozenset({
    "min", "max", "minimum", "maximum", "first", "last", "lowest", "highest", "smallest", "largest", "nsmallest",
    "nlargest",
})  # fmt: skip
EXTREME_NAME_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+(?:\.[0-9]+)?%?")
PERCENT = re.compile(r"(?:p|pct|perc|percentile)_?([0-9]{1,3}(?:\.[0-9]+)?)|([0-9]{1,3}(?:\.[0-9]+)?) ?%")
FRACTION = re.compile(r"(?:q|quantile)_?(0\.[0-9]+|[01]\.?0?)")
LABELLED_LINE = re.compile(r"^\W*([A-Za-z0-9.%_]+)\"?\W+[-+]?[0-9]", re.MULTILINE)
"""The first word of a line, or a JSON key, followed by a number."""


def extreme_columns(columns: Sequence[str], percent: float) -> list[str]:
    return [name for name in columns if is_extreme(name, percent)]


def extreme_rows(rows: Sequence[Sequence[str]], percent: float) -> list[str]:
    """Labels of rows that name an extreme, as a summary of a column has them."""
    return sorted({cell for row in rows for cell in row if is_extreme(cell, percent, alone=True)})


def extremes_in_text(text: str, percent: float) -> list[str]:
    return sorted({word for word in LABELLED_LINE.findall(text) if is_extreme(word, percent, alone=True)})


def is_extreme(name: str, percent: float, *, alone: bool = False) -> bool:
    """Whether a name means an extreme or a quantile within `percent` of one. `alone`: the whole name must be such a
    word."""
    folded = name.casefold().strip()
    parts = {folded} if alone else {part.casefold() for part in EXTREME_NAME_PARTS.findall(name)}
    return bool(parts & EXTREME_WORDS) or any(p <= percent or p >= 100 - percent for p in _percents(folded))


def _percents(name: str) -> Iterator[float]:
    if found := PERCENT.fullmatch(name) or (None if "%" in name else re.search(rf"(?:^|_){PERCENT.pattern}$", name)):
        yield float(found[1] or found[2])
    if found := FRACTION.fullmatch(name):
        yield 100 * float(found[1])


PSEUDONYM = re.compile(r"(?<![0-9a-f])(?=[0-9]*[a-f])[0-9a-f]{32}", re.ASCII)
"""32 hexadecimal digits with a letter. Of random ones, one in ten million has no letter; without one it is a number."""
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
SMALL_SENTENCE = "This column has whole numbers under the threshold. If they count people, they are too small."
CODES_SENTENCE = "Whole numbers in this column were treated as codes of the rows. Check whether they count people."
EXTREME_SENTENCE = (
    "The name of a column or row suggests a smallest, largest, first or last value, which is one person's own figure."
)
Columns = Sequence[str]
Rows = Sequence[Sequence[str]]


def table_flags(
    columns: Columns, rows: Rows, profile: DisclosureRules, identifiers: frozenset[str],
    known: KnownCodes = MappingProxyType({}),
) -> tuple[Finding, ...]:  # fmt: skip
    """All flags of a table. `identifiers` are the case-folded names of the catalogue's identifying variables, `known`
    those of the others."""
    codes = code_columns(columns, rows, known)
    cells = {name: [row[i] for row in rows if row[i]] for i, name in enumerate(columns)}
    return tuple(
        f
        for flags in (
            _per_person_columns(columns),
            _identifiers(cells, identifiers),
            _row_level(columns, rows, profile),
            _many_values(cells, len(rows), profile),
            _small_counts(cells, profile, codes),
            _extremes(columns, rows, profile, known),
        )
        for f in flags
    )


def text_flags(text: str, profile: DisclosureRules) -> tuple[Finding, ...]:
    """T2 always; T3 if the text contains pseudonyms, and Q2 if its lines are named like extremes."""
    found = [finding("T2", Verdict.REVIEW, "This is text, or not a table: the broker did not check its content.")]
    if PSEUDONYM.search(text.casefold()):
        found.append(finding("T3", Verdict.REFUSE, "Something in it looks like pseudonyms."))
    for name in extremes_in_text(text, profile.extreme_percent):
        found.append(finding("Q2", Verdict.REFUSE, EXTREME_SENTENCE, name=name))
    return tuple(found)


def _per_person_columns(columns: Columns) -> Iterator[Finding]:
    for name in columns:
        if is_per_person(name):
            sentence = "The name of a column suggests residuals, fitted values or effects of individual persons."
            yield finding("R3", Verdict.REVIEW, sentence, name=name)


def _identifiers(cells: dict[str, list[str]], identifiers: frozenset[str]) -> Iterator[Finding]:
    for name, values in cells.items():
        if name.casefold() in identifiers or any(PSEUDONYM.search(v.casefold()) for v in values):  # in any spelling
            yield finding("T3", Verdict.REFUSE, "A column is an identifier, or looks like pseudonyms.", name=name)


def _row_level(columns: Columns, rows: Rows, profile: DisclosureRules) -> Iterator[Finding]:
    if len(rows) > profile.many_rows and len(set(map(tuple, rows))) > profile.nearly_all * len(rows):
        sentence = "The table has many rows that all differ, so each may belong to one person."
        yield finding("T4", Verdict.REVIEW, sentence, rows=len(rows), columns=len(columns))


def _many_values(cells: dict[str, list[str]], rows: int, profile: DisclosureRules) -> Iterator[Finding]:
    for name, values in cells.items():
        distinct = len(set(values))
        # Both: small tables have distinct values anyway.
        if distinct > profile.many_values and distinct > profile.nearly_all * rows:
            yield finding(
                "T5", Verdict.REVIEW, "A column has nearly as many values as rows.", name=name, values=distinct
            )


def _small_counts(cells: dict[str, list[str]], profile: DisclosureRules, codes: frozenset[str]) -> Iterator[Finding]:
    """Flags columns in which at least half of the values are non-negative integers. They may be counts, even if a
    symbol replaces some of them."""
    for name, values in cells.items():
        counts = [int(v) for v in values if WHOLE_NUMBER.fullmatch(v) and int(v) >= 0]
        low = sum(0 < n < profile.t for n in counts)
        if low and 2 * len(counts) >= len(values):  # mostly counts
            yield (
                finding("F1", Verdict.REVIEW, CODES_SENTENCE, name=name)
                if name in codes
                else finding("F1", Verdict.REFUSE, SMALL_SENTENCE, name=name, cells=low)
            )


def _extremes(columns: Columns, rows: Rows, profile: DisclosureRules, known: KnownCodes) -> Iterator[Finding]:
    """Columns that hold codes of the catalogue are left out: a first language is a variable, not a first value."""
    figures = [name for i, name in enumerate(columns) if not holds_codes(name, [row[i] for row in rows], known)]
    for name in (*extreme_columns(figures, profile.extreme_percent), *extreme_rows(rows, profile.extreme_percent)):
        yield finding("Q2", Verdict.REFUSE, EXTREME_SENTENCE, name=name)
