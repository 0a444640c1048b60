"""Variants of a relation that show how many people a combination of conditions selects and excludes. Where public sizes
do not say it, the engine counts the people of each variant on the data."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from broker.domain.plans import operators as ops, scalars
from broker.domain.plans.variable_uses import VariableClass
from broker.policy.data_catalogue import Variable
from broker.query.selectivity import boolean_formulas
from broker.query.selectivity.branches import RelationBranch
from broker.query.selectivity.choices import MANY_VALUES
from broker.query.selectivity.formula_builder import FormulaBuilder
from broker.query.selectivity.person_estimates import PersonEstimator
from broker.query.symbols import ColumnOrigin, SymbolTable

MOST_VARIANTS = 60
"""Most variants of one combination of conditions."""
ATOMS = -3_000_000
"""Ids of EXISTS as variables of their own begin here."""
CHOICES = frozenset({"coalesce", "nullif", "greatest", "least"})
"""Operations that choose between values, so that one comparison can be several."""
TESTS = frozenset({"equal", "equal_text", "same", "less", "at_most", "is_null", "not"})

Extras = dict[scalars.Scalar, list[scalars.Scalar]]
"""By the condition where they stand: further conditions."""


class NotCountable(Exception):
    """A condition cannot be divided where it stands, or names a school or an area, or there are too many variants."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The rows of the people whom a combination of conditions selects, or whom a part of it excludes. `kept` and
    `years` are those of `CountedRows`."""

    rows: ops.Relation
    kept: ops.Relation | None
    years: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Place:
    """A condition of the relation, its formula, and the columns that can be read where it stands."""

    written: scalars.Scalar
    formula: boolean_formulas.Formula
    visible: frozenset[int]


def filter_variants(relation: ops.Relation, builder: FormulaBuilder, estimator: PersonEstimator) -> tuple[Variant, ...]:
    """Variants of the conditions that all rows of a branch satisfy. Raises NotCountable."""
    rows = one_branch(relation, builder.branch)
    visible = dict(_readable_columns(rows, frozenset()))
    return _Variants(rows, list(_places(builder, visible)), builder, estimator).all()


def value_variants(
    relation: ops.Relation,
    formulas: Iterable[boolean_formulas.Formula],
    builder: FormulaBuilder,
    estimator: PersonEstimator,
) -> tuple[Variant, ...]:
    """Variants of the conditions that lead to one branch of a value over a branch's rows. Raises NotCountable."""
    rows = one_branch(relation, builder.branch)
    visible = _columns_of(rows)
    places = []
    for formula in (part for whole in formulas for part in _conjuncts(whole)):
        if any(leaf.implies is not None for leaf in boolean_formulas.leaves(formula)):
            raise NotCountable
        written = _as_scalar(formula, lambda condition: _written(condition, builder, visible))
        places.append(_Place(written, formula, visible))
    filtered = ops.Filter(rows, scalars.all_of(p.written for p in places))
    tested = [p for p in places if boolean_formulas.variables([p.formula])]
    return _Variants(filtered, tested, builder, estimator).all()


def one_branch(relation: ops.Relation, branch: RelationBranch) -> ops.Relation:
    """The relation without the rows of other branches of its unions."""
    if isinstance(relation, ops.Aggregate | ops.Window) and any(isinstance(r, ops.Union) for r in ops.walk(relation)):
        raise NotCountable  # without the other branches it would be another figure
    if isinstance(relation, ops.Union):
        number = branch.union_parts.get(relation.columns[0][0]) if relation.columns else None
        if number is None:
            raise NotCountable
        person = relation.person and (relation.person[0], (relation.person[1][number],))
        columns = tuple((ident, (of[number],)) for ident, of in relation.columns)
        return ops.Union((one_branch(relation.parts[number], branch),), columns, person)
    return ops.with_children(relation, lambda part: one_branch(part, branch))


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
            return formula
        inner = list(boolean_formulas.leaves(formula.implies))
        is_plain = all(leaf.implies is None for leaf in inner)
        if not is_divided and not (is_plain and len(boolean_formulas.alternatives(formula.implies) or ()) == 1):
            raise NotCountable
        for leaf in inner if is_plain else ():
            _check_leaf(leaf, builder)
        own = frozenset({ATOMS - min(scalars.column_ids(formula.condition))})
        return replace(formula, variables=own, implies=None)
    return replace(formula, parts=tuple(_as_atoms(part, builder) for part in formula.parts))


