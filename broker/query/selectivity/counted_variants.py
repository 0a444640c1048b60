"""Variants of a relation that show how many people a combination of conditions selects and excludes. Where public sizes
do not say it, the engine counts the people of each variant on the data."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from broker.domain.plans import operators as ops, scalars
from broker.domain.plans.plan import CountedRows
from broker.query.selectivity import boolean_formulas
from broker.query.selectivity.condition_places import one_branch, readable_columns, readable_in, rewritten
from broker.query.selectivity.countable_tests import ATOMS, NotCountable, check_leaf
from broker.query.selectivity.formula_builder import FormulaBuilder
from broker.query.selectivity.outer_sides import are_of_no_row, as_outer_atom
from broker.query.selectivity.person_estimates import PersonEstimator, is_impossible
from broker.query.symbols import SymbolTable

MOST_VARIANTS = 60
"""Most variants of one combination of conditions."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A condition of the relation, its formula, and the columns that can be read where it stands."""

    written: scalars.Scalar
    formula: boolean_formulas.Formula
    visible: frozenset[int]


@dataclass(frozen=True, slots=True)
class Counting:
    """What a count needs: how many people are enough, and which conditions nobody can satisfy."""

    least: int
    estimator: PersonEstimator


def filter_variants(relation: ops.Relation, builder: FormulaBuilder, counting: Counting) -> tuple[CountedRows, ...]:
    """Variants of the conditions that all rows of a branch satisfy. Raises NotCountable."""
    rows = one_branch(relation, builder.branch)
    visible = dict(readable_columns(rows, frozenset()))
    return _Variants(rows, list(_places(builder, visible)), builder, counting).all()


def value_variants(
    relation: ops.Relation, formulas: Iterable[boolean_formulas.Formula], builder: FormulaBuilder, counting: Counting
) -> tuple[CountedRows, ...]:
    """Variants of the conditions that lead to one branch of a value over a branch's rows. Raises NotCountable."""
    rows = one_branch(relation, builder.branch)
    visible = readable_in(rows)
    places = []
    for formula in (_as_atoms(part, builder) for whole in formulas for part in boolean_formulas.conjuncts(whole)):
        written = _as_scalar(formula, lambda leaf: _written_leaf(leaf, builder, visible))
        places.append(_Place(written, formula, visible))
    filtered = ops.Filter(rows, scalars.all_of(p.written for p in places))
    tested = [p for p in places if boolean_formulas.variables([p.formula])]
    return _Variants(filtered, tested, builder, counting).all()


def difference_variants(
    relation: ops.Relation,
    path: Iterable[boolean_formulas.Formula],
    builder: FormulaBuilder,
    counting: Counting,
    lefts: Iterable[boolean_formulas.Formula],
) -> tuple[CountedRows, ...]:
    """The people of a figure whom another figure leaves out, for each of the conditions that leave out some. `path`:
    conditions of the figure that its rows do not have. Raises NotCountable."""
    rows = one_branch(relation, builder.branch)
    visible, years, found = readable_in(rows), _years_of(rows, builder.symbols), []

    def written(formula: boolean_formulas.Formula) -> scalars.Scalar:
        formula = _as_atoms(formula, builder)
        for leaf in boolean_formulas.leaves(formula):
            check_leaf(leaf, builder)
        return _as_scalar(formula, lambda leaf: _written_leaf(leaf, builder, visible))

    own = [written(formula) for formula in path]
    for left in lefts:
        filtered = ops.Filter(rows, scalars.all_of([*own, written(left)]))
        found.append(CountedRows(filtered, counting.least, None, years))
    return tuple(found)


def _places(builder: FormulaBuilder, visible: Mapping[scalars.Scalar, frozenset[int]]) -> Iterator[_Place]:
    """The conditions that test somebody, and those inside each EXISTS that has to hold."""
    for condition in builder.branch.conditions:
        formula = builder.formula(condition)
        if not boolean_formulas.variables([formula]):
            continue
        if condition not in visible:
            raise NotCountable
        is_divided = isinstance(formula, boolean_formulas.Leaf) and formula.holds and formula.implies is not None
        yield _Place(condition, _as_atoms(formula, builder, is_divided), visible[condition])
        if is_divided:
            inner = builder.branch.subqueries[condition.ident] if isinstance(condition, scalars.ColumnRef) else ()
            if len(inner) != 1:
                raise NotCountable
            within = builder.within(inner[0])
            within.in_subquery = True
            within.branch = replace(within.branch, conditions=inner[0].conditions)
            yield from _places(within, visible)


