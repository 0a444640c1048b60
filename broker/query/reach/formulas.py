"""Conditions as formulas with negations at the leaves, variable by variable. Pure; no sizes, no book."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from broker.domain.scalars import Call, Scalar, Type

MOST_TERMS = 64
"""Above so many ways in which a formula can hold, it is not written out."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A condition, or where it does not `hold`, its opposite. `variables` are those that it asks about; none where it
    says nothing of a person (link keys, years)."""

    condition: Scalar
    holds: bool
    variables: frozenset[int]
    of_year: bool = False
    meets: "Formula | None" = None
    """What is known where it holds: the conditions of an EXISTS."""

    @property
    def scalar(self) -> Scalar:
        return self.condition if self.holds else Call("not", (self.condition,), Type.TRUTH)


@dataclass(frozen=True, slots=True)
class All:
    parts: "tuple[Formula, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    parts: "tuple[Formula, ...]"


Formula = Leaf | All | Any
ALWAYS, NEVER = All(()), Any(())
Term = Mapping[int, Formula]
"""What is asked of each variable, all of it at once. A variable that nobody can size stands for conditions that ask for
several at once."""


def leaves(formula: Formula) -> Iterator[Leaf]:
    if isinstance(formula, Leaf):
        yield formula
    else:
        for part in formula.parts:
            yield from leaves(part)


def variables(formulas: Iterable[Formula]) -> frozenset[int]:
    return frozenset().union(*(leaf.variables for f in formulas for leaf in leaves(f)))


def opposite(formula: Formula) -> Formula:
    match formula:
        case Leaf(holds=holds):
            return replace(formula, holds=not holds)
        case All(parts=parts):
            return Any(tuple(map(opposite, parts)))
        case Any(parts=parts):
            return All(tuple(map(opposite, parts)))


def ways(formula: Formula) -> "list[tuple[Leaf, ...]] | None":
    """The formula as alternatives of leaves that hold together; None where they are too many."""
    if isinstance(formula, Leaf):
        return [(formula,)] if formula.meets is None or not formula.holds else ways(formula.meets)
    parts = [ways(p) for p in formula.parts]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if isinstance(formula, Any):
        found = [w for p in known for w in p]
    else:
        size = 1
        for part in known:
            size *= len(part)
        if size > MOST_TERMS * MOST_TERMS:
            return None
        found = [tuple(leaf for w in chosen for leaf in w) for chosen in product(*known)]
    return found if len(found) <= MOST_TERMS * MOST_TERMS else None


def terms(formula: Formula) -> list[Term] | None:
    """The formula as alternatives of what is asked of each variable; None where they are too many. What asks for one
    variable alone stays in one piece, however many values it lists."""
    read = variables([formula])
    if len(read) <= 1:
        return [{next(iter(read)): formula} if read else {}] if formula != NEVER else []
    if isinstance(formula, Leaf):
        known_by = formula.meets if formula.holds else None
        return [{-1_000_000 - min(read): formula}] if known_by is None else terms(known_by)
    parts = [terms(p) for p in formula.parts]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts):
        return None
    if isinstance(formula, Any):
        found = [t for p in known for t in p]
        return found if len(found) <= MOST_TERMS else None
    found = [{}]
    for part in known:
        found = [joined(a, b) for a in found for b in part]
        if len(found) > MOST_TERMS:
            return None
    return found


def joined(first: Term, second: Term) -> Term:
    """Both at once."""
    both = dict(first)
    for variable, formula in second.items():
        both[variable] = All((both[variable], formula)) if variable in both else formula
    return both


def mixes_years(formula: Formula) -> bool:
    """Whether a year is an alternative to another condition, or to one that goes with another year."""
    if isinstance(formula, Leaf):
        return formula.meets is not None and mixes_years(formula.meets)
    if isinstance(formula, Any):
        found = list(leaves(formula))
        if any(f.of_year for f in found) and any(f.variables for f in found):
            return True
    return any(map(mixes_years, formula.parts))