class _Variants:
    """The variants of a relation whose conditions stand at `places`."""

    def __init__(
        self, relation: ops.Relation, places: Sequence[_Place], builder: FormulaBuilder, estimator: PersonEstimator
    ) -> None:
        self._relation, self._places, self._estimator = relation, places, estimator
        self._years = _years_of(relation, builder.symbols)
        self._homes: dict[scalars.Scalar, dict[scalars.Scalar, scalars.Scalar]] = {}
        """By the condition of a leaf: by the conditions that it is part of, how it is written there."""
        for place in places:
            leaves = list(boolean_formulas.leaves(place.formula))
            if len(leaves) > 1 and not all(leaf.variables for leaf in leaves):
                raise NotCountable  # a year or a key among alternatives
            for leaf in leaves:
                _check_leaf(leaf, builder)
                one = _as_true(leaf, place.written) if len(leaves) == 1 else None
                written = one or _written(leaf.condition, builder, place.visible)
                self._homes.setdefault(leaf.condition, {})[place.written] = written

    def all(self) -> tuple[Variant, ...]:
        terms = boolean_formulas.terms(boolean_formulas.Conjunction(tuple(p.formula for p in self._places)))
        if terms is None:
            raise NotCountable
        found: dict[Variant, None] = {}
        for rows, excludes in chain(*(self._of_term(t, len(terms) > 1) for t in terms), self._of_alternatives()):
            found[Variant(rows, self._relation if excludes else None, self._years)] = None
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
                yield self._changed(places, [*kept, left]), True

    def _of_alternatives(self) -> Iterator[tuple[ops.Relation, bool]]:
        """Those who fail a condition with alternatives, and those who meet only one of them."""
        for place in self._places:
            if len(boolean_formulas.variables([place.formula])) < 2:
                continue
            dropped = frozenset({place.written})
            for other in boolean_formulas.terms(boolean_formulas.negation(place.formula)) or _none():
                yield self._changed(dropped, other.values()), True
            alternatives = boolean_formulas.terms(place.formula) or _none()
            for number, term in enumerate(alternatives if len(alternatives) > 1 else ()):
                others = (t for n, t in enumerate(alternatives) if n != number)
                alone = [boolean_formulas.negation(boolean_formulas.Conjunction(tuple(t.values()))) for t in others]
                yield self._changed(dropped, [*term.values(), *alone]), False

    def _possible(self, variable: int, formula: boolean_formulas.Formula) -> Iterator[boolean_formulas.Formula]:
        """The alternatives of a part that somebody can satisfy."""
        for leaves in boolean_formulas.alternatives(formula) or ():
            alternative = boolean_formulas.Conjunction(leaves)
            if not self._estimator.is_empty({variable: alternative}):
                yield alternative

    def _places_of(self, formula: boolean_formulas.Formula) -> frozenset[scalars.Scalar]:
        return frozenset(place for leaf in boolean_formulas.leaves(formula) for place in self._homes[leaf.condition])

    def _changed(self, dropped: frozenset[scalars.Scalar], added: Iterable[boolean_formulas.Formula]) -> ops.Relation:
        """The relation without some of its conditions, and with others where their variables are tested."""
        extras: Extras = {}
        for formula in (part for whole in added for part in _conjuncts(whole)):
            homes = [self._homes[leaf.condition] for leaf in boolean_formulas.leaves(formula)]
            place = next((p for p in homes[0] if all(p in other for other in homes)), None)
            if place is None:
                raise NotCountable
            extras.setdefault(place, []).append(self._scalar(formula, place))
        return _rewritten(self._relation, dropped, extras)

    def _scalar(self, formula: boolean_formulas.Formula, place: scalars.Scalar) -> scalars.Scalar:
        return _as_scalar(formula, lambda condition: self._homes[condition][place])


def _as_scalar(
    formula: boolean_formulas.Formula, written: Callable[[scalars.Scalar], scalars.Scalar]
) -> scalars.Scalar:
    match formula:
        case boolean_formulas.Leaf(condition=condition, holds=holds):
            return written(condition) if holds else scalars.truth_call("not", written(condition))
        case boolean_formulas.Conjunction(parts=parts) if parts:
            return scalars.all_of(_as_scalar(part, written) for part in parts)
        case boolean_formulas.Disjunction(parts=parts) if parts:
            return scalars.any_of(_as_scalar(part, written) for part in parts)
    raise NotCountable


def _none() -> list[boolean_formulas.Term]:
    raise NotCountable


def _check_leaf(leaf: boolean_formulas.Leaf, builder: FormulaBuilder) -> None:
    """Raise NotCountable for a test that could be of several things at once, or that names a school or an area: the
    people of a school know each other, so their number in England says little."""
    if not leaf.variables or min(leaf.variables) <= ATOMS:
        return
    read = scalars.column_ids(leaf.condition)
    is_of_one = len(leaf.variables) == 1 or _compares_many_values(leaf.condition, builder)
    if not is_of_one or read & builder.branch.scalar_subqueries or not _is_test(leaf.condition):
        raise NotCountable
    symbols = builder.symbols
    for ident in read:
        column = scalars.ColumnRef(builder.columns.get(ident, ident), scalars.ScalarType.NULL)
        base = symbols.base(column)
        if len({symbols.origins[i].full_name for i in base}) > 1 and column.ident in symbols.opaque:
            raise NotCountable
        if _names_value(leaf.condition) and any(_is_of_few(symbols.origins[i], symbols) for i in base):
            raise NotCountable


def _is_test(condition: scalars.Scalar) -> bool:
    """Whether a condition compares a column with a written value, or columns with each other."""
    match condition:
        case scalars.ColumnRef():
            return True
        case scalars.Call(op=op, args=args) if op in TESTS:
            if op == "not":
                return all(map(_is_test, args))
            return all(isinstance(arg, scalars.ColumnRef | scalars.Literal) for arg in args)
    return False


