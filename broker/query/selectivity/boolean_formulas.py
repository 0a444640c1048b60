"""Conditions as Boolean formulas over variables whose ids are the same in all tables of a job."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import TypeVar

from broker.domain.plans.scalars import Scalar, truth_call
from broker.domain.plans.variable_uses import Years
from broker.query.selectivity.compared_pairs import ComparedPair
from broker.query.symbols import SymbolTable

MOST_TERMS = 64
"""Most terms of an expanded formula. A formula with more is not expanded."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A condition, or its negation if it does not `hold`. `variables`: ids of the variables that it tests; empty if it
    says nothing about a person (link keys, years)."""

    condition: Scalar
    holds: bool
    variables: frozenset[int]
    of_year: bool = False
    implies: "Formula | None" = None
    """Formula that follows if the leaf holds: the conditions of an EXISTS."""
    otherwise: frozenset[int] | None = None
    """The variables that the negation tests, if these are others."""
    written: Scalar | None = None
    """The condition as the text has it, if `condition` is about a variable that no column holds."""

    @property
    def scalar(self) -> Scalar:
        return self.condition if self.holds else truth_call("not", self.condition)


@dataclass(frozen=True, slots=True)
class Conjunction:
    parts: "tuple[Formula, ...]"


@dataclass(frozen=True, slots=True)
class Disjunction:
    parts: "tuple[Formula, ...]"


Formula = Leaf | Conjunction | Disjunction
ALWAYS, NEVER = Conjunction(()), Disjunction(())
Term = Mapping[int, Formula]
"""For each variable, what is required of it; all together. A variable without a known size stands for conditions on
several variables at once."""


def says_nothing(condition: Scalar) -> Leaf:
    """A condition that holds for some rows, and its negation for others, whoever they are of. So neither it nor its
    negation makes another condition impossible."""
    return Leaf(condition, True, frozenset())


def parts_of(formula: Formula) -> tuple[Formula, ...]:
    return () if isinstance(formula, Leaf) else formula.parts


Part = TypeVar("Part")


def size_of(tree: Part, parts_of: Callable[[Part], Sequence[Part]]) -> int:
    """The number of parts of a tree, each counted as often as it is read, although parts may be shared."""
    known = dict[int, int]()

    def size(part: Part) -> int:
        if id(part) not in known:
            known[id(part)] = 1 + sum(map(size, parts_of(part)))
        return known[id(part)]

    return size(tree)


def leaves(formula: Formula) -> Iterator[Leaf]:
    if isinstance(formula, Leaf):
        yield formula
    else:
        for part in formula.parts:
            yield from leaves(part)


def conjuncts(formula: Formula) -> Iterator[Formula]:
    if isinstance(formula, Conjunction):
        for part in formula.parts:
            yield from conjuncts(part)
    else:
        yield formula


def variables(formulas: Iterable[Formula]) -> frozenset[int]:
    return frozenset().union(*(leaf.variables for f in formulas for leaf in leaves(f)))


def negation(formula: Formula) -> Formula:
    match formula:
        case Leaf(holds=holds, variables=read, otherwise=other):
            if other is None:
                return replace(formula, holds=not holds)
            return replace(formula, holds=not holds, variables=other, otherwise=read)
        case Conjunction(parts=parts):  # De Morgan's laws
            return Disjunction(tuple(map(negation, parts)))
        case Disjunction(parts=parts):
            return Conjunction(tuple(map(negation, parts)))


def alternatives(formula: Formula) -> "list[tuple[Leaf, ...]] | None":
    """Expand the formula into alternatives, each a tuple of leaves that hold together. None if there are too many."""
    if isinstance(formula, Leaf):
        return [(formula,)] if formula.implies is None or not formula.holds else alternatives(formula.implies)
    parts = [alternatives(p) for p in formula.parts]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if isinstance(formula, Disjunction):
        found = [w for p in known for w in p]
    else:
        if prod(map(len, known)) > MOST_TERMS * MOST_TERMS:  # checked before the product is built
            return None
        found = [tuple(leaf for w in chosen for leaf in w) for chosen in product(*known)]
    return found if len(found) <= MOST_TERMS * MOST_TERMS else None


def terms(formula: Formula) -> list[Term] | None:
    """Expand the formula into alternatives, each with its requirements by variable. None if there are too many. A
    formula over one variable stays whole, however many values it lists."""
    read = variables([formula])
    if len(read) <= 1:
        return [{next(iter(read)): formula} if read else {}] if formula != NEVER else []
    if isinstance(formula, Leaf):
        known_by = formula.implies if formula.holds else None
        # a variable of its own, which has no public size
        return [{-1_000_000 - min(read): formula}] if known_by is None else terms(known_by)
    parts = [terms(p) for p in formula.parts]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if isinstance(formula, Disjunction):
        found = [t for p in known for t in p]
        return found if len(found) <= MOST_TERMS else None
    found = [{}]
    for part in known:
        found = [conjoined(a, b) for a in found for b in part]
        if len(found) > MOST_TERMS:
            return None
    return found


def conjoined(first: Term, second: Term) -> Term:
    """Conjunction of two terms."""
    both = dict(first)
    for variable, formula in second.items():
        both[variable] = Conjunction((both[variable], formula)) if variable in both else formula
    return both


def mixes_years(formula: Formula) -> bool:
    """Whether alternatives require different years, or one a year and another something else, and one of them tests a
    person: then one person can count for more years than others."""
    if isinstance(formula, Leaf):
        return formula.implies is not None and mixes_years(formula.implies)
    if isinstance(formula, Disjunction) and variables([formula]) and len(set(map(_required_years, formula.parts))) > 1:
        return True
    return any(map(mixes_years, formula.parts))


def _required_years(formula: Formula) -> frozenset[Formula]:
    """The parts of a conjunction that test years."""
    if isinstance(formula, Conjunction):
        return frozenset().union(*map(_required_years, formula.parts))
    return frozenset({formula} if any(leaf.of_year for leaf in leaves(formula)) else ())


@dataclass(frozen=True, slots=True)
class TableOccurrence:
    """Rows of a table that a text reads: the first, second … occurrence of the table for these years."""

    table: str
    years: Years | None
    number: int
    is_person: bool


@dataclass(frozen=True, slots=True)
class VariableReading:
    """A variable of a table occurrence. `variable` is None for whether a person has a row there at all."""

    occurrence: TableOccurrence
    variable: str | None


@dataclass(slots=True)
class VariableIds:
    """Negative ids of variables that mean the same in all tables of a job. `quotients`: further variables, by table,
    that public sizes know."""

    quotients: frozenset[tuple[str, str]] = frozenset()
    readings: dict[int, VariableReading] = field(default_factory=dict)
    pairs: dict[int, ComparedPair] = field(default_factory=dict)
    """Variables that compare two others."""
    _ids: dict[VariableReading | ComparedPair, int] = field(default_factory=dict)

    def ident(self, reading: VariableReading) -> int:
        found = self._known(reading)
        self.readings[found] = reading
        return found

    def pair(self, pair: ComparedPair) -> int:
        found = self._known(pair)
        self.pairs[found] = pair
        return found

    def _known(self, what: VariableReading | ComparedPair) -> int:
        # negative, so that it never equals the id of a column
        return self._ids.setdefault(what, -1 - len(self._ids))


def table_occurrences(symbols: SymbolTable, years: Mapping[int, Years | None]) -> dict[int, TableOccurrence]:
    """The occurrence of every scan."""
    found: dict[int, TableOccurrence] = {}
    for scan in sorted(symbols.tables):
        table, read = symbols.tables[scan].full_name, years.get(scan)
        number = sum(s.table == table and s.years == read for s in found.values())
        found[scan] = TableOccurrence(table, read, number, symbols.is_person(scan))
    return found
