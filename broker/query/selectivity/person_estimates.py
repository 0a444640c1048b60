"""Estimates a lower bound on the number of people who satisfy a combination of conditions, from public sizes. Shares of
a table's people who satisfy each condition are multiplied only where policy declares their variables unrelated.
Otherwise the estimate subtracts everyone who fails a condition (Bonferroni). For the inspected condition, its rarest
alternative counts. Without a public size, the estimate is 0."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from math import prod

from broker.domain.plans.scalars import Call, ColumnRef, Literal, Scalar, ScalarType, Value, column_ids
from broker.policy.public_sizes import MISSING_CODE, PublicSizes, TableSizes, VariableShares
from broker.query.operations.possible_values import ONLY_TRUE, possible_values
from broker.query.selectivity import boolean_formulas

PLAIN_OPERATIONS = frozenset({"is_null", "not", "equal", "same", "less", "at_most"})
MOST_CONDITIONS = 1000
"""Most conditions on one variable that are evaluated, such as the values of a list."""

LONGEST_RANGE = 500
"""Longest range of whole numbers that is tried number by number, if a condition computes with them."""

UNLISTED_TEXT = "\x00no code"
"""A text that no condition lists."""


@dataclass(frozen=True, slots=True, order=True)
class PersonEstimate:
    """At least `persons` people. `known`: public sizes give the estimate, so a 0 is not due to a missing size."""

    persons: float
    known: bool


UNKNOWN_ESTIMATE = PersonEstimate(0, known=False)


class PersonEstimator:
    def __init__(self, sizes: PublicSizes, variable_ids: boolean_formulas.VariableIds) -> None:
        self._sizes, self._readings, self._pairs = sizes, variable_ids.readings, variable_ids.pairs

    def is_empty(self, term: boolean_formulas.Term) -> bool:
        """Whether nobody can satisfy a term, whatever the data."""
        return any(v in self._readings and is_impossible(f, v) for v, f in term.items())

    def is_of_two(self, variable: int) -> bool:
        """Whether an id is of a quotient of two variables, or compares them in another way."""
        is_quotient = variable in self._readings and " / " in (self._readings[variable].variable or "")
        return is_quotient or variable in self._pairs

    def persons(
        self, term: boolean_formulas.Term, present: Collection[boolean_formulas.TableOccurrence], part: int
    ) -> PersonEstimate:
        """Estimate the people who have rows in all table occurrences and satisfy the term. For the variable `part`,
        only its rarest alternative counts."""
        return max(  # each table gives a lower bound, so the largest one holds
            (self._from_occurrence(occurrence, term, present, part) for occurrence in present), default=UNKNOWN_ESTIMATE
        )

    def _from_occurrence(
        self,
        occurrence: boolean_formulas.TableOccurrence,
        term: boolean_formulas.Term,
        present: Collection[boolean_formulas.TableOccurrence],
        part: int,
    ) -> PersonEstimate:
        """Estimate from the people of one table, in the year with the fewest."""
        found = [
            self._in_table(sizes, occurrence, term, present, part)
            for sizes in self._sizes.table_sizes(occurrence.table, occurrence.years)
        ]
        return min(found, default=UNKNOWN_ESTIMATE)

    def _in_table(
        self,
        sizes: TableSizes,
        occurrence: boolean_formulas.TableOccurrence,
        term: boolean_formulas.Term,
        present: Collection[boolean_formulas.TableOccurrence],
        part: int,
    ) -> PersonEstimate:
        shares: dict[str, float] = {}
        named = {r.occurrence for v in term if (r := self._readings.get(v)) is not None}
        for other in set(present) - named - {occurrence}:  # a person must have rows in these tables too
            shares[f"{other.table}:{other.number}"] = _share_with_rows(sizes, occurrence, other)
        for variable, formula in term.items():
            reading = self._readings.get(variable)
            known = None if reading is None else _shares(sizes, occurrence, reading)
            measure = rarest_share if variable == part else share_of
            share = None if known is None else measure(formula, variable, known)
            if known is None or share is None:
                return UNKNOWN_ESTIMATE
            # several conditions on one variable: the rarest of them
            shares[known.variable] = min(share, shares.get(known.variable, 1.0))
        return PersonEstimate(sizes.persons * combined_share(shares, sizes), known=True)


def _share_with_rows(
    sizes: TableSizes, occurrence: boolean_formulas.TableOccurrence, other: boolean_formulas.TableOccurrence
) -> float:
    """Share of the people of one table occurrence who have rows in another."""
    known = _shares(sizes, occurrence, boolean_formulas.VariableReading(other, None))
    return 0.0 if known is None else known.codes.get("in", 0.0)


def _shares(
    sizes: TableSizes, occurrence: boolean_formulas.TableOccurrence, reading: boolean_formulas.VariableReading
) -> VariableShares | None:
    """Public shares of a variable in a table: of its own rows, or of rows of the same people and year in another table.
    None if unknown."""
    if reading.occurrence == occurrence and reading.variable is not None:
        return sizes.shares_of(reading.variable)
    same_year = reading.occurrence.number == 0 and reading.occurrence.years in (occurrence.years, None)
    if not same_year or reading.occurrence.table == occurrence.table:
        return None
    return sizes.shares_of(
        reading.occurrence.table if reading.variable is None else f"{reading.occurrence.table}.{reading.variable}"
    )


def combined_share(shares: Mapping[str, float], sizes: TableSizes) -> float:
    """Lower bound of the share of people who satisfy all conditions."""
    found = [_remaining_share(shares.values())]
    for group in sizes.unrelated:
        inside = [s for name, s in shares.items() if name in group.variables]
        outside = [s for name, s in shares.items() if name not in group.variables]
        if len(inside) > 1:
            found.append(_remaining_share([prod(inside, start=group.at_least), *outside]))
    return max(found)  # each way gives a lower bound, so the largest of them holds


def _remaining_share(shares: Collection[float]) -> float:
    """Share that is left if nobody fails two of the conditions."""
    return max(0.0, 1.0 - sum(1.0 - s for s in shares))


def rarest_share(formula: boolean_formulas.Formula, variable: int, shares: VariableShares) -> float | None:
    """Share of people who satisfy the rarest possible alternative of a formula on one variable. None if there are too
    many alternatives, or one cannot be evaluated."""
    found = [boolean_formulas.Conjunction(w) for w in boolean_formulas.alternatives(formula) or ()]
    sizes = [share_of(w, variable, shares) for w in found if not is_impossible(w, variable)]
    return None if not sizes or any(s is None for s in sizes) else min(s for s in sizes if s is not None)


def share_of(formula: boolean_formulas.Formula, variable: int, shares: VariableShares) -> float | None:
    """Share of people who satisfy a formula on one variable; None if it cannot be evaluated."""
    on_variable = [leaf for leaf in boolean_formulas.leaves(formula) if leaf.variables]
    if len(on_variable) > MOST_CONDITIONS or not all(_is_on(leaf, variable) for leaf in on_variable):
        return None
    conditions = VariableConditions(formula, variable, on_variable)
    inside = [(r, conditions.holds_between(r.low, r.high)) for r in shares.ranges]
    if any(holds is None for _, holds in inside):
        return None
    found = sum(share for code, share in shares.codes.items() if conditions.holds(conditions.value(code)))
    found += sum(r.share for r, holds in inside if holds)
    return found + (_of_register(conditions, shares) if shares.each_least else 0.0)


def is_impossible(formula: boolean_formulas.Formula, variable: int) -> bool:
    """Whether no value satisfies a formula on one variable. Only comparisons with written values are evaluated: what
    cannot be may be true, as the order of texts, which depends on the engine."""
    on_variable = [leaf for leaf in boolean_formulas.leaves(formula) if leaf.variables]
    plain = all(_is_on(leaf, variable) and _is_plain(leaf.condition) for leaf in on_variable)
    if not plain or len(on_variable) > MOST_CONDITIONS:
        return False
    conditions = VariableConditions(formula, variable, on_variable)
    return not any(map(conditions.may_hold, conditions.breakpoints))


def _is_on(leaf: boolean_formulas.Leaf, variable: int) -> bool:
    """Whether a condition reads only the variable itself, not a column that merely depends on it."""
    return leaf.variables == {variable} == column_ids(leaf.condition) and leaf.implies is None


def _of_register(conditions: "VariableConditions", shares: VariableShares) -> float:
    """Share of the codes of a register that satisfy the conditions: the named codes, or all but the named ones."""
    # only equalities can be matched with the codes of a register
    if any(_listed(leaf.condition) is None for leaf in conditions.leaves):
        return 0.0
    apart = set(map(conditions.value, shares.codes))
    named = [v for v in conditions.named if v not in apart]
    if conditions.holds(conditions.unlisted):
        # the most that each lost code may hold, so that the rest is a lower bound
        lost = sum(shares.each_most for v in named if not conditions.holds(v))
        return max(0.0, 1.0 - sum(shares.codes.values()) - lost)
    return shares.each_least * sum(map(conditions.holds, named))


class VariableConditions:
    """All conditions on one variable."""

    def __init__(
        self, formula: boolean_formulas.Formula, variable: int, on_variable: list[boolean_formulas.Leaf]
    ) -> None:
        self._formula, self._variable, self.leaves = formula, variable, on_variable
        self.named: dict[Value, None] = dict.fromkeys(v for leaf in on_variable for v in _literals(leaf.condition))
        """The values that the conditions name."""
        self.kind = next((t for leaf in on_variable for t in _types(leaf.condition, variable)), ScalarType.TEXT)
        self._listed = {id(leaf): _listed(leaf.condition) for leaf in on_variable}

    @property
    def unlisted(self) -> Value:
        """A value that the conditions do not name."""
        return min(map(_number, self.named), default=Decimal(0)) - 1 if self.kind.is_number else UNLISTED_TEXT

    @property
    def breakpoints(self) -> list[Value]:
        """Values between which no comparison of the variable with a named value changes."""
        if self.kind is ScalarType.TRUTH:
            return [True, False, None]
        known = [*self.named, None]
        if self.kind.is_number:
            numbers = sorted({_number(v) for v in self.named if _is_number(v)})
            ends = [n + by for n in (*numbers[:1], *numbers[-1:]) for by in (-1, 1)]
            return [*known, self.unlisted, *ends, *((a + b) / 2 for a, b in pairwise(numbers))]
        days = [v + timedelta(days=d) for v in self.named if isinstance(v, date) for d in (-1, 1)]
        if self.kind is not ScalarType.TEXT:
            return [*known, *days]
        # the next text after a named one; \x7f sorts after all printable ASCII
        return [*known, self.unlisted, "\x7f", *(v + "\x01" for v in self.named if isinstance(v, str))]

    def value(self, code: str) -> Value:
        """Convert a code to the type of the variable."""
        if code == MISSING_CODE:
            return None
        if self.kind is ScalarType.TRUTH:
            return code == "in"
        return int(code) if self.kind.is_whole else code

    def holds(self, value: Value) -> bool:
        return self._holds(self._formula, value)

    def may_hold(self, value: Value) -> bool:
        return self._holds(self._formula, value, surely=False)

    def _holds(self, formula: boolean_formulas.Formula, value: Value, surely: bool = True) -> bool:
        """Whether the formula holds for a value, or may hold. Conditions on years count as true: what holds for them
        holds for people of each year."""
        match formula:
            case boolean_formulas.Leaf(variables=read) if not read:
                return True
            case boolean_formulas.Leaf(holds=holds):
                listed = self._listed[id(formula)]
                if listed is not None and value is not None:
                    return (value == listed) == holds
                found = possible_values(formula.scalar, {self._variable: frozenset({value})}, {})
                return found == ONLY_TRUE if surely else found is None or True in found
            case boolean_formulas.Conjunction(parts=parts):
                return all(self._holds(p, value, surely) for p in parts)
            case boolean_formulas.Disjunction(parts=parts):
                return any(self._holds(p, value, surely) for p in parts)

    def holds_between(self, low: float, high: float) -> bool | None:
        """Whether the formula holds for every number from low to high; None if that cannot be evaluated."""
        if self.kind.is_whole and high - low <= LONGEST_RANGE:
            return all(self.holds(n) for n in range(int(low), int(high) + 1))
        if not all(_is_plain(leaf.condition) for leaf in self.leaves):
            return None
        ends = Decimal(repr(low)), Decimal(repr(high))
        inner = [n for n in self.breakpoints if _is_number(n) and ends[0] <= _number(n) <= ends[1]]
        return all(map(self.holds, (*ends, *inner)))


def _listed(condition: Scalar) -> Value:
    """Value that an equality requires; None for other conditions."""
    match condition:
        case Call(op="equal", args=(ColumnRef(), Literal(value=value)) | (Literal(value=value), ColumnRef())):
            return value
    return None


def _is_plain(condition: Scalar) -> bool:
    """Whether the condition compares the variable itself with written values, so that its truth changes at these
    only."""
    match condition:
        case ColumnRef():
            return True
        case Call(op=op, args=args) if op in PLAIN_OPERATIONS:
            inner = [a for a in args if not isinstance(a, ColumnRef | Literal)]
            return all(map(_is_plain, inner)) if op == "not" else not inner
    return False


def _literals(condition: Scalar) -> list[Value]:
    match condition:
        case Literal(value=value):
            return [value] if value is not None else []
        case Call(args=args):
            return [v for a in args for v in _literals(a)]
    return []


def _types(condition: Scalar, variable: int) -> list[ScalarType]:
    match condition:
        case ColumnRef(ident=ident, type=kind):
            return [kind] if ident == variable else []
        case Call(args=args):
            return [t for a in args for t in _types(a, variable)]
    return []


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)


def _number(value: Value) -> Decimal:
    return Decimal(str(value)) if _is_number(value) else Decimal(0)
