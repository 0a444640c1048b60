"""Describes whose rows a planned table counts, in a form that is equal for equal rows, however each output writes it.
Pure algebra without values."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from broker.domain.plans.operators import Filter, Join, JoinHow, Project, Relation, Scan, ScanColumn
from broker.domain.plans.plan import PlannedTable
from broker.domain.plans.scalars import NULL, Call, Case, ColumnRef, Scalar, conjuncts_of, scalar_text, truth_call
from broker.domain.plans.substitution import rename_columns, substitute

EQUALITIES = frozenset({"equal", "equal_text"})
"""Operations that are never true of NULL."""


@dataclass(slots=True)
class ColumnNumbers:
    """One number for each column of the job's populations. A column is identified by its variable and by the place of
    its scan in the tree."""

    numbers: dict[str, int] = field(default_factory=dict)
    scans: dict[str, dict[str, ScanColumn]] = field(default_factory=lambda: defaultdict(dict))
    years: dict[str, frozenset[int]] = field(default_factory=dict)

    def number(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers) + 1)


@dataclass(frozen=True, slots=True)
class Population:
    """The rows of `base` on which all `conditions` are true. `base` is equal for equal rows. `relation` is one tree of
    it in the table's own ids; `given` maps these to the job's ids."""

    base: str
    conditions: tuple[Scalar, ...]
    relation: Relation
    person: int
    given: Mapping[int, Scalar | int]

    def of(self, scalar: Scalar) -> Scalar:
        """Translate a scalar over the table's rows to the job's ids."""
        return substitute(scalar, lambda c: _job_scalar(self.given, c))


def _job_scalar(given: Mapping[int, Scalar | int], column: ColumnRef) -> Scalar:
    found = given[column.ident]
    return ColumnRef(found, column.type) if isinstance(found, int) else found


def population_of(table: PlannedTable, names: ColumnNumbers) -> Population:
    """The population of a planned table: its base and the conditions of its filters."""
    relation, tests, computed = table.contributions, list[Scalar](), list[Project[Relation]]()
    while isinstance(relation, Filter | Project):
        if isinstance(relation, Filter):
            tests += conjuncts_of(relation.predicate)
        else:
            computed.append(relation)
        relation = relation.child
    reader = _PopulationReader(names)
    base = reader.top(relation)
    # The innermost projection first: outer ones use its columns.
    for project in reversed(computed):
        reader.compute(project)
    # By text: repeated conditions count once.
    conditions = {scalar_text(c): c for c in (reader.scalar(t) for t in tests)}
    person = reader.given[table.person]
    assert isinstance(person, int)
    return Population(base, tuple(conditions.values()), relation, person, reader.given)


class _PopulationReader:
    """Turns one tree into text, and gives each of its columns the job's number."""

    def __init__(self, names: ColumnNumbers) -> None:
        self._names = names
        self.given: dict[int, Scalar | int] = {}

    def scalar(self, scalar: Scalar) -> Scalar:
        return substitute(scalar, lambda c: _job_scalar(self.given, c))

    def compute(self, project: Project[Relation]) -> None:
        for ident, scalar in project.columns:
            self.given[ident] = self.scalar(scalar)

    def top(self, relation: Relation) -> str:
        """The years of a lone scan are left out of the text: its filters state them as a condition anyway."""
        if isinstance(relation, Scan) and relation.years is not None:
            place = f"/{relation.table}"
            self._names.years[place] = self._names.years.get(place, frozenset()) | relation.years
            return self._scan(relation, "/")
        return self.read(relation, "/")

    def read(self, relation: Relation, place: str) -> str:
        match relation:
            case Scan(years=years):
                span = "" if years is None else ",".join(map(str, sorted(years)))
                return f"{self._scan(relation, place)}[{span}]"
            case Filter(child=child, predicate=predicate):
                below = self.read(child, place)
                # Sorted: the order of conditions does not matter.
                tests = sorted(scalar_text(self.scalar(c)) for c in conjuncts_of(predicate))
                return f"{below} where {' and '.join(dict.fromkeys(tests))}"
            case Project(child=child):
                below = self.read(child, place)
                self.compute(relation)
                return below
            case Join() if _is_analysed(relation):
                return self._join(relation, place)
            case _:
                return self._whole(relation, place)

    def _scan(self, scan: Scan, place: str) -> str:
        here = f"{place}{scan.table}"
        for column in scan.columns:
            number = self._names.number(f"{here}.{column.variable}")
            self.given[column.ident] = number
            self._names.scans[here][column.variable] = replace(column, ident=number)
        if scan.person is not None:
            self.given[scan.person] = self._names.number(f"{here}#")
        return scan.table

    def _join(self, join: Join[Relation], place: str) -> str:
        left, right = self.read(join.left, f"{place}l/"), self.read(join.right, f"{place}r/")
        if join.how is JoinHow.LEFT and (computed := _computed_columns(join.right)):
            self._pad(computed, _matched_column(join))
        if join.both is not None and join.person is not None:
            self.given[join.person] = self._names.number(f"{place}#")
        on = "" if join.on is None else scalar_text(self.scalar(join.on))
        return f"({left} {join.how} {'lateral ' * join.lateral}{right} on {on})"

    def _pad(self, computed: Sequence[int], matched: ColumnRef | None) -> None:
        """Where an outer join finds no row, computed columns are NULL, whatever they are computed from."""
        assert matched is not None, "such a join is not analysed"
        is_there = truth_call("not", truth_call("is_null", self.scalar(matched)))
        for ident in computed:
            value = self.given[ident]
            assert not isinstance(value, int), "it is computed"
            self.given[ident] = Case(((is_there, value),), NULL, value.type)

    def _whole(self, relation: Relation, place: str) -> str:
        """A tree that is not analysed: two are equal only if they are written alike, apart from ids. Outer columns that
        a lateral tree reads have their numbers already."""
        order, outside = dict[int, int](), frozenset(self.given)

        def name(ident: int) -> int:
            return order.setdefault(ident, len(order))

        def read(column: ColumnRef) -> Scalar:
            if column.ident not in outside:
                return ColumnRef(name(column.ident), column.type)
            # A negative id marks an outer column, so that it cannot equal one of the tree's own.
            return substitute(_job_scalar(self.given, column), lambda c: ColumnRef(-c.ident, c.type))

        plain = rename_columns(relation, name, read)
        for ident, number in order.items():
            self.given[ident] = self._names.number(f"{place}{number}")
        return repr(plain)


