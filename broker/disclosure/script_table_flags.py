"""Flags for checkers on a table that a script wrote: small counts, extremes, identifiers, and rows of single
persons."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from broker.disclosure import statistic_names
from broker.disclosure.document_figures import NUMBER, DocumentFigures, figures_of
from broker.disclosure.judge_regression import is_per_person
from broker.disclosure.rules.rule import finding
from broker.domain.findings import Finding, Verdict
from broker.policy.disclosure_rules import DisclosureRules

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
    return frozenset(columns[i] for i in _needed(rows, keys, called - same) | same)


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
    parts = {part.casefold() for part in statistic_names.NAME_PARTS.findall(name)}
    return bool(parts & statistic_names.CODE_WORDS) and not parts & (
        statistic_names.STATISTICS | statistic_names.COUNTS
    )  # a mean by age is no age


def _needed(rows: Sequence[Sequence[str]], keys: Collection[int], called: Collection[int]) -> set[int]:
    """Those of `called` without which two rows would be equal in `keys`; none if two rows are equal in all of them.

    Rows are compared by sums of 64-bit hashes, so that the work grows with the cells and not also with the columns.
    """
    sums = [sum(hash((i, row[i])) for i in keys) for row in rows]
    if len(set(sums)) < len(rows):
        return set()
    return {
        i for i in called if len({one - hash((i, row[i])) for one, row in zip(sums, rows, strict=True)}) < len(rows)
    }


PSEUDONYM = re.compile(r"(?<![0-9a-f])(?=[0-9]*[a-f])[0-9a-f]{32}", re.ASCII)
"""32 hexadecimal digits with a letter. Of random ones, one in ten million has no letter; without one it is a number."""
COUNT = re.compile(
    rf"(?:n ?= ?)?([0-9]{{1,18}})(?: (?:{'|'.join(sorted(statistic_names.PERSONS))})| ?\([<>]?[0-9.]+ ?%?\))?",
    re.ASCII | re.IGNORECASE,
)
"""A cell that may count persons: a whole number, also with a percentage behind it, or as n = 3, or 3 pupils."""
SMALL_SENTENCE = "This column has whole numbers under the threshold. If they count people, they are too small."
SMALL_ROW_SENTENCE = "The name of this row suggests a count, and it has whole numbers under the threshold."
CODES_SENTENCE = "Whole numbers in this column were treated as codes of the rows. Check whether they count people."
EXTREME_SENTENCE = (
    "The name of a column or row suggests a smallest, largest, first or last value, which is one person's own figure."
)
MOST_NAMES = 200
"""The most findings on names in a file: nobody sets more aside."""
Column = tuple[str, Sequence[str]]
MORE_NAMES_SENTENCE = "More names than can be listed suggest a small count or an extreme."
Columns = Sequence[str]
Rows = Sequence[Sequence[str]]


def table_flags(
    columns: Columns, rows: Rows, profile: DisclosureRules, identifiers: frozenset[str],
    known: KnownCodes = MappingProxyType({}),
) -> tuple[Finding, ...]:  # fmt: skip
    """All flags of a table. `identifiers` are the case-folded names of the catalogue's identifying variables, `known`
    those of the others."""
    cells = {name: [row[i] for row in rows if row[i]] for i, name in enumerate(columns)}
    quantiles = {
        name for name, found in cells.items() if statistic_names.end_quantiles(name, found, profile.extreme_percent)
    }
    codes = code_columns(columns, rows, known) | quantiles
    return (
        *_per_person_columns(columns),
        *_identifiers(cells, identifiers),
        *_row_level(columns, rows, profile),
        *_many_values(cells, len(rows), profile),
        *_small_counts(cells.items(), profile, codes),
        *_small_rows(_count_rows(columns, rows, codes, known), profile),
        *_extremes(columns, rows, profile, known),
    )


def text_flags(text: str, profile: DisclosureRules, known: KnownCodes = MappingProxyType({})) -> tuple[Finding, ...]:
    """T2 always; T3 if the text or JSON contains pseudonyms; F1 and Q2 for its figures, once for each name."""
    found = [finding("T2", Verdict.REVIEW, "This is text, or not a table: the broker did not check its content.")]
    if PSEUDONYM.search(text.casefold()):
        found.append(finding("T3", Verdict.REFUSE, "Something in it looks like pseudonyms."))
    named: dict[tuple[str, str | None], Finding] = {}
    for flag in (f for part in figures_of(text) for f in _document_flags(part, profile, known)):
        if len(named) == MOST_NAMES:
            return (*found, *named.values(), finding("Q2", Verdict.REFUSE, MORE_NAMES_SENTENCE))
        named.setdefault((flag.rule, dict(flag.figures).get("name")), flag)
    return (*found, *named.values())


def _document_flags(part: DocumentFigures, profile: DisclosureRules, known: KnownCodes) -> Iterator[Finding]:
    percent = profile.extreme_percent
    columns = ((name, cells) for name, cells in part.columns if not holds_codes(name, cells, known))
    yield from _small_counts(columns, profile, frozenset())
    labels = {label for found, _ in part.rows for label in found}
    n = statistic_names.are_statistics(labels)
    counted = {label for label in labels if statistic_names.is_count_label(label, n=n)}
    yield from _small_rows(((label, cells) for found, cells in part.rows for label in counted & {*found}), profile)
    extreme = {name for name in part.names if statistic_names.is_extreme(name, percent)}
    extreme |= {label for label in labels if statistic_names.is_extreme(label, percent, alone=True)}
    extreme.update(*(statistic_names.end_quantiles(name, cells, percent) for name, cells in part.keys))
    for name in sorted(extreme):
        yield finding("Q2", Verdict.REFUSE, EXTREME_SENTENCE, name=name)


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


def _small_counts(columns: Iterable[Column], profile: DisclosureRules, codes: frozenset[str]) -> Iterator[Finding]:
    """Flags columns in which at least half of the filled cells are counts, even if a symbol replaces some of them, and
    columns that are called counts."""
    for name, cells in columns:
        called = statistic_names.is_count(name)
        counts = _counts(cells, decimals=called)
        low = sum(0 < n < profile.t for n in counts)
        if low and (called or 2 * len(counts) >= len(cells)):
            yield (
                finding("F1", Verdict.REVIEW, CODES_SENTENCE, name=name)
                if name in codes
                else _small(SMALL_SENTENCE, name, low)
            )


def _counts(cells: Iterable[str], *, decimals: bool) -> list[int]:
    """The counts among cells. With `decimals`, 3.0 is one: the name has said so."""
    whole = (re.sub(r"\.0+$", "", cell) if decimals else cell for cell in cells)
    return [int(found[1]) for found in map(COUNT.fullmatch, whole) if found]


def _small(sentence: str, name: str, low: int) -> Finding:
    return finding("F1", Verdict.REFUSE, sentence, cells=low, **({"name": name} if name else {}))


def _count_rows(
    columns: Columns, rows: Rows, codes: frozenset[str], known: KnownCodes
) -> Iterator[tuple[str, Sequence[str]]]:
    """The labels that mean counts, with the cells of their rows that are no codes."""
    coded = {i for i, n in enumerate(columns) if n in codes or holds_codes(n, [row[i] for row in rows], known)}
    for i in set(range(len(columns))) - coded:
        n = statistic_names.are_statistics({row[i] for row in rows})
        for row in rows:
            if statistic_names.is_count_label(row[i], n=n):
                yield row[i], [cell for j, cell in enumerate(row) if j not in coded]


def _small_rows(rows: Iterable[tuple[str, Sequence[str]]], profile: DisclosureRules) -> Iterator[Finding]:
    """Flags rows that are called counts, once for each label."""
    small: dict[str, int] = {}
    for label, cells in rows:
        small[label] = small.get(label, 0) + sum(0 < n < profile.t for n in _counts(cells, decimals=True))
    for label, low in sorted(small.items()):
        if low:
            yield _small(SMALL_ROW_SENTENCE, label, low)


def _extremes(columns: Columns, rows: Rows, profile: DisclosureRules, known: KnownCodes) -> Iterator[Finding]:
    """Columns that hold codes of the catalogue are left out: a first language is a variable, not a first value."""
    percent = profile.extreme_percent
    cells = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    figures = {name: found for name, found in cells.items() if not holds_codes(name, found, known)}
    labels = {*extreme_rows(figures.values(), percent), *extreme_quantiles(figures, percent)}
    names = [*extreme_columns(figures, percent), *sorted(labels)]
    for name in names[:MOST_NAMES]:
        yield finding("Q2", Verdict.REFUSE, EXTREME_SENTENCE, name=name)
    if len(names) > MOST_NAMES:
        yield finding("Q2", Verdict.REFUSE, MORE_NAMES_SENTENCE, names=len(names) - MOST_NAMES)


def extreme_columns(names: Iterable[str], percent: float) -> list[str]:
    return [name for name in names if statistic_names.is_extreme(name, percent)]


def extreme_rows(columns: Iterable[Sequence[str]], percent: float) -> list[str]:
    """Labels of rows that name an extreme, as a summary of a column has them."""
    labels = {cell for cells in columns for cell in cells}
    return [label for label in labels if statistic_names.is_extreme(label, percent, alone=True)]


def extreme_quantiles(columns: Mapping[str, Sequence[str]], percent: float) -> list[str]:
    """Labels of rows that are quantiles near an end."""
    return [label for name, cells in columns.items() for label in statistic_names.end_quantiles(name, cells, percent)]
