"""Which tables of a job count the same people, by which dimensions and conditions, and the joint table that they need.
Plans only: no evidence, no verdicts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from broker.disclosure.linking.table_populations import ColumnNumbers, Population, population_of, rebuild_relation
from broker.domain.plans.operators import Filter, Relation, Scan, table_numbers, walk
from broker.domain.plans.plan import MAGNITUDES, GroupKey, Measure, Plan, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import Call, Case, ColumnRef, Literal, Scalar, ScalarType, Value, scalar_text

COUNTS = frozenset({Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.ONES, Measure.SHARE})
ONE, ZERO = Literal(1, ScalarType.INT), Literal(0, ScalarType.INT)

TableIndex = tuple[int, int]
"""A table of the job: the output's number and the table's number in it."""

DimensionValue = tuple[str, Value]
"""A dimension and the value that it must have."""


@dataclass(frozen=True, slots=True)
class LinkedFigure:
    """A statistic of a table as a part of the family: what is counted or added up (`amount` is None for counts), and
    the condition on rows that it has beside those of its table. `derived`: it is not shown itself, but can be worked
    out where the statistic is shown (the rows of a mean or share). `argument_text`: the argument as it stands."""

    ident: int
    amount: str | None
    tests: frozenset[DimensionValue]
    measure: Measure
    derived: bool = False
    argument_text: str = ""


@dataclass(frozen=True, slots=True)
class LinkedTable:
    """A table of the family: its keys as dimensions, in order, and the conditions by which its rows are fewer."""

    where: TableIndex
    table: PlannedTable
    keys: tuple[str, ...]
    tests: frozenset[DimensionValue]
    figures: tuple[LinkedFigure, ...]


@dataclass(frozen=True, slots=True)
class TableFamily:
    """Tables over the rows of one population. `dimensions` are all that tell its rows apart, keys first, each with its
    scalar; `joint` is the table by all of them, where no member is that already; `amounts` says which of its statistics
    adds up what."""

    members: tuple[LinkedTable, ...]
    scalars: tuple[tuple[str, Scalar], ...]
    joint: PlannedTable | None
    amounts: tuple[tuple[str, int], ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(d for d, _ in self.scalars)

    @property
    def finest(self) -> LinkedTable | None:
        """The member whose cells are the joint cells: none where an amount is added up under a condition."""
        figures = [f for m in self.members for f in m.figures]
        if any(f.amount is not None and f.tests for f in figures):
            return None
        amounts = {f.amount for f in figures}
        found = (m for m in self.members if is_finest(m, self.dimensions))
        return next((m for m in found if amounts - {None} <= {f.amount for f in m.figures}), None)

    @property
    def is_beyond_sums(self) -> bool:
        """Whether equations do not say all: persons of several groups, who can be in more than one of them; and one
        amount in several scalings, whose capped digits together are none."""
        persons = {
            (m.keys, m.tests | f.tests) for m in self.members for f in m.figures if f.measure is Measure.COUNT_PERSONS
        }
        scalings: dict[tuple[object, ...], set[str]] = defaultdict(set)
        for member in self.members:
            for f in member.figures:
                if f.amount is not None:
                    scalings[f.amount, f.tests, f.measure].add(f.argument_text)
        return len(persons) > 1 or any(len(written) > 1 for written in scalings.values())


def is_finest(member: LinkedTable, dimensions: Sequence[str]) -> bool:
    conditions = {d for f in member.figures for d, _ in f.tests if f.amount is None}
    return not member.tests and set(dimensions) == set(member.keys) | conditions and len(conditions) <= 1


def find_families(plan: Plan, max_cells: int) -> tuple[TableFamily, ...]:
    """The families of a job. A joint table of more than `max_cells` cells is cut off there, and then not used."""
    names = ColumnNumbers()
    found: dict[str, list[tuple[TableIndex, PlannedTable, Population]]] = defaultdict(list)
    for where, table in shown_tables(plan):
        population = population_of(table, names)
        found[population.base].append((where, table, population))
    return tuple(_build_family(tables, names, max_cells) for tables in found.values())


def shown_tables(plan: Plan) -> Iterator[tuple[TableIndex, PlannedTable]]:
    for number, output in enumerate(plan.outputs):
        for base in dict.fromkeys(table_numbers(output.program)):
            yield (number, base), output.tables[base]


def incomparable_outputs(families: Sequence[TableFamily]) -> frozenset[int]:
    """Outputs of which a table reads what a table of another family reads, so that nobody compares the two."""
    scanned = [{s.table for m in f.members for s in _person_scans(m.table.contributions)} for f in families]
    found = set[int]()
    for n, family in enumerate(families):
        if any(not scanned[n].isdisjoint(other) for k, other in enumerate(scanned) if k != n):
            found |= {m.where[0] for m in family.members}
    return frozenset(found)


def _person_scans(relation: Relation) -> Iterator[Scan]:
    return (r for r in walk(relation) if isinstance(r, Scan) and r.person is not None)


def _build_family(
    tables: list[tuple[TableIndex, PlannedTable, Population]], names: ColumnNumbers, max_cells: int
) -> TableFamily:
    conditions = [{scalar_text(c): c for c in p.conditions} for _, __, p in tables]
    common = set.intersection(*map(set, conditions))
    scalars: dict[str, Scalar] = {}
    amounts: dict[str, PlannedStatistic] = {}
    members = []
    for (where, table, population), own in zip(tables, conditions, strict=True):
        keys = _keys(table, population)
        specific = {text: c for text, c in own.items() if text not in common}
        tests = frozenset((text, 1) for text in specific)
        scalars |= keys | {text: _indicator(c) for text, c in specific.items()}
        figures = tuple(_figures(table, population, scalars, amounts))
        members.append(LinkedTable(where, table, tuple(keys), tests, figures))
    order = dict.fromkeys(k for m in members for k in m.keys)
    dimensions = (*order, *(d for d in scalars if d not in order))
    family = TableFamily(tuple(members), tuple((d, scalars[d]) for d in dimensions), None)
    if family.finest is not None:
        return family
    common_scalars = [conditions[0][text] for text in common]
    return _with_joint(family, tables[0][2], names, common_scalars, amounts, max_cells)


def _keys(table: PlannedTable, population: Population) -> dict[str, Scalar]:
    """A dimension for each key; where two keys are one expression, two that are equal: one alone can be added up."""
    found = dict[str, Scalar]()
    for key in table.keys:
        scalar = population.of(key.expression)
        text = scalar_text(scalar)
        while text in found:
            text += " again"
        found[text] = scalar
    return found


def _indicator(condition: Scalar) -> Scalar:
    """A condition as a dimension: 1 where it is true."""
    return Case(((condition, ONE),), ZERO, ScalarType.INT)


def _figures(
    table: PlannedTable, population: Population, scalars: dict[str, Scalar], amounts: dict[str, PlannedStatistic]
) -> Iterator[LinkedFigure]:
    """Statistics that add up over cells, and the dimensions and amounts that they need."""
    for statistic in table.statistics:
        if statistic.implied_by is not None:
            continue
        argument = None if statistic.argument is None else population.of(statistic.argument)
        if statistic.measure is Measure.COUNT_ROWS or (
            isinstance(argument, ColumnRef) and statistic.measure in PERSON_COUNTS
        ):
            yield LinkedFigure(statistic.ident, None, frozenset(), statistic.measure)
        elif statistic.measure in COUNTS and argument is not None:
            given = _indicator(Call("not", (Call("is_null", (argument,), ScalarType.TRUTH),), ScalarType.TRUTH))
            scalar = given if statistic.measure in VALUE_COUNTS else argument
            scalars.setdefault(scalar_text(scalar), scalar)
            yield LinkedFigure(statistic.ident, None, frozenset({(scalar_text(scalar), 1)}), statistic.measure)
            if statistic.measure is Measure.SHARE:
                yield LinkedFigure(statistic.ident, None, frozenset(), statistic.measure, derived=True)
        elif statistic.measure in MAGNITUDES and argument is not None:
            base, conditions = amount_and_conditions(argument)
            indicators = {scalar_text(_indicator(c)): _indicator(c) for c in conditions}
            scalars |= indicators
            amounts.setdefault(scalar_text(base), replace(statistic, argument=base, bounds=None))
            tests = frozenset((d, 1) for d in indicators)
            yield LinkedFigure(
                statistic.ident, scalar_text(base), tests, statistic.measure, argument_text=scalar_text(argument)
            )
            yield LinkedFigure(statistic.ident, None, tests, statistic.measure, derived=True)


PERSON_COUNTS = frozenset({Measure.COUNT_PERSONS})
VALUE_COUNTS = frozenset({Measure.COUNT_VALUES, Measure.COUNT_PERSONS})
SCALINGS = frozenset({"to_decimal", "to_double", "negate"})
LINEAR = frozenset({"multiply", "add", "subtract"})


def amount_and_conditions(argument: Scalar) -> tuple[Scalar, tuple[Scalar, ...]]:
    """What an argument adds up, and on which rows. `1.0 * x`, `x + 1`, `COALESCE(x, 0)` and `x` tell the same, and
    CASE WHEN c THEN x is the x of fewer people. Whatever else it is, it is an amount of its own."""
    match argument:
        case Call(op=op, args=(inner, *_)) if op in SCALINGS:
            return amount_and_conditions(inner)
        case Call(op=op, args=(inner, Literal())) if op in LINEAR | {"divide", "coalesce", "nullif"}:
            return amount_and_conditions(inner)
        case Call(op=op, args=(Literal(), inner)) if op in LINEAR:
            return amount_and_conditions(inner)
        case Case(whens=((condition, value),), otherwise=Literal(value=0 | None)):
            base, conditions = amount_and_conditions(value)
            return base, (condition, *conditions)
    return argument, ()


def _with_joint(
    family: TableFamily,
    population: Population,
    names: ColumnNumbers,
    common: Sequence[Scalar],
    amounts: dict[str, PlannedStatistic],
    max_cells: int,
) -> TableFamily:
    """The table by all dimensions: what each row of the joint says, and what it adds up."""
    relation: Relation = rebuild_relation(population, names)
    for condition in common:
        relation = Filter(relation, condition)
    keys = tuple(
        GroupKey(names.number(f"dimension {n}"), scalar, scalar.type, None, None)
        for n, (_, scalar) in enumerate(family.scalars)
    )
    count = PlannedStatistic(names.number("rows"), Measure.COUNT_ROWS, None, ScalarType.INT)
    sums = [
        PlannedStatistic(names.number(f"amount {n}"), Measure.SUM, s.argument, _argument_type(s), bounds=s.bounds)
        for n, s in enumerate(amounts.values())
    ]
    joint = PlannedTable(relation, population.person, keys, (count, *sums), shown=False, max_rows=max_cells)
    idents = tuple((text, s.ident) for text, s in zip(amounts, sums, strict=True))
    return replace(family, joint=joint, amounts=idents)


def _argument_type(statistic: PlannedStatistic) -> ScalarType:
    assert statistic.argument is not None
    return statistic.argument.type
