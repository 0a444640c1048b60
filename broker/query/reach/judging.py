"""Which parts of a job's text could single people out: what reaches, or leaves out, fewer than policy's number of them.

Judged is what is combined: conditions on two variables or more, years aside. What asks about one variable alone is what
a key of GROUP BY tells too, and rules on cells protect it. Knows formulas and estimates; no relations and no places.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from broker.domain.scalars import Scalar
from broker.query.reach.estimating import Estimator
from broker.query.reach.formulas import (
    All,
    Formula,
    Term,
    joined,
    leaves,
    mixes_years,
    opposite,
    terms,
    variables,
)
from broker.query.reach.names import Slot

Slots = frozenset[Slot]


@dataclass(frozen=True, slots=True)
class Small:
    """A part that a person has to look at: what of the text it is, and which sentence says why."""

    source: tuple[Scalar, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A formula with what stands for it in the text."""

    formula: Formula
    source: Scalar
    alternatives: "tuple[Asked, ...]" = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """Whom a figure is about, to be compared with other figures of the job."""

    output: int
    term: Term
    slots: Slots
    source: tuple[Scalar, ...]


HOLDS = "could hold fewer than {} people"
LEAVES = "could leave out fewer than {} of the people around it"
UNSIZED = "could hold very few people, since no public size says how many"
UNSIZED_LEFT = "could leave out very few of the people around it, since no public size says how many"
YEARS = "makes years alternatives to other conditions, so that one person can count for more years than others"
TOO_MANY = "has too many alternatives to be looked at one by one"
DIFFERS = "tells two figures of the job apart by what could be fewer than {} people"


class Judge:
    def __init__(self, estimator: Estimator, least: int) -> None:
        self._estimator, self._least = estimator, least

    def filtered(self, asked: list[Asked], slots: Slots, joint: bool = False) -> Iterator[Small]:
        """The conditions that all rows of a table meet. `joint`: other rows of it, of another branch of a UNION, meet
        conditions on other variables, so that even one variable is combined."""
        yield from self._years(asked)
        sources = tuple(a.source for a in asked if variables([a.formula]))
        whole = All(tuple(a.formula for a in asked))
        if len(variables([whole])) < (1 if joint else 2):
            return
        found = terms(whole)
        if found is None:
            yield Small(sources, TOO_MANY)
            return
        small = [s for term in found for s in self._term(term, {}, asked, sources, slots)]
        yield from small or self._alternatives(asked, slots)

    def branch(
        self, met: list[Asked], failed: list[Asked], around: Formula, source: Scalar | None, slots: Slots
    ) -> Iterator[Small]:
        """The conditions that lead to one branch of a value, among the rows that meet what is around it. `source`:
        what of the text they are, where it is not each of them."""
        yield from self._years(met)
        sources = tuple(a.source for a in met if variables([a.formula])) if source is None else (source,)
        mine = All((*(a.formula for a in met), *(opposite(a.formula) for a in failed)))
        if len(variables([mine])) < 2:
            return
        inner, outer = terms(mine), terms(around)
        if inner is None or outer is None:
            yield Small(sources, TOO_MANY)
            return
        for term, rest in product(inner, outer):
            small = list(self._term(term, rest, [*met, *failed], sources, slots))
            if small:
                yield from small
                return

    def _years(self, asked: list[Asked]) -> Iterator[Small]:
        for one in asked:
            if mixes_years(one.formula):
                yield Small((one.source,), YEARS)

    def _term(
        self, term: Term, around: Term, asked: list[Asked], sources: tuple[Scalar, ...], slots: Slots
    ) -> Iterator[Small]:
        """One way to meet them all: how many do, and how many fail one of them alone."""
        whole = joined(term, around)
        why = self._small(whole, slots, term, HOLDS, UNSIZED)
        if why is not None:
            yield Small(_about(term, asked) or sources, why)
        elif len(whole) > 1:
            for variable, formula in term.items():
                why = self._left_out(whole, variable, formula, slots)
                if why is not None:
                    own = tuple(a.source for a in asked if variable in variables([a.formula]))
                    yield Small(own or sources, why)

    def _left_out(self, whole: Term, variable: int, formula: Formula, slots: Slots) -> str | None:
        """Why too few fail what is asked of one variable, and meet all else."""
        around = {v: f for v, f in whole.items() if v != variable}
        left = {variable: opposite(formula)}
        return self._small(joined(around, left), slots, left, LEAVES, UNSIZED_LEFT)

    def _alternatives(self, asked: list[Asked], slots: Slots) -> Iterator[Small]:
        """What a condition with alternatives leaves out of all others."""
        for one in asked:
            if len(variables([one.formula])) < 2:
                continue
            rest = All((opposite(one.formula), *(a.formula for a in asked if a is not one)))
            found = terms(rest)
            if found is None:
                yield Small((one.source,), TOO_MANY)
                continue
            why = next((w for t in found if (w := self._small(t, slots, t, LEAVES, UNSIZED_LEFT))), None)
            if why is not None:
                yield Small((one.source,), why)

    def _small(self, term: Term, slots: Slots, parts: Iterable[int], few: str, unsized: str) -> str | None:
        """Why too few meet a term by the rarest alternative of one of its parts."""
        if self._estimator.is_empty(term):
            return None
        found = [self._estimator.persons(term, slots, part) for part in parts]
        small = [e for e in found if e.persons < self._least]
        if not small:
            return None
        return few.format(self._least) if any(e.known for e in small) else unsized

    def differing(self, figures: list[Figure]) -> Iterator[tuple[Figure, Figure, Small]]:
        """Pairs of figures of which one is about nearly all of whom the other is about."""
        for place, one in enumerate(figures):
            for other in figures[:place]:
                if one.slots != other.slots or len(variables([*one.term.values(), *other.term.values()])) < 2:
                    continue
                for part, whole in ((one, other), (other, one)):
                    why = self._difference(part, whole)
                    if why is not None:
                        yield part, whole, Small(part.source or whole.source, why)
                        break

    def _difference(self, part: Figure, whole: Figure) -> str | None:
        """Why a figure's people are too nearly another one's, of whom they are a part."""
        if part.term == whole.term or not all(self._follows(part.term, v, f) for v, f in whole.term.items()):
            return None
        for variable, formula in part.term.items():
            left = {variable: opposite(formula)}
            why = self._small(joined(whole.term, left), whole.slots, left, DIFFERS, DIFFERS)
            if why is not None:
                return why.format(self._least)
        return None

    def _follows(self, term: Term, variable: int, formula: Formula) -> bool:
        """Whether nobody meets the term who fails the formula."""
        if variable not in term:
            return False
        both = {variable: All((term[variable], opposite(formula)))}
        return term[variable] == formula or self._estimator.is_empty(both)


def _about(term: Term, asked: Iterable[Asked]) -> tuple[Scalar, ...]:
    """What of the text a term is made of: of alternatives, those that it takes."""
    found: list[Scalar] = []
    for one in asked:
        if not variables([one.formula]) & variables(term.values()):
            continue
        taken = [a for a in one.alternatives if any(_is_within(t, term) for t in terms(a.formula) or [])]
        found += _about(term, taken) if taken else [one.source]
    return tuple(found)


def _is_within(part: Term, term: Term) -> bool:
    return all(v in term and set(leaves(f)) <= set(leaves(term[v])) for v, f in part.items())
