"""Figures of a script's text or JSON file, as the columns and rows of a table would have them. Judges nothing."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from broker.disclosure.statistic_names import CODE_WORDS, PERSONS, are_statistics, is_count_label, is_other_figure

NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]+", re.ASCII)
LABEL_WORDS, SHORT_LABEL = 6, 3
"""The most words that name a number: a line with more is a sentence. Each word of a short label may name an
extreme."""
Row = tuple[tuple[str, ...], tuple[str, ...]]
Column = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class DocumentFigures:
    """`columns`: those that may count persons, each with a name, which may be empty, and cells. `rows`: the labels of
    numbers, and the numbers. `names`: whatever names figures as a column does. `keys`: columns that may hold the labels
    of quantiles."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    names: frozenset[str]
    keys: tuple[Column, ...] = ()


def figures_of(text: str) -> Iterator[DocumentFigures]:
    """The figures of a file: of a JSON document, or of each line and block of lines of a text."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        yield from _text_figures(text)
    else:
        yield _json_figures(document)


def _json_figures(document: Any) -> DocumentFigures:
    """A figure's column is called like the nearest key that is no number."""
    columns: dict[tuple[str, bool], list[str]] = defaultdict(list)
    rows: list[Row] = []
    names: set[str] = set()
    for keys, words, number in _leaves(document, (), ()):
        name = next((key for key in reversed(keys) if not NUMBER.fullmatch(key)), "")
        columns[name, keys[-1:] == (name,)].append(number)
        rows.append(((*keys, *words), (number,)))
        names.update(keys)
    every = [(name, own, tuple(cells)) for (name, own), cells in columns.items()]
    may_count = tuple((name, cells) for name, own, cells in every if not is_other_figure(name, codes=own))
    labels = tuple((name, cells) for name, own, cells in every if own)
    return DocumentFigures(may_count, tuple(rows), frozenset(names), labels)


def _leaves(
    value: Any, keys: tuple[str, ...], words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """The numbers of a document with the keys that lead to them and the texts next to them. The file rebuilder has
    limited the depth."""
    match value:
        case dict() | list():
            parts = value.items() if isinstance(value, dict) else ((None, part) for part in value)
            values = value.values() if isinstance(value, dict) else value
            inner = tuple(islice((v for v in values if _is_word(v)), LABEL_WORDS))
            for key, part in parts:
                yield from _leaves(part, keys if key is None else (*keys, key), inner)
        case bool() | None:
            return
        case _ if not _is_word(value):
            yield keys, words, str(value)


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and not NUMBER.fullmatch(value)


THOUSANDS = re.compile(r"(?<![\w.,])[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![\w.,])", re.ASCII)
PERCENT_BEHIND = re.compile(r"\([<>]?[0-9.]+ ?%?\)$", re.ASCII)
DIGIT = re.compile(r"[0-9]", re.ASCII)
SEPARATORS = re.compile(r"[\s,;|:=]+")
FIRST_WORD = re.compile(r"\W*+([\w.%]++)\W++[0-9]", re.ASCII)
"""The first word of a line, before a number."""
PAIR = re.compile(
    r"(?<![\w.%])((?:[A-Za-z_][\w.%]*+ )?[A-Za-z_][\w.%]*+)\s*+[:=]\s*+([+-]?[0-9]*\.?[0-9]+)(?![\w.])", re.ASCII
)
COUNTED = re.compile(rf"(?<![\w.,-])([0-9]{{1,18}}) (?:{'|'.join(sorted(PERSONS))})\b", re.ASCII | re.IGNORECASE)


def _text_figures(text: str) -> Iterator[DocumentFigures]:
    """Consecutive lines that end in equally many numbers are a block. Up to two lines before it may name its
    columns."""
    block: list[Row] = []
    header: list[list[str]] = []
    lines = [*text.splitlines(), ""]
    yield _figures_within(dict.fromkeys(lines))
    for line in lines:
        row = _figure_line(line)
        if block and (row is None or len(row[1]) != len(block[0][1])):
            yield _block_figures(block, header)
            block, header = [], []
        if row is not None:
            block.append(row)
        else:
            header = [*header[-1:], line.split()]


def _figures_within(lines: Iterable[str]) -> DocumentFigures:
    """Figures anywhere in lines: n = 3, max: 87.9, 3 pupils."""
    columns: list[Column] = []
    rows: list[Row] = []
    for line in lines:
        pairs = PAIR.findall(line)
        rows += [(tuple(label.split()), (number,)) for label, number in pairs]
        rows += [(("pupils",), (number,)) for number in COUNTED.findall(line)]
        rows += [((found[1].strip("."),), ())] if (found := FIRST_WORD.match(line)) else []
        if len(pairs) > 1:
            columns.append(("", tuple(number for label, number in pairs if not is_other_figure(label))))
    return DocumentFigures(tuple(columns), tuple(rows), frozenset())


def _figure_line(line: str) -> Row | None:
    """Words and numbers of a line that ends in numbers; None if it is a sentence, or does not end in one."""
    if not DIGIT.search(line):
        return None
    plain = THOUSANDS.sub(lambda found: found[0].replace(",", ""), PERCENT_BEHIND.sub("", line.strip()))
    words = [word for word in SEPARATORS.split(plain) if word]
    ended = next((n for n in range(len(words), 0, -1) if not NUMBER.fullmatch(words[n - 1])), 0)
    words, numbers = words[:ended], words[ended:]
    if words and len(numbers) > 1 and words[-1].casefold() in CODE_WORDS:
        words.append(numbers.pop(0))  # Year 6: the number belongs to the label
    return (tuple(words), tuple(numbers)) if numbers and len(words) <= LABEL_WORDS else None


def _block_figures(block: Sequence[Row], header: Sequence[Sequence[str]]) -> DocumentFigures:
    """Rows of counts are judged as rows, and rows of other statistics are no counts. A first column without a name may
    number the rows."""
    width, labelled = len(block[0][1]), any(words for words, _ in block)
    called = [(" ".join(words), numbers) for words, numbers in block]
    labels = {label for label, _ in called}
    n = are_statistics(labels)
    others = {label for label in labels if is_other_figure(label) or is_count_label(label, n=n)}
    counted = [numbers for label, numbers in called if label not in others]
    names = _column_names(header, width, labelled)
    columns = tuple(
        (name, tuple(numbers[i] for numbers in counted))
        for i, name in enumerate(names)
        if not is_other_figure(name) and (i or name or labelled or width == 1)
    )
    first = tuple(numbers[0] for _, numbers in block)
    rows = tuple((words if len(words) <= SHORT_LABEL else (" ".join(words),), numbers) for words, numbers in block)
    quantiles = () if labelled else ((names[0], first),)
    return DocumentFigures(columns, rows, frozenset(names), quantiles)


def _column_names(header: Sequence[Sequence[str]], width: int, labelled: bool) -> list[str]:
    """The names of a block's columns in the lines before it, empty where there are none. pandas writes the name of the
    index into a line of its own."""
    upper, nearest = ([], [], *header)[-2:]
    if len(nearest) + len(upper) == width:
        return [*nearest, *upper]
    if labelled and len(nearest) == 1 and len(upper) == width:
        return [*upper]
    if len(nearest) > width + 2:
        return [""] * width
    return ([""] * width + [*nearest])[-width:]
