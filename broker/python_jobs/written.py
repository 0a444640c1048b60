"""What of a request stands in the script's own text: names, and their order, that come about at run time are outputs.

Pure; runs nothing. A text says the same whatever the data are, so what is ordered by it tells nothing of them.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from broker.domain.handed import Factor, Formula, HandedRegression, HandedTable

NUMBERS = re.compile(r"(?<![A-Za-z0-9_.])(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
"""Numbers that a text writes out."""


def in_order(asked: HandedTable, text: str) -> HandedTable:
    """Keys and measures in the order in which the text first names them; what it does not name follows by name."""

    def place(name: str) -> tuple[int, str]:
        return _place(name, text), name

    by = tuple(sorted(asked.by, key=place))
    return replace(asked, by=by, measures=tuple(sorted(asked.measures, key=lambda m: place(m.name))))


def in_one_order(formula: Formula) -> Formula:
    """The terms by their columns, short ones first, and so the columns of each: a model is the same in any order."""

    def place(term: tuple[Factor, ...]) -> tuple[int, list[str]]:
        return len(term), [f.column for f in term]

    terms = [tuple(sorted(term, key=lambda f: f.column)) for term in formula.terms]
    return replace(formula, terms=tuple(sorted(terms, key=place)))


def unwritten(asked: HandedTable | HandedRegression, text: str) -> tuple[str, ...]:
    """Names that would be shown and stand nowhere in the text as words; and bounds, which choose digits."""
    names: Iterable[str] = asked.formula.columns if isinstance(asked, HandedRegression) else asked.by
    more = () if isinstance(asked, HandedRegression) else (m.name for m in asked.measures)
    bounds = () if isinstance(asked, HandedRegression) else asked.bounds
    numbers = {float(n.replace("_", "")) for n in NUMBERS.findall(text)} if bounds else set()
    made = (f"bounds of {column}" for column, *ends in bounds if not {abs(end) for end in ends} <= numbers)
    return (*(n for n in (*names, *more) if _place(n, text) == len(text)), *made)


def _place(name: str, text: str) -> int:
    found = re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text)
    return len(text) if found is None else found.start()