def _compares_many_values(condition: scalars.Scalar, builder: FormulaBuilder) -> bool:
    """Whether a condition compares two variables with so many values that it names none of them."""
    match condition:
        case scalars.Call(op=op, args=(scalars.ColumnRef() as one, scalars.ColumnRef() as other)) if op in TESTS:
            if {one.ident, other.ident} <= builder.columns.keys():
                return all(_has_many_values(builder.origin(column.ident).variable) for column in (one, other))
    return False


def _has_many_values(variable: Variable) -> bool:
    if variable.type is scalars.ScalarType.DATE:
        return True
    return variable.low is not None and variable.high is not None and variable.high - variable.low >= MANY_VALUES


def _names_value(condition: scalars.Scalar) -> bool:
    match condition:
        case scalars.Call(args=args):
            return any(isinstance(arg, scalars.Literal) or _names_value(arg) for arg in args)
    return False


def _is_of_few(origin: ColumnOrigin, symbols: SymbolTable) -> bool:
    """Whether the values of a variable are schools, areas, or other things that each have few people."""
    variable = origin.variable
    has_list = variable.codes is not None or variable.type is scalars.ScalarType.FLAG
    is_of_register = variable.register_key is not None or not (symbols.is_person(origin.scan) or has_list)
    return is_of_register or variable.cls not in {
        VariableClass.STANDARD, VariableClass.SENSITIVE, VariableClass.PUBLIC,
    }  # fmt: skip


def _conjuncts(formula: boolean_formulas.Formula) -> Iterator[boolean_formulas.Formula]:
    if isinstance(formula, boolean_formulas.Conjunction):
        for part in formula.parts:
            yield from _conjuncts(part)
    else:
        yield formula


def _as_true(leaf: boolean_formulas.Leaf, written: scalars.Scalar) -> scalars.Scalar:
    """The leaf's condition, from the condition that the leaf is."""
    return written if leaf.holds else scalars.truth_call("not", written)


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


def _columns_of(relation: ops.Relation) -> frozenset[int]:
    """Every column that an operator above can read."""
    own = frozenset(ops.own_ids(relation))
    if isinstance(relation, ops.Aggregate | ops.Union):
        return own
    below = relation.child if isinstance(relation, ops.Apply) else None
    parts = ops.children(relation) if below is None else (below,)
    return own.union(*map(_columns_of, parts))


def _years_of(relation: ops.Relation, symbols: SymbolTable) -> tuple[int, int] | None:
    """The readable column of years of several, and how many years it has. Raises NotCountable if there are two."""
    visible = _columns_of(relation)
    scans = [s for s in ops.walk(relation) if isinstance(s, ops.Scan) and s.person is not None]
    years = {symbols.year_column(s.person): len(s.years) for s in scans if s.person is not None and s.years is not None}
    found = [(column, n) for column, n in years.items() if n > 1 and column is not None and column in visible]
    if len(found) > 1:
        raise NotCountable
    return found[0] if found else None


def _readable_columns(relation: ops.Relation, outer: frozenset[int]) -> Iterator[tuple[scalars.Scalar, frozenset[int]]]:
    """Each condition of WHERE, HAVING and inner joins, with the columns that can be read where it stands."""
    match relation:
        case ops.Filter(child=child, predicate=predicate):
            for condition in scalars.conjuncts_of(predicate):
                yield condition, outer | _columns_of(child)
        case ops.Join(how=ops.JoinHow.INNER, on=on):
            for condition in scalars.conjuncts_of(on):
                yield condition, outer | _columns_of(relation)
        case ops.Apply(child=child, sub=sub):
            yield from _readable_columns(child, outer)
            yield from _readable_columns(sub, outer | _columns_of(child))
            return
        case ops.Aggregate(person=None):
            return  # groups of other people, which are not the people of the relation
    for part in ops.children(relation):
        yield from _readable_columns(part, outer)


def _rewritten(relation: ops.Relation, dropped: Collection[scalars.Scalar], extras: Extras) -> ops.Relation:
    """The relation without the dropped conditions, and with extra ones beside the condition where they stand. Raises
    NotCountable if a condition stands nowhere."""
    found: set[scalars.Scalar] = set()

    def changed(whole: scalars.Scalar) -> scalars.Scalar:
        left: list[scalars.Scalar] = []
        for one in scalars.conjuncts_of(whole):
            left += [] if one in dropped else [one]
            left += extras.get(one, [])
            found.add(one)
        return scalars.all_of(dict.fromkeys(left)) if left else scalars.Literal(True, scalars.ScalarType.TRUTH)

    def rewritten(part: ops.Relation) -> ops.Relation:
        part = ops.with_children(part, rewritten)
        match part:
            case ops.Filter(predicate=predicate):
                return replace(part, predicate=changed(predicate))
            case ops.Join(how=ops.JoinHow.INNER, on=on) if on is not None:
                return replace(part, on=changed(on))
        return part

    result = rewritten(relation)
    if not {*dropped, *extras} <= found:
        raise NotCountable
    return result