def _as_atoms(
    formula: boolean_formulas.Formula, builder: FormulaBuilder, is_divided: bool = False
) -> boolean_formulas.Formula:
    """The formula with each EXISTS as a variable of its own. Raises NotCountable for an EXISTS that is not divided
    elsewhere, and has alternatives: they would have to be counted one by one."""
    if isinstance(formula, boolean_formulas.Leaf):
        if formula.implies is None:
            return as_outer_atom(formula, builder) if len(formula.variables) > 1 else formula
        inner = list(boolean_formulas.leaves(formula.implies))
        is_plain = all(leaf.implies is None for leaf in inner)
        if not is_divided and not (is_plain and len(boolean_formulas.alternatives(formula.implies) or ()) == 1):
            raise NotCountable
        for leaf in inner if is_plain else ():
            check_leaf(leaf, builder)
        own = frozenset({ATOMS - min(scalars.column_ids(formula.condition))})
        return replace(formula, variables=own, implies=None)
    return replace(formula, parts=tuple(_as_atoms(part, builder) for part in formula.parts))


class _Variants:
    """The variants of a relation whose conditions stand at `places`."""

    def __init__(
        self, relation: ops.Relation, places: Sequence[_Place], builder: FormulaBuilder, counting: Counting
    ) -> None:
        self._relation, self._places, self._builder, self._counting = relation, places, builder, counting
        self._years = _years_of(relation, builder.symbols)
        self._homes: dict[scalars.Scalar, dict[scalars.Scalar, scalars.Scalar]] = {}
        """By the condition of a leaf: by the conditions that it is part of, how it is written there."""
        for place in places:
            leaves = list(boolean_formulas.leaves(place.formula))
            if len(leaves) > 1 and not all(leaf.variables for leaf in leaves):
                raise NotCountable  # a year or a key among alternatives
            for leaf in leaves:
                check_leaf(leaf, builder)
                one = _as_true(leaf, place.written) if len(leaves) == 1 else None
                written = one or _written_leaf(leaf, builder, place.visible)
                self._homes.setdefault(leaf.condition, {})[place.written] = written

    def all(self) -> tuple[CountedRows, ...]:
        terms = _terms(boolean_formulas.Conjunction(tuple(p.formula for p in self._places)))
        found: dict[CountedRows, None] = {}
        for rows, excludes in chain(*(self._of_term(t, len(terms) > 1) for t in terms), self._of_alternatives()):
            kept = self._relation if excludes else None
            found[CountedRows(rows, self._counting.least, kept, self._years)] = None
            if len(found) > MOST_VARIANTS:
                raise NotCountable
        return tuple(found)

    def _of_term(self, term: boolean_formulas.Term, is_one_of_several: bool) -> Iterator[tuple[ops.Relation, bool]]:
        """Those who meet the rarest alternative of each part, and those who fail it alone."""
        for part, formula in term.items():
            rest = [f for v, f in term.items() if v != part]
            for held in self._possible(part, formula):
                # a condition without alternatives stays as it stands
                yield self._changed(frozenset(), [*(rest if is_one_of_several else ()), held]), False
            places = self._places_of(formula)
            kept = rest if is_one_of_several else [f for f in rest if self._places_of(f) & places]
            for left in self._possible(part, boolean_formulas.negation(formula)):
                if are_of_no_row([*rest, left], self._builder):
                    continue
                yield self._changed(places, [*kept, left]), True

    def _of_alternatives(self) -> Iterator[tuple[ops.Relation, bool]]:
        """Those who fail a condition with alternatives, and those who meet only one of them."""
        for place in self._places:
            if len(boolean_formulas.variables([place.formula])) < 2:
                continue
            dropped = frozenset({place.written})
            for other in _terms(boolean_formulas.negation(place.formula)):
                yield self._changed(dropped, other.values()), True
            alternatives = _terms(place.formula)
            for number, term in enumerate(alternatives if len(alternatives) > 1 else ()):
                others = (t for n, t in enumerate(alternatives) if n != number)
                alone = [boolean_formulas.negation(boolean_formulas.Conjunction(tuple(t.values()))) for t in others]
                yield self._changed(dropped, [*term.values(), *alone]), False

    def _possible(self, variable: int, formula: boolean_formulas.Formula) -> Iterator[boolean_formulas.Formula]:
        """The alternatives of a part that somebody can satisfy."""
        found = boolean_formulas.alternatives(formula)
        if found is None:
            raise NotCountable
        for leaves in found:
            alternative = boolean_formulas.Conjunction(leaves)
            if not (self._counting.estimator.is_empty({variable: alternative}) or _is_of_nothing(alternative)):
                yield alternative

    def _places_of(self, formula: boolean_formulas.Formula) -> frozenset[scalars.Scalar]:
        return frozenset(place for leaf in boolean_formulas.leaves(formula) for place in self._homes[leaf.condition])

    def _changed(self, dropped: frozenset[scalars.Scalar], added: Iterable[boolean_formulas.Formula]) -> ops.Relation:
        """The relation without some of its conditions, and with others where their variables are tested."""
        extras: dict[scalars.Scalar, list[scalars.Scalar]] = {}
        for formula in (part for whole in added for part in boolean_formulas.conjuncts(whole)):
            homes = [self._homes[leaf.condition] for leaf in boolean_formulas.leaves(formula)]
            place = next((p for p in homes[0] if all(p in other for other in homes)), None)
            if place is None:
                raise NotCountable
            extras.setdefault(place, []).append(self._scalar(formula, place))
        return rewritten(self._relation, dropped, extras)

    def _scalar(self, formula: boolean_formulas.Formula, place: scalars.Scalar) -> scalars.Scalar:
        return _as_scalar(formula, lambda leaf: self._homes[leaf.condition][place])