def _is_analysed(join: Join[Relation]) -> bool:
    """Whether the columns that each side computes can be written as scalars over the scans. On the padded side of an
    outer join they are NULL where a column of the condition is."""
    match join.how:
        case JoinHow.FULL:
            return not _computed_columns(join.left) and not _computed_columns(join.right)
        case JoinHow.LEFT:
            return not _computed_columns(join.right) or _matched_column(join) is not None
        case _:
            return True


def _computed_columns(relation: Relation) -> list[int]:
    """The columns that a side of a join computes, under all their names. What a tree that is not analysed computes has
    numbers of its own, as columns of scans have."""
    match relation:
        case Filter(child=child):
            return _computed_columns(child)
        case Project(child=child, columns=columns):
            below = _computed_columns(child)
            named = (i for i, scalar in columns if not isinstance(scalar, ColumnRef) or scalar.ident in below)
            return [*below, *named]
        case Join(left=left, right=right) if _is_analysed(relation):
            return [*_computed_columns(left), *_computed_columns(right)]
        case _:
            return []


def _matched_column(join: Join[Relation]) -> ColumnRef | None:
    """A column of the right side that is NULL if, and only if, no row was found: one that has to equal another."""
    theirs = _column_idents(join.right)
    for condition in () if join.on is None else conjuncts_of(join.on):
        if isinstance(condition, Call) and condition.op in EQUALITIES:
            for column in condition.args:
                if isinstance(column, ColumnRef) and column.ident in theirs:
                    return column
    return None


def _column_idents(relation: Relation) -> frozenset[int]:
    """The columns of scans on a side of a join, under all their names."""
    match relation:
        case Scan(columns=columns):
            return frozenset(c.ident for c in columns)
        case Filter(child=child):
            return _column_idents(child)
        case Project(child=child, columns=columns):
            below = _column_idents(child)
            return below | {i for i, scalar in columns if isinstance(scalar, ColumnRef) and scalar.ident in below}
        case Join(left=left, right=right, how=how):
            return _column_idents(left) | (_column_idents(right) if how is JoinHow.INNER else frozenset())
        case _:
            return frozenset()


def rebuild_relation(population: Population, names: ColumnNumbers) -> Relation:
    """The base in the job's ids, with every column that any table of the job reads from it."""
    return _rebuild(population.relation, "/", population, names)


def _rebuild(relation: Relation, place: str, population: Population, names: ColumnNumbers) -> Relation:
    def number(ident: int) -> int:
        found = population.given[ident]
        assert isinstance(found, int)
        return found

    match relation:
        case Scan():
            here = f"{place}{relation.table}"
            columns = tuple(names.scans[here].values())
            person = None if relation.person is None else number(relation.person)
            # A lone scan has all years that any table of the job reads.
            return Scan(relation.table, columns, person, names.years.get(here, relation.years))
        case Filter(child=child, predicate=predicate):
            return Filter(_rebuild(child, place, population, names), population.of(predicate))
        case Project(child=child):
            return _rebuild(child, place, population, names)
        case Join() if _is_analysed(relation):
            return replace(
                relation,
                left=_rebuild(relation.left, f"{place}l/", population, names),
                right=_rebuild(relation.right, f"{place}r/", population, names),
                on=None if relation.on is None else population.of(relation.on),
                person=None if relation.person is None else number(relation.person),
                both=None if relation.both is None else (number(relation.both[0]), number(relation.both[1])),
            )
        case _:
            return rename_columns(relation, number, lambda c: _job_scalar(population.given, c))
