"""Finds the tables of a job that count the same people, with their dimensions and conditions, and plans their joint
table. Works on plans only: no evidence, no verdicts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from broker.domain.plans.measure import ADDITIVE, BINARY, MAGNITUDES, RATIOS, Contribution, Measure
from broker.domain.plans.operators import Filter, Relation, Scan, table_numbers, walk
from broker.domain.plans.plan import UNSCALED, GroupKey, Plan, PlannedStatistic, PlannedTable
from broker.domain.plans.scalars import (
    Call,
    Case,
    ColumnRef,
    Literal,
    Scalar,
    ScalarType,
    Value,
    integer,
    scalar_text,
    truth_call,
)
from broker.evidence.amount_bounds import AmountBounds, amount_bounds
from broker.evidence.table_populations import ColumnNumbers, Population, population_of, rebuild_relation

ONE, ZERO = integer(1), integer(0)

TableIndex = tuple[int, int]
"""A table of the job: the output's number and the table's number in it."""

DimensionValue = tuple[str, Value]
"""A dimension and the value that it must have."""


@dataclass(frozen=True, slots=True)
class LinkedFigure:
    """A statistic as a part of the family.

    `amount` is what is summed (None for counts), and `tests` are its conditions on rows in addition to those of its
    table. `derived`: the figure is not shown itself, but can be worked out from the shown statistic (the rows of a mean
    or share). `argument_text` is the argument as written, and `bounds` the catalogue's bounds of the amount in one row
    (None: unknown). `scaled`: a written factor or constant makes another number of the amount. `whole`: the amount is
    a whole number.
    """

    ident: int
    amount: str | None
    tests: frozenset[DimensionValue]
    measure: Measure
    derived: bool = False
    argument_text: str = ""
    bounds: AmountBounds | None = None
    scaled: bool = False
    whole: bool = True


@dataclass(frozen=True, slots=True)
class LinkedTable:
    """A table of the family: its keys as dimensions, in order, and the conditions that restrict its rows."""

    where: TableIndex
    table: PlannedTable
    keys: tuple[str, ...]
    tests: frozenset[DimensionValue]
    figures: tuple[LinkedFigure, ...]


@dataclass(frozen=True, slots=True)
class TableFamily:
    """Tables over the rows of one population.

    `scalars` are all dimensions that divide its rows, keys first, each with its scalar. `joint` is the table by all of
    them; None if a member already is that table. `amounts` says which statistic of the joint table sums which amount.
    """

    members: tuple[LinkedTable, ...]
    scalars: tuple[tuple[str, Scalar], ...]
    joint: PlannedTable | None
    amounts: tuple[tuple[str, int], ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(d for d, _ in self.scalars)

    @property
    def finest(self) -> LinkedTable | None:
        """The member whose cells are the joint cells. None if there is none, or if an amount is summed under a
        condition or scaled."""
        figures = [f for m in self.members for f in m.figures]
        # The member's cells do not divide the amount by that condition, or sum another number than the amount.
        if any(f.amount is not None and (f.tests or f.scaled) for f in figures):
            return None
        amounts = {f.amount for f in figures}
        found = (m for m in self.members if is_finest(m, self.dimensions))
        return next((m for m in found if amounts - {None} <= {f.amount for f in m.figures}), None)

    @property
    def is_beyond_sums(self) -> bool:
        """Whether linear equations cannot describe all tables: persons of several groups can be in more than one of
        them; and an amount that is shown in several scalings reveals more digits than each scaling may show."""
        persons = {
            (m.keys, m.tests | f.tests) for m in self.members for f in m.figures if f.measure.traits.counts_persons
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


@dataclass(frozen=True, slots=True)
class _ThisPlan:
    """A plan, equal only to itself: comparing large plans would cost more than finding their families."""

    plan: Plan

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ThisPlan) and self.plan is other.plan

    def __hash__(self) -> int:
        return id(self.plan)


def find_families(plan: Plan, max_cells: int) -> tuple[TableFamily, ...]:
    """The families of a job, found once. A joint table is cut off at `max_cells` cells and then not used."""
    return _families(_ThisPlan(plan), max_cells)


@lru_cache(maxsize=8)
def _families(this: _ThisPlan, max_cells: int) -> tuple[TableFamily, ...]:
    names = ColumnNumbers()
    found: dict[str, list[tuple[TableIndex, PlannedTable, Population]]] = defaultdict(list)
    for where, table in shown_tables(this.plan):
        population = population_of(table, names)
        found[population.base].append((where, table, population))  # equal bases: the same rows before conditions
    return tuple(_build_family(tables, names, max_cells) for tables in found.values())


def shown_tables(plan: Plan) -> Iterator[tuple[TableIndex, PlannedTable]]:
    for number, output in enumerate(plan.outputs):
        for base in dict.fromkeys(table_numbers(output.program)):
            yield (number, base), output.tables[base]


def incomparable_outputs(families: Sequence[TableFamily]) -> frozenset[int]:
    """Outputs with a table that reads the same person table as a table of another family. Nothing compares these
    two."""
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
    common = set.intersection(*map(set, conditions))  # conditions of all tables divide nothing
    scalars: dict[str, Scalar] = {}
    amounts: dict[str, Scalar] = {}
    members = []
    for (where, table, population), own in zip(tables, conditions, strict=True):
        keys = _keys(table, population)
        specific = {text: c for text, c in own.items() if text not in common}
        tests = frozenset((text, 1) for text in specific)
        scalars |= keys | {text: _indicator(c) for text, c in specific.items()}
        figures = tuple(_figures(table, population, scalars, amounts))
        members.append(LinkedTable(where, table, tuple(keys), tests, figures))
    order = dict.fromkeys(k for m in members for k in m.keys)  # keys first, each once
    dimensions = (*order, *(d for d in scalars if d not in order))
    family = TableFamily(tuple(members), tuple((d, scalars[d]) for d in dimensions), None)
    if family.finest is not None:
        return family
    common_scalars = [c for text, c in conditions[0].items() if text in common]
    return _with_joint(family, tables[0][2], names, common_scalars, amounts, max_cells)


def _keys(table: PlannedTable, population: Population) -> dict[str, Scalar]:
    """A dimension for each key. If two keys have the same expression, they become two equal dimensions, because the
    table can be added up over one of them alone."""
    found = dict[str, Scalar]()
    for key in table.keys:
        scalar = population.of(key.expression)
        text = scalar_text(scalar)
        while text in found:
            text += " again"  # a new name for an equal dimension
        found[text] = scalar
    return found


def _indicator(condition: Scalar) -> Scalar:
    """A condition as a dimension: 1 where it is true, otherwise 0."""
    return Case(((condition, ONE),), ZERO, ScalarType.INT)


def _figures(
    table: PlannedTable, population: Population, scalars: dict[str, Scalar], amounts: dict[str, Scalar]
) -> Iterator[LinkedFigure]:
    """Statistics that add up over cells. Adds the dimensions and amounts that they need to `scalars` and `amounts`."""
    for statistic in table.statistics:
        # An implied statistic is judged with the one that implies it.
        if statistic.implied_by is not None or statistic.measure not in ADDITIVE:
            continue
        argument = None if statistic.argument is None else population.of(statistic.argument)
        traits = statistic.measure.traits
        if traits.contribution is Contribution.ROW or (traits.counts_persons and isinstance(argument, ColumnRef)):
            yield LinkedFigure(statistic.ident, None, frozenset(), statistic.measure)
        elif statistic.measure not in MAGNITUDES and argument is not None:
            given = _indicator(truth_call("not", truth_call("is_null", argument)))
            scalar = argument if statistic.measure in BINARY else given
            scalars.setdefault(scalar_text(scalar), scalar)
            yield LinkedFigure(statistic.ident, None, frozenset({(scalar_text(scalar), 1)}), statistic.measure)
            if statistic.measure in RATIOS:
                yield LinkedFigure(statistic.ident, None, frozenset(), statistic.measure, derived=True)
        elif argument is not None:
            base, conditions = amount_and_conditions(argument)
            indicators = {scalar_text(_indicator(c)): _indicator(c) for c in conditions}
            scalars |= indicators
            amounts.setdefault(scalar_text(base), base)
            tests = frozenset((d, 1) for d in indicators)
            yield LinkedFigure(
                *(statistic.ident, scalar_text(base), tests, statistic.measure),
                argument_text=scalar_text(argument),
                bounds=amount_bounds(statistic),
                scaled=statistic.scale != UNSCALED,
                whole=base.type.is_whole,
            )
            yield LinkedFigure(statistic.ident, None, tests, statistic.measure, derived=True)


SCALINGS = frozenset({"to_decimal", "to_double", "negate"})
LINEAR = frozenset({"multiply", "add", "subtract"})


def amount_and_conditions(argument: Scalar) -> tuple[Scalar, tuple[Scalar, ...]]:
    """Return the amount that an argument sums, and the conditions on its rows. `1.0 * x`, `x + 1`, `COALESCE(x, 0)`
    and `x` disclose the same, and CASE WHEN c THEN x is the x of fewer people. Any other argument is an amount of
    its own."""
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
    family: TableFamily, population: Population, names: ColumnNumbers, common: Sequence[Scalar],
    amounts: dict[str, Scalar], max_cells: int,
) -> TableFamily:  # fmt: skip
    """Add the joint table: keys are all dimensions, and statistics are the rows and each amount."""
    relation: Relation = rebuild_relation(population, names)
    for condition in common:
        # Conditions of all tables restrict the joint table as well.
        relation = Filter(relation, condition)
    keys = tuple(
        GroupKey(names.number(f"dimension {n}"), scalar, scalar.type, None, None)
        for n, (_, scalar) in enumerate(family.scalars)
    )
    count = PlannedStatistic(names.number("rows"), Measure.COUNT_ROWS, None, ScalarType.INT)
    sums = [  # without bounds: those of the figures are of other arguments
        PlannedStatistic(names.number(f"amount {n}"), Measure.SUM, amount, amount.type)
        for n, amount in enumerate(amounts.values())
    ]
    joint = PlannedTable(relation, population.person, keys, (count, *sums), shown=False, max_rows=max_cells)
    idents = tuple((text, s.ident) for text, s in zip(amounts, sums, strict=True))
    return replace(family, joint=joint, amounts=idents)
