"""Finds conditions of a job's text that could single people out: that select, or leave out, too few of them. Only
combinations are judged: conditions on two variables or more, not counting years. A condition on one variable shows no
more than a key of GROUP BY does, and the rules on cells protect it. Knows formulas and estimates, but no relations or
positions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from broker.domain.plans.plan import CountedRows
from broker.domain.plans.scalars import Scalar
from broker.query.selectivity import boolean_formulas
from broker.query.selectivity.person_estimates import PersonEstimator

Occurrences = frozenset[boolean_formulas.TableOccurrence]


@dataclass(frozen=True, slots=True)
class FlaggedCondition:
    """A condition that a checker must review: its expressions in the text, and the sentence that says why. `within`:
    the expression that has it, if the condition itself is not written. `counted`: where the engine can count the
    people instead, the rows that have to be of enough of them."""

    source: tuple[Scalar, ...]
    why: str
    within: Scalar | None = None
    counted: tuple[CountedRows, ...] = ()

    @property
    def is_of_size(self) -> bool:
        """Whether it is only unknown how many people there are."""
        return self.why not in {YEARS, OUTSIDE, TOO_MANY}


@dataclass(frozen=True, slots=True)
class SourceFormula:
    """A formula, with the expression that stands for it in the text."""

    formula: boolean_formulas.Formula
    source: Scalar
    alternatives: "tuple[SourceFormula, ...]" = ()


def conjunction(met: Iterable[SourceFormula], failed: Iterable[SourceFormula] = ()) -> boolean_formulas.Conjunction:
    """Formula of the rows that satisfy formulas, and fail others."""
    left = (boolean_formulas.negation(a.formula) for a in failed)
    return boolean_formulas.Conjunction((*(a.formula for a in met), *left))


CountPeople = Callable[[Sequence[boolean_formulas.Formula]], tuple[CountedRows, ...]]
"""Rows of the people of a figure who meet each of some further conditions; none if they cannot be counted."""


@dataclass(frozen=True, slots=True)
class FigureConditions:
    """One of the alternatives that a figure is about, for comparison with other figures of the job."""

    output: int
    figure: int
    term: boolean_formulas.Term
    occurrences: Occurrences
    source: tuple[Scalar, ...]
    count: CountPeople


HOLDS = "could select fewer than {} people"
LEAVES = "could exclude fewer than {} of the surrounding people"
UNSIZED = "could select very few people, because no public size says how many"
UNSIZED_LEFT = "could exclude very few of the surrounding people, because no public size says how many"
YEARS = "combines years and other conditions with OR, so one person can count for more years than others"
OUTSIDE = "combines several variables in a way that has no automatic verdict"
TOO_MANY = "has too many alternatives to check each of them"
DIFFERS = "makes two figures of the job differ by possibly fewer than {} people"


class SinglingOutJudge:
    def __init__(self, estimator: PersonEstimator, least: int) -> None:
        self._estimator, self._least = estimator, least

    def flag_filter(
        self, formulas: list[SourceFormula], occurrences: Occurrences, joint: bool = False
    ) -> Iterator[FlaggedCondition]:
        """Flag conditions that all rows of a table satisfy. `joint`: rows of another branch of a UNION have conditions
        on other variables, so even one variable is a combination."""
        yield from self._years(formulas)
        sources = tuple(a.source for a in formulas if boolean_formulas.variables([a.formula]))
        whole = conjunction(formulas)
        if self._read(whole) < (1 if joint else 2):  # one variable alone is no combination
            return
        found = boolean_formulas.terms(whole)
        if found is None:
            yield FlaggedCondition(sources, TOO_MANY)
            return
        small = [s for term in found for s in self._term(term, {}, formulas, sources, occurrences)]
        # if a term is too small already, its alternatives add nothing
        yield from small or self._alternatives(formulas, occurrences)

    def flag_branch(
        self,
        met: list[SourceFormula],
        failed: list[SourceFormula],
        around: boolean_formulas.Formula,
        source: Scalar | None,
        occurrences: Occurrences,
    ) -> Iterator[FlaggedCondition]:
        """Flag the conditions that lead to one branch of a value, among the rows that satisfy `around`. `source`: the
        expression that stands for them, if it is not each of them."""
        yield from self._years(met)
        sources = (
            tuple(a.source for a in met if boolean_formulas.variables([a.formula])) if source is None else (source,)
        )
        mine = conjunction(met, failed)
        if self._read(mine) < 2:
            return
        inner, outer = boolean_formulas.terms(mine), boolean_formulas.terms(around)
        if inner is None or outer is None:
            yield FlaggedCondition(sources, TOO_MANY)
            return
        for term, rest in product(inner, outer):
            small = list(self._term(term, rest, [*met, *failed], sources, occurrences))
            if small:
                yield from small
                return

    def _read(self, *formulas: boolean_formulas.Formula) -> int:
        """How many variables formulas read. A comparison of two reads both."""
        read = boolean_formulas.variables(formulas)
        return len(read) + sum(map(self._estimator.is_of_two, read))

    def _years(self, formulas: list[SourceFormula]) -> Iterator[FlaggedCondition]:
        for one in formulas:
            if boolean_formulas.mixes_years(one.formula):
                yield FlaggedCondition((one.source,), YEARS)

    def _term(
        self,
        term: boolean_formulas.Term,
        around: boolean_formulas.Term,
        formulas: list[SourceFormula],
        sources: tuple[Scalar, ...],
        occurrences: Occurrences,
    ) -> Iterator[FlaggedCondition]:
        """Flag one alternative: too few people satisfy it, or too few fail exactly one of its conditions."""
        whole = boolean_formulas.conjoined(term, around)
        why = self._small(whole, occurrences, term, HOLDS, UNSIZED)
        if why is not None:
            yield FlaggedCondition(_sources_of(term, formulas) or sources, why)
        elif len(whole) > 1 or self._read(*whole.values()) > 1:  # a single condition is no combination
            for variable, formula in term.items():
                why = self._left_out(whole, variable, formula, occurrences)
                if why is not None:
                    own = tuple(a.source for a in formulas if variable in boolean_formulas.variables([a.formula]))
                    yield FlaggedCondition(own or sources, why)

    def _left_out(
        self, whole: boolean_formulas.Term, variable: int, formula: boolean_formulas.Formula, occurrences: Occurrences
    ) -> str | None:
        """Reason if too few people fail the condition on one variable and satisfy all others."""
        around = {v: f for v, f in whole.items() if v != variable}
        left = {variable: boolean_formulas.negation(formula)}
        return self._small(boolean_formulas.conjoined(around, left), occurrences, left, LEAVES, UNSIZED_LEFT)

    def _alternatives(self, formulas: list[SourceFormula], occurrences: Occurrences) -> Iterator[FlaggedCondition]:
        """Flag conditions with alternatives that exclude too few people of those who satisfy all others."""
        for one in formulas:
            if len(boolean_formulas.variables([one.formula])) < 2:
                continue
            rest = boolean_formulas.Conjunction(
                (boolean_formulas.negation(one.formula), *(a.formula for a in formulas if a is not one))
            )
            found = boolean_formulas.terms(rest)
            if found is None:
                yield FlaggedCondition((one.source,), TOO_MANY)
                continue
            why = next((w for t in found if (w := self._small(t, occurrences, t, LEAVES, UNSIZED_LEFT))), None)
            if why is not None:
                yield FlaggedCondition((one.source,), why)

    def _small(
        self, term: boolean_formulas.Term, occurrences: Occurrences, parts: Iterable[int], few: str, unsized: str
    ) -> str | None:
        """Reason if too few people satisfy a term, by the rarest alternative of one of its parts; None otherwise."""
        if self._estimator.is_empty(term):  # a term that nobody can satisfy shows nobody
            return None
        found = [self._estimator.persons(term, occurrences, part) for part in parts]
        small = [e for e in found if e.persons < self._least]
        if not small:
            return None
        return few.format(self._least) if any(e.known for e in small) else unsized

    def flag_differences(
        self, figures: list[FigureConditions]
    ) -> Iterator[tuple[FigureConditions, FigureConditions, FlaggedCondition]]:
        """Flag pairs of figures of which one is about nearly all the people of the other."""
        for place, one in enumerate(figures):
            for other in figures[:place]:
                if (
                    one.figure == other.figure
                    or one.occurrences != other.occurrences  # only figures over the same rows can be compared
                    or len(boolean_formulas.variables([*one.term.values(), *other.term.values()])) < 2
                ):
                    continue
                for part, whole in ((one, other), (other, one)):
                    lefts = self._differences(part, whole)
                    if lefts:
                        why = DIFFERS.format(self._least)
                        counted = whole.count(lefts)
                        yield part, whole, FlaggedCondition(part.source or whole.source, why, counted=counted)
                        break

    def _differences(self, part: FigureConditions, whole: FigureConditions) -> list[boolean_formulas.Formula]:
        """What leaves out possibly too few people of a figure that includes those of another; nothing if it does
        not."""
        # the part must be contained in the whole
        if part.term == whole.term or not all(self._follows(part.term, v, f) for v, f in whole.term.items()):
            return []
        found: list[boolean_formulas.Formula] = []
        for variable, formula in part.term.items():
            if whole.term.get(variable) == formula:
                continue  # it leaves out nobody
            left = {variable: boolean_formulas.negation(formula)}
            both = boolean_formulas.conjoined(whole.term, left)
            found += left.values() if self._small(both, whole.occurrences, left, DIFFERS, DIFFERS) else ()
        return found

    def _follows(self, term: boolean_formulas.Term, variable: int, formula: boolean_formulas.Formula) -> bool:
        """Whether everybody who satisfies the term also satisfies the formula."""
        if variable not in term:
            return False
        both = {variable: boolean_formulas.Conjunction((term[variable], boolean_formulas.negation(formula)))}
        return term[variable] == formula or self._estimator.is_empty(both)


def _sources_of(term: boolean_formulas.Term, formulas: Iterable[SourceFormula]) -> tuple[Scalar, ...]:
    """Expressions in the text that a term consists of. Of alternatives, only those that the term uses."""
    found: list[Scalar] = []
    for one in formulas:
        if not boolean_formulas.variables([one.formula]) & boolean_formulas.variables(term.values()):
            continue
        taken = [
            a for a in one.alternatives if any(_is_within(t, term) for t in boolean_formulas.terms(a.formula) or [])
        ]
        found += _sources_of(term, taken) if taken else [one.source]
    return tuple(found)


def _is_within(part: boolean_formulas.Term, term: boolean_formulas.Term) -> bool:
    return all(
        v in term and set(boolean_formulas.leaves(f)) <= set(boolean_formulas.leaves(term[v])) for v, f in part.items()
    )