def _is_of_nothing(formula: boolean_formulas.Conjunction) -> bool:
    """Whether no value of the one column that a formula reads satisfies it."""
    leaves = [part for part in formula.parts if isinstance(part, boolean_formulas.Leaf)]
    columns = frozenset().union(*(scalars.column_ids(leaf.condition) for leaf in leaves))
    if len(columns) != 1 or any(leaf.written is not None or leaf.implies is not None for leaf in leaves):
        return False
    (column,) = columns
    tested = tuple(replace(leaf, variables=columns) for leaf in leaves)
    return is_impossible(boolean_formulas.Conjunction(tested), column)


def _as_scalar(
    formula: boolean_formulas.Formula, written: Callable[[boolean_formulas.Leaf], scalars.Scalar]
) -> scalars.Scalar:
    match formula:
        case boolean_formulas.Leaf(holds=holds):
            return written(formula) if holds else scalars.truth_call("not", written(formula))
        case boolean_formulas.Conjunction(parts=parts) if parts:
            return scalars.all_of(_as_scalar(part, written) for part in parts)
        case boolean_formulas.Disjunction(parts=parts) if parts:
            return scalars.any_of(_as_scalar(part, written) for part in parts)
    raise NotCountable


def _terms(formula: boolean_formulas.Formula) -> list[boolean_formulas.Term]:
    """The ways to meet a formula. Raises NotCountable if there are too many."""
    found = boolean_formulas.terms(formula)
    if found is None:
        raise NotCountable
    return found


def _as_true(leaf: boolean_formulas.Leaf, written: scalars.Scalar) -> scalars.Scalar:
    """The leaf's condition, from the condition that the leaf is."""
    return written if leaf.holds else scalars.truth_call("not", written)


def _written_leaf(leaf: boolean_formulas.Leaf, builder: FormulaBuilder, visible: frozenset[int]) -> scalars.Scalar:
    return _written(leaf.condition if leaf.written is None else leaf.written, builder, visible)


def _written(named: scalars.Scalar, builder: FormulaBuilder, visible: frozenset[int]) -> scalars.Scalar:
    """A condition over variables as one over the columns that hold them. Raises NotCountable if one is not readable."""
    if isinstance(named, scalars.ColumnRef):
        ident = named.ident
        if ident in builder.variable_ids.readings:
            reading, column = builder.variable_ids.readings[ident], builder.columns.get(ident)
            if column is None or builder.symbols.origins[column].variable.name != reading.variable:
                raise NotCountable  # a quotient, or whether there are rows
            ident = column
        if ident not in visible:  # above a set operation, its columns stand for those of the branch
            stacked = (u for u, of in builder.branch.columns.items() if of == replace(named, ident=ident, type=of.type))
            ident = next((u for u in stacked if u in visible), ident)
        if ident not in visible:
            raise NotCountable
        return replace(named, ident=ident)
    return scalars.with_parts(named, lambda part: _written(part, builder, visible))


def _years_of(relation: ops.Relation, symbols: SymbolTable) -> tuple[int, int] | None:
    """The readable column of years, if there are several, and how many years it has. Raises NotCountable if there are
    two such columns, or groups by a value that is computed from the year."""
    scans = {s.person: len(s.years) for s in ops.walk(relation) if isinstance(s, ops.Scan) and s.person and s.years}
    years = {symbols.year_column(scan): n for scan, n in scans.items() if n > 1}
    visible, found = readable_in(relation), []
    stacked = {of: ident for r in ops.walk(relation) if isinstance(r, ops.Union) for ident, (of,) in r.columns}
    for column, n in years.items():
        if column is None:
            continue
        if _is_grouped_by(column, relation, symbols):
            raise NotCountable
        while column not in visible and column in stacked:
            column = stacked[column]  # above a set operation, its column stands for that of the branch
        found += [(column, n)] if column in visible else []
    if len(found) > 1:
        raise NotCountable
    return found[0] if found else None


def _is_grouped_by(year: int, relation: ops.Relation, symbols: SymbolTable) -> bool:
    keys = (key for r in ops.walk(relation) if isinstance(r, ops.Aggregate) for ident, key in r.keys if ident != year)
    return any(year in symbols.base(key) for key in keys)
