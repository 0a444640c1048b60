"""The joint cells of a family of linked tables: those in the evidence, and possible ones that were not observed."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, permutations

from broker.domain.errors import Breach
from broker.domain.evidence import CellEvidence, TableEvidence
from broker.domain.plans.measure import BINARY, CELL_COUNTS, COUNTS
from broker.domain.plans.scalars import ColumnRef, Scalar, Value, column_ids
from broker.evidence.table_families import DimensionValue, LinkedFigure, LinkedTable, TableFamily, TableIndex
from broker.postprocessing.exact_arithmetic import as_number, evaluate

TableRows = Mapping[TableIndex, Sequence[tuple[Value, ...]]]
"""The rows of each table that could be shown."""

ANY_VALUE = "*"
"""The value in a dimension that a joint cell does not specify. It passes no test and equals no other key."""


@dataclass(frozen=True, slots=True)
class JointCell:
    """A joint cell: its value in each dimension, its rows and persons, and its total for each amount.

    `is_open`: it may have nobody or up to t-1 persons, and no figure may disclose how many. `is_requested`: a figure of
    the job, which is hidden, is about exactly these persons.
    """

    place: Mapping[str, Value]
    rows: int
    persons: int
    amounts: Mapping[str, "JointAmount"]
    is_open: bool = False
    is_requested: bool = False


@dataclass(frozen=True, slots=True)
class JointAmount:
    """A total over a joint cell, the largest total of one person in it (its absolute value), and the smallest value."""

    total: float
    largest: float
    low: float


ZERO_AMOUNT = JointAmount(0.0, 0.0, 0.0)


def joint_cells_of(
    family: TableFamily, evidence: Mapping[TableIndex, TableEvidence], joint: TableEvidence | None
) -> list[JointCell]:
    """The joint cells of a family: from the joint table, or from the finest member, whose cells are split by a
    condition on rows."""
    if joint is not None:
        return [_joint_cell(family, cell) for cell in joint.cells]
    finest = family.finest
    assert finest is not None
    return [a for cell in evidence[finest.where].cells for a in _split(finest, cell)]


def _joint_cell(family: TableFamily, cell: CellEvidence) -> JointCell:
    place = dict(zip(family.dimensions, cell.keys, strict=True))
    amounts = {text: _joint_amount(cell, ident) for text, ident in family.amounts}
    return JointCell(place, cell.rows, cell.persons, amounts)


def _split(member: LinkedTable, cell: CellEvidence) -> list[JointCell]:
    place: dict[str, Value] = dict(zip(member.keys, cell.keys, strict=True))
    amounts = {f.amount: _joint_amount(cell, f.ident) for f in member.figures if f.amount is not None}
    counted = next((f for f in member.figures if f.tests and f.amount is None and not f.derived), None)
    if counted is None:
        return [JointCell(place, cell.rows, cell.persons, amounts)]
    ((condition, _),) = counted.tests
    seen = cell.statistics[counted.ident]
    rest_rows, rest = seen.rest_rows, seen.rest
    if counted.measure in COUNTS - CELL_COUNTS:  # no third side: a value is present or not
        rest_rows, rest = cell.rows - seen.rows, cell.persons - seen.persons
    sides: tuple[tuple[Value, int, int], ...] = (
        (1, seen.rows, seen.persons),
        (0, rest_rows, rest),
        (None, cell.rows - seen.rows - rest_rows, cell.persons - seen.persons - rest),  # rows without a value
    )
    parts = [JointCell(place | {condition: v}, rows, max(0, persons), {}) for v, rows, persons in sides if rows > 0]
    # No amount is summed under the condition, so it is assigned to the side with most persons.
    most = max(range(len(parts)), key=lambda n: parts[n].persons)
    return [JointCell(a.place, a.rows, a.persons, amounts if n == most else {}) for n, a in enumerate(parts)]


def _joint_amount(cell: CellEvidence, ident: int) -> JointAmount:
    seen = cell.statistics[ident]
    found = [0.0 if v is None else float(as_number(v)) for v in (seen.total, seen.largest, seen.low)]
    return JointAmount(found[0], abs(found[1]), found[2])


ObservedPersons = Mapping[tuple[TableIndex, tuple[Value, ...], frozenset[DimensionValue]], int]
"""The persons in a row of a table under conditions."""


def observed_persons(family: TableFamily, evidence: Mapping[TableIndex, TableEvidence]) -> ObservedPersons:
    """The persons of each row and of both sides of each counted condition, as far as evidence counts them."""
    found = dict[tuple[TableIndex, tuple[Value, ...], frozenset[DimensionValue]], int]()
    for member in family.members:
        for cell in evidence[member.where].cells:
            found[member.where, cell.keys, member.tests] = cell.persons
            for figure in _count_figures(member):
                seen = cell.statistics[figure.ident]
                for condition, _ in figure.tests:
                    found[member.where, cell.keys, member.tests | {(condition, 1)}] = seen.persons
                    if figure.measure in BINARY:  # evidence counts the persons on both sides
                        found[member.where, cell.keys, member.tests | {(condition, 0)}] = seen.rest
    return found


def persons_together(numbers: Sequence[int], joint_cells: Sequence[JointCell], observed: int | None) -> int:
    """The persons of several joint cells. Somebody with rows in two of them is one person, so what was observed
    counts, if it is known."""
    added = sum(joint_cells[n].persons for n in numbers)
    return added if observed is None else min(added, observed)


class JointCellIndex:
    """Joint cells by the keys and tests of a table. Each combination is computed once."""

    def __init__(self, joint_cells: Sequence[JointCell]) -> None:
        self.joint_cells = list(joint_cells)
        self.by = cache(self._by)

    def _by(self, keys: tuple[str, ...], tests: frozenset[DimensionValue]) -> Mapping[tuple[Value, ...], list[int]]:
        """The numbers of the joint cells that pass the tests, by the values of the keys."""
        found: dict[tuple[Value, ...], list[int]] = defaultdict(list)
        for n, joint_cell in enumerate(self.joint_cells):
            place = joint_cell.place
            if all(place.get(d, ANY_VALUE) == v for d, v in tests):
                values = tuple(place.get(k, ANY_VALUE) for k in keys)
                if ANY_VALUE not in values:  # it has no value for one of the keys
                    found[values].append(n)
        return found

    def persons(self, keys: tuple[str, ...], tests: frozenset[DimensionValue]) -> Mapping[tuple[Value, ...], int]:
        """The persons of the joint cells that pass the tests, by the values of the keys."""
        return {at: sum(self.joint_cells[n].persons for n in numbers) for at, numbers in self.by(keys, tests).items()}


JointPlace = Mapping[str, Value]
"""Values by dimension. Some dimensions may lack a value."""


class PlaceCompletion:
    """Completes places by those of observed cells, which have persons."""

    def __init__(self, family: TableFamily, seen: Sequence[JointCell]) -> None:
        # A fixed order, so that equal input gives the same pattern.
        self._seen = sorted(seen, key=lambda a: sorted((d, repr(v)) for d, v in a.place.items()))
        self._columns = {s.ident: d for d, s in family.scalars if isinstance(s, ColumnRef)}
        self._tests = {d: s for d, s in family.scalars if not isinstance(s, ColumnRef)}
        self._follows = _implied_values(seen, self._tests)

    def complete(self, place: JointPlace) -> dict[str, Value]:
        """The place with a value in every dimension: first what always occurs with one of its conditions (such as an
        authority with a condition on it), then the values of the most similar observed cell. Conditions are
        evaluated."""
        found = dict(place)
        for at in place.items():
            found = self._follows.get(at, {}) | found
        like = self._most_similar(found)
        whole = {**like, **found}
        computed = {d: self._value(s, whole) for d, s in self._tests.items() if d not in found}
        return whole | {d: v for d, v in computed.items() if v is not None}

    def is_possible(self, place: JointPlace) -> bool:
        """Whether no condition of the place contradicts the values of the place."""
        tests = [
            (place[d], self._value(s, place)) for d, s in self._tests.items() if d in place and self._knows(s, place)
        ]
        return all(found is None or found == required for required, found in tests)

    def _knows(self, scalar: Scalar, place: JointPlace) -> bool:
        columns = column_ids(scalar)
        return columns <= self._columns.keys() and all(self._columns[i] in place for i in columns)

    def _most_similar(self, place: JointPlace) -> JointPlace:
        def alike(one: JointCell) -> int:
            return sum(one.place.get(d) == v for d, v in place.items())

        return max(self._seen, key=alike).place if self._seen else {}

    def _value(self, scalar: Scalar, place: JointPlace) -> Value:
        """The value of a computed dimension; None if columns are missing or it cannot be computed."""
        if not column_ids(scalar) <= self._columns.keys():
            return None
        try:
            found = evaluate(scalar, {i: place.get(self._columns[i]) for i in column_ids(scalar)})
        except (Breach, ArithmeticError, TypeError, ValueError):
            return None
        # Conditions are dimensions with the values 1 and 0.
        return int(found) if isinstance(found, bool) else found


def _implied_values(
    seen: Sequence[JointCell], tests: Mapping[str, Scalar]
) -> dict[tuple[str, Value], dict[str, Value]]:
    """For each condition value, the values of other dimensions that always occur with it."""
    values: dict[tuple[str, Value], dict[str, set[Value]]] = defaultdict(lambda: defaultdict(set))
    for one in seen:
        for at in one.place.items():
            if at[0] in tests:
                for d, v in one.place.items():
                    values[at][d].add(v)
    return {at: {d: next(iter(v)) for d, v in by.items() if len(v) == 1} for at, by in values.items()}


UNSHOWN_ROW = "(a row that is not shown)"
"""The value of a key without a list, in a row that has too few persons to be shown."""


def known_joint_cells(
    family: TableFamily, joint_cells: Sequence[JointCell], observed: ObservedPersons, t: int, is_rounded: bool
) -> list[JointCell]:
    """The joint cells that may be used with their true counts: those of t persons or more. Any other cell may be empty,
    so neither its count nor its presence must matter, not even to tell two figures apart. If nothing is rounded, a cell
    that is only in figures of t persons is used as well, because it could be worked out exactly."""
    large = {n for n, a in enumerate(joint_cells) if a.persons >= t}
    if is_rounded:
        return [joint_cells[n] for n in sorted(large)]
    groups = JointCellIndex(joint_cells)
    figures = [
        (found, persons_together(found, joint_cells, observed.get((member.where, keys, tests))))
        for member, tests in _counted_conditions(family)
        for keys, found in groups.by(member.keys, tests).items()
    ]
    # These joint cells are in a figure that must be hidden, so their counts must not matter.
    few = {n for found, persons in figures if persons < t for n in found}
    counted = {n for found, _ in figures for n in found}
    return [joint_cell for n, joint_cell in enumerate(joint_cells) if n in large or n in counted - few]


def unobserved_joint_cells(
    family: TableFamily, joint_cells: Sequence[JointCell], known: Sequence[JointCell], rows: TableRows,
    unlisted: Collection[LinkedTable], t: int,
) -> Iterator[JointCell]:  # fmt: skip
    """A joint cell of nobody for each row, each side of a condition, each difference of two conditions and each
    crossing of two tables that lacks t persons. `unlisted` are tables that can have rows on no list."""
    large = [a for a in known if a.persons >= t]
    groups, others = JointCellIndex(large), PlaceCompletion(family, large)
    found: dict[tuple[tuple[str, str], ...], JointCell] = {}
    requested = [place for member, tests in _counted_conditions(family) for place in _row_places(member, tests, rows)]
    gaps = _gaps(family, rows, groups, JointCellIndex(joint_cells), t)
    derived = (*_row_complements(family, rows), *_crossings(family, rows, unlisted, groups), *gaps)
    for place, is_requested in (*((place, True) for place in requested), *((place, False) for place in derived)):
        if not groups.by(tuple(place), frozenset()).get(tuple(place.values())) and others.is_possible(place):
            whole = others.complete(place)
            name = tuple(sorted((d, repr(v)) for d, v in whole.items()))
            # Requested places come first and win.
            found.setdefault(name, JointCell(whole, 0, 0, {}, is_open=True, is_requested=is_requested))
    return iter(found.values())


def _counted_conditions(family: TableFamily) -> Iterator[tuple[LinkedTable, frozenset[DimensionValue]]]:
    """Each table with the conditions on the persons of its rows and on what it counts in them: on both sides of each
    condition."""
    for member in family.members:
        yield member, member.tests
        for figure in _count_figures(member):
            if figure.tests:
                yield member, member.tests | figure.tests
                yield from ((member, member.tests | {(d, 0)}) for d, _ in figure.tests)


def _count_figures(member: LinkedTable) -> Iterator[LinkedFigure]:
    return (f for f in member.figures if f.amount is None and not f.derived)


def _row_places(member: LinkedTable, tests: frozenset[DimensionValue], rows: TableRows) -> Iterator[dict[str, Value]]:
    # Sorted, so that each process completes a place alike.
    return (dict(zip(member.keys, keys, strict=True)) | dict(sorted(tests)) for keys in rows[member.where])


def _row_complements(family: TableFamily, rows: TableRows) -> Iterator[JointPlace]:
    """Each row of each table without the persons whom another table counts under a further condition."""
    conditions = dict.fromkeys(d for m in family.members for d, _ in sorted(m.tests))
    for member, tests in _counted_conditions(family):
        for d in (d for d in conditions if d not in dict(tests)):
            yield from (place | {d: 0} for place in _row_places(member, tests, rows))


def _gaps(
    family: TableFamily, rows: TableRows, groups: JointCellIndex, observed: JointCellIndex, t: int
) -> Iterator[JointPlace]:
    """The persons of each row whom one figure counts and another one does not, where these are fewer than t. Without a
    joint cell for them, the two would be one figure, and hidden together."""
    for member in family.members:
        conditions = dict.fromkeys([member.tests, *(member.tests | f.tests for f in _count_figures(member))])
        for one, other in combinations(conditions, 2):
            gaps = [this | {(d, 0)} for this, that in ((one, other), (other, one)) for d, _ in sorted(that - this)]
            large = groups.by(member.keys, one)
            persons = [observed.persons(member.keys, tests) for tests in gaps]
            few = [keys for keys in rows[member.where] if keys in large and all(p.get(keys, 0) < t for p in persons)]
            for tests in gaps:
                yield from _row_places(member, tests, {member.where: few})


def _crossings(
    family: TableFamily, rows: TableRows, unlisted: Collection[LinkedTable], groups: JointCellIndex
) -> Iterator[JointPlace]:
    """Places that could belong to a row of one table and to a row of another table that is not shown there. Of a row
    without a list, each condition that is counted has its own place: a listed row has them by itself."""
    for fine, coarse in permutations(family.members, 2):
        hidden = _hidden_rows(fine, rows, groups)
        shared = [d for d in coarse.keys if d in fine.keys]
        tests = dict(sorted(fine.tests | coarse.tests))
        counted = [
            tests,
            *(tests | {d: v} for m in (fine, coarse) for f in _count_figures(m) for d, _ in f.tests for v in (1, 0)),
        ]
        for keys in rows[coarse.where]:
            here = dict(zip(coarse.keys, keys, strict=True))
            row = next((r for r in hidden if all(r[d] == here[d] for d in shared)), None)
            if fine in unlisted and len(shared) < len(fine.keys):
                unshown = {d: here.get(d, UNSHOWN_ROW) for d in fine.keys} | here
                yield from (unshown | of for of in counted)
            if row is not None:
                yield {**row, **here, **tests}


def _hidden_rows(member: LinkedTable, rows: TableRows, groups: JointCellIndex) -> list[JointPlace]:
    large = groups.by(member.keys, member.tests)
    return [dict(zip(member.keys, keys, strict=True)) for keys in rows[member.where] if not large.get(keys)]
