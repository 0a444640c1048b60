"""Formulas of regressions: our own small grammar, read to terms or refused with the exact place. Evaluates nothing.

formula  = column "~" side [ "|" column { "+" column } ]
side     = part { "+" part | "-" "1" }         part = product of factors by ":" or "*", or 0, or 1
factor   = column | "C" "(" column ")"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from broker.domain.errors import Invalid
from broker.domain.handed import Factor, Formula

LONGEST, MOST_TERMS, MOST_FACTORS = 2000, 100, 3
_TOKEN = re.compile(r"\s*+(?:([A-Za-z_][A-Za-z0-9_]{0,62}+)|([0-9]++)|([~+\-*:|()])|(\S))")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
Term = tuple[Factor, ...]


def is_column(name: str) -> bool:
    """A name that a formula, and SQL, can hold as it stands. What begins with two underscores is the broker's."""
    return _COLUMN.fullmatch(name) is not None and not name.startswith("__")


@dataclass(slots=True)
class _Tokens:
    """(kind, text, column of the text, counted from 1), with the end as the last."""

    found: list[tuple[str, str, int]]
    at: int = 0

    @property
    def text(self) -> str:
        return self.found[self.at][1]

    def take(self, *texts: str) -> bool:
        if self.found[self.at][0] == "name" or self.text not in texts:
            return False
        self.at += 1
        return True

    def need(self, text: str) -> None:
        if not self.take(text):
            raise self.wrong(f"Here stands {self.text or 'the end'}, where {text!r} is needed.")

    def column(self) -> str:
        kind, text, _ = self.found[self.at]
        if kind != "name":
            raise self.wrong(f"Here stands {text or 'the end'}, where the name of a column is needed.")
        if not is_column(text):
            raise self.wrong("A column's name does not begin with two underscores.")
        self.at += 1
        return text

    def wrong(self, message: str) -> Invalid:
        return Invalid("formula", message, f"/formula:{self.found[self.at][2]}")


def read_formula(text: str) -> Formula:
    """Raises Invalid("formula") with the place as `/formula:COLUMN`."""
    tokens = _Tokens(list(_tokens(text)))
    outcome = tokens.column()
    tokens.need("~")
    terms, constant = _side(tokens)
    absorbed = _absorbed(tokens) if tokens.take("|") else ()
    if tokens.text:
        raise tokens.wrong(f"{tokens.text!r} is not understood here: write names, C(), :, *, +, -1 and |.")
    found = Formula(outcome, terms, constant, absorbed)
    if outcome in {*absorbed, *(f.column for term in terms for f in term)}:
        raise Invalid("formula", f"The outcome {outcome} stands on both sides.", "/formula:1")
    return found


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    if len(text) > LONGEST or not text.isascii():
        raise Invalid("formula", f"A formula is ASCII text of at most {LONGEST} characters.", "/formula:1")
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        assert found is not None
        assert found.lastindex is not None
        kind = ("name", "number", "sign", "other")[found.lastindex - 1]
        if kind == "other":
            place = f"/formula:{found.start(found.lastindex) + 1}"
            raise Invalid("formula", f"{found[found.lastindex]!r} has no meaning in a formula.", place)
        yield kind, found[found.lastindex], found.start(found.lastindex) + 1
        at = found.end()
    yield "end", "", len(text) + 1


def _side(tokens: _Tokens) -> tuple[tuple[Term, ...], bool]:
    terms: dict[frozenset[Factor], Term] = {}
    constant, plus = True, True
    while True:
        if not plus or tokens.text in {"0", "1"}:
            if not tokens.take(*(("1",) if not plus else ("0", "1"))):
                raise tokens.wrong("Only 1, the constant, can be taken away.")
            constant = plus and tokens.found[tokens.at - 1][1] == "1"
        else:
            for term in _part(tokens):
                terms.setdefault(frozenset(term), term)
        if len(terms) > MOST_TERMS:
            raise tokens.wrong(f"A formula has at most {MOST_TERMS} terms.")
        if not tokens.take("+", "-"):
            return tuple(terms.values()), constant
        plus = tokens.found[tokens.at - 1][1] == "+"


def _part(tokens: _Tokens) -> list[Term]:
    """a:b is one term; a*b is a, b and a:b."""
    factors, crossed = [_factor(tokens)], False
    signs: set[str] = set()
    while tokens.take(":", "*"):
        signs.add(tokens.found[tokens.at - 1][1])
        factors.append(_factor(tokens))
    crossed = signs == {"*"}
    if len(signs) > 1:
        raise tokens.wrong("Write the terms apart with +: * and : do not stand together in one.")
    if len(factors) > MOST_FACTORS:
        raise tokens.wrong(f"A term has at most {MOST_FACTORS} factors.")
    if len({f.column for f in factors}) < len(factors):
        raise tokens.wrong("A column stands twice in one term.")
    sizes = range(1, len(factors) + 1) if crossed else [len(factors)]
    return [term for size in sizes for term in combinations(factors, size)]


def _factor(tokens: _Tokens) -> Factor:
    name = tokens.column()
    if tokens.text != "(":
        return Factor(name)
    if name != "C":
        raise tokens.wrong(f"{name}() is not available in a formula: compute the column in the script.")
    tokens.need("(")
    column = tokens.column()
    tokens.need(")")
    return Factor(column, levels=True)


def _absorbed(tokens: _Tokens) -> tuple[str, ...]:
    found = [tokens.column()]
    while tokens.take("+"):
        found.append(tokens.column())
    if len(found) > 2:
        raise tokens.wrong("At most two sets of fixed effects are absorbed.")
    return tuple(dict.fromkeys(found))
