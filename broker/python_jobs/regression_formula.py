"""Formulas of regressions: a small grammar, parsed to terms or refused with the exact position. Evaluates nothing.

formula  = column "~" side [ "|" column { "+" column } ]
side     = part { "+" part | "-" "1" }         part = product of factors by ":" or "*", or 0, or 1
factor   = column | "C" "(" column ")"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from broker.domain.errors import Invalid
from broker.domain.jobs.script_requests import FormulaFactor, ModelFormula

MAX_LENGTH, MAX_TERMS, MAX_FACTORS = 2000, 100, 3
_TOKEN = re.compile(r"\s*+(?:([A-Za-z_][A-Za-z0-9_]{0,62}+)|([0-9]++)|([~+\-*:|()])|(\S))")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
Term = tuple[FormulaFactor, ...]


def is_column_name(name: str) -> bool:
    """Whether formulas and SQL can use a name unchanged. Names that begin with two underscores belong to the broker."""
    return _COLUMN.fullmatch(name) is not None and not name.startswith("__")


@dataclass(slots=True)
class _FormulaTokens:
    """(kind, text, column from 1) of each token, ending with an end token."""

    tokens: list[tuple[str, str, int]]
    position: int = 0

    @property
    def text(self) -> str:
        return self.tokens[self.position][1]

    def take(self, *texts: str) -> bool:
        if self.tokens[self.position][0] == "name" or self.text not in texts:
            return False
        self.position += 1
        return True

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self.fault(f"The formula has {self.text or 'its end'} where {text!r} is needed.")

    def column(self) -> str:
        kind, text, _ = self.tokens[self.position]
        if kind != "name":
            raise self.fault(f"The formula has {text or 'its end'} where the name of a column is needed.")
        if not is_column_name(text):
            raise self.fault("The name of a column must not begin with two underscores.")
        self.position += 1
        return text

    def fault(self, message: str) -> Invalid:
        return Invalid("formula", message, f"/formula:{self.tokens[self.position][2]}")


def read_formula(text: str) -> ModelFormula:
    """Parse a formula. Raises Invalid("formula") with the position as `/formula:COLUMN`."""
    tokens = _FormulaTokens(list(_tokens(text)))
    outcome = tokens.column()
    tokens.expect("~")
    terms, constant = _side(tokens)
    absorbed = _absorbed(tokens) if tokens.take("|") else ()
    if tokens.text:
        raise tokens.fault(f"{tokens.text!r} is not understood here. Use names, C(), :, *, +, -1 and |.")
    found = ModelFormula(outcome, terms, constant, absorbed)
    if outcome in {*absorbed, *(f.column for term in terms for f in term)}:
        raise Invalid("formula", f"The outcome {outcome} is on both sides.", "/formula:1")
    return found


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    if len(text) > MAX_LENGTH or not text.isascii():
        raise Invalid("formula", f"A formula must be ASCII text of at most {MAX_LENGTH} characters.", "/formula:1")
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


def _side(tokens: _FormulaTokens) -> tuple[tuple[Term, ...], bool]:
    terms: dict[frozenset[FormulaFactor], Term] = {}
    constant, plus = True, True
    while True:
        if not plus or tokens.text in {"0", "1"}:  # 0 and 1 stand for the constant; only 1 can be subtracted
            if not tokens.take(*(("1",) if not plus else ("0", "1"))):
                raise tokens.fault("You can remove only 1, the constant.")
            constant = plus and tokens.tokens[tokens.position - 1][1] == "1"
        else:
            for term in _terms(tokens):
                terms.setdefault(frozenset(term), term)  # each term once, whatever the order of its factors
        if len(terms) > MAX_TERMS:
            raise tokens.fault(f"A formula can have at most {MAX_TERMS} terms.")
        if not tokens.take("+", "-"):
            return tuple(terms.values()), constant
        plus = tokens.tokens[tokens.position - 1][1] == "+"


def _terms(tokens: _FormulaTokens) -> list[Term]:
    """Parse a product: a:b is one term; a*b is a, b and a:b."""
    factors, crossed = [_factor(tokens)], False
    signs: set[str] = set()
    while tokens.take(":", "*"):
        signs.add(tokens.tokens[tokens.position - 1][1])
        factors.append(_factor(tokens))
    crossed = signs == {"*"}
    if len(signs) > 1:
        raise tokens.fault("Separate the terms with +: you cannot use * and : in the same term.")
    if len(factors) > MAX_FACTORS:
        raise tokens.fault(f"A term can have at most {MAX_FACTORS} factors.")
    if len({f.column for f in factors}) < len(factors):
        raise tokens.fault("A term has the same column twice.")
    sizes = range(1, len(factors) + 1) if crossed else [len(factors)]  # a*b*c expands to all products of its factors
    return [term for size in sizes for term in combinations(factors, size)]


def _factor(tokens: _FormulaTokens) -> FormulaFactor:
    name = tokens.column()
    if tokens.text != "(":
        return FormulaFactor(name)
    if name != "C":
        raise tokens.fault(f"You cannot use {name}() in a formula: compute the column in the script.")
    tokens.expect("(")
    column = tokens.column()
    tokens.expect(")")
    return FormulaFactor(column, levels=True)


def _absorbed(tokens: _FormulaTokens) -> tuple[str, ...]:
    found = [tokens.column()]
    while tokens.take("+"):
        found.append(tokens.column())
    if len(found) > 2:
        raise tokens.fault("A model can absorb at most two sets of fixed effects.")
    return tuple(dict.fromkeys(found))
