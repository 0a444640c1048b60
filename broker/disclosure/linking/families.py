"""Which tables of a job count the same people, by which dimensions and conditions, and the joint table that they need.
Plans only: no evidence, no verdicts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from broker.disclosure.linking.populations import Names, Population, population_of, rebuilt
from broker.domain.groups import bases_of
from broker.domain.plans import Key, Measure, Plan, PlannedTable, Statistic
from broker.domain.relations import Filter, Relation, Scan, walk
from broker.domain.scalars import Call, Case, Column, Literal, Scalar, Type, Value, text_of

COUNTS = frozenset({Measure.COUNT_ROWS, Measure.COUNT_VALUES, Measure.COUNT_PERSONS, Measure.ONES, Measure.SHARE})
SUMS = frozenset({Measure.SUM, Measure.MEAN})
ONE, NONE = Literal(1, Type.INT), Literal(0, Type.INT)

Where = tuple[int, int]
"""A table of the job: the output's number and the table's number in it."""

Test = tuple[str, Value]
"""A dimension and the value that it must have."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A statistic of a table as a part of the family: what is counted or added up (`of` is None for counts), and the
    condition on rows that it has beside those of its table. `beside`: it is not shown itself, but can be worked out
    where the statistic is shown (the rows of a mean or share). `written`: the argument as it stands."""

    ident: int
    of: str | None
    tests: frozenset[Test]
    measure: Measure
    beside: bool = False
    written: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A table of the family: its keys as dimensions, in order, and the conditions by which its rows are fewer."""

    where: Where
    table: PlannedTable
    keys: tuple[str, ...]
    tests: frozenset[Test]
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Tables over the rows of one population. `dimensions` are all that tell its rows apart, keys first, each with its
    scalar; `joint` is the table by all of them, where no member is that already; `amounts` says which of its statistics
    adds up what."""

    members: tuple[Member, ...]
    scalars: tuple[tuple[str, Scalar], ...]
    joint: PlannedTable | None
    amounts: tuple[tuple[str, int], ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(d for d, _ in self.scalars)

    @property
    def finest(self) -> Member | None:
        """The member whose cells are the joint cells: none where an amount is added up under a condition."""
        figures = [f for m in self.members for f in m.figures]
        if any(f.of is not None and f.tests for f in figures):
            return None
        amounts = {f.of for f in figures}
        found = (m for m in self.members if is_finest(m, self.dimensions))
        return next((m for m in found if amounts - {None} <= {f.of for f in m.figures}), None)

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
                if f.of is not None:
                    scalings[f.of, f.tests, f.measure].add(f.written)
        return len(persons) > 1 or any(len(written) > 1 for written in scalings.values())


def is_finest(member: Member, dimensions: Sequence[str]) -> bool:
    conditions = {d for f in member.figures for d, _ in f.tests if f.of is None}
    return not member.tests and set(dimensions) == set(member.keys) | conditions and len(conditions) <= 1


def families_of(plan: Plan, most: int) -> tuple[Family, ...]:
    """The families of a job. A joint table of more than `most` cells is cut off there, and then not used."""
    names = Names()
    found: dict[str, list[tuple[Where, PlannedTable, Population]]] = defaultdict(list)
    for where, table in shown_tables(plan):
        population = population_of(table, names)
        found[population.base].append((where, table, population))
    return tuple(_family(tables, names, most) for tables in found.values())


def shown_tables(plan: Plan) -> Iterator[tuple[Where, PlannedTable]]:
    for number, output in enumerate(plan.outputs):
        for base in dict.fromkeys(bases_of(output.program)):
            yield (number, base), output.tables[base]


def strangers(families: Sequence[Family]) -> frozenset[int]:
    """Outputs of which a table reads what a table of another family reads, so that nobody compares the two."""
    scanned = [{s.table for m in f.members for s in _scans(m.table.contributions)} for f in families]
    found = set[int]()
    for n, family in enumerate(families):
        if any(not scanned[n].isdisjoint(other) for k, other in enumerate(scanned) if k != n):
            found |= {m.where[0] for m in family.members}
    return frozenset(found)


def _scans(relation: Relation) -> Iterator[Scan]:
    return (r for r in walk(relation) if isinstance(r, Scan) and r.person is not None)


def _family(tables: list[tuple[Where, PlannedTable, Population]], names: Names, most: int) -> Family:
    conditions = [{text_of(c): c for c in p.conditions} for _, __, p in tables]
    common = set.intersection(*map(set, conditions))
    scalars: dict[str, Scalar] = {}
    amounts: dict[str, Statistic] = {}
    members = []
    for (where, table, population), own in zip(tables, conditions, strict=True):
        keys = _keys(table, population)
        asked = {text: c for text, c in own.items() if text not in common}
        tests = frozenset((text, 1) for text in asked)
        scalars |= keys | {text: _told(c) for text, c in asked.items()}
        figures = tuple(_figures(table, population, scalars, amounts))
        members.append(Member(where, table, tuple(keys), tests, figures))
    order = dict.fromkeys(k for m in members for k in m.keys)
    dimensions = (*order, *(d for d in scalars if d not in order))
    family = Family(tuple(members), tuple((d, scalars[d]) for d in dimensions), None)
    if family.finest is not None:
        return family
    asks = [conditions[0][text] for text in common]
    return _with_joint(family, tables[0][2], names, asks, amounts, most)


def _keys(table: PlannedTable, population: Population) -> dict[str, Scalar]:
    """A dimension for each key; where two keys are one expression, two that are equal: one alone can be added up."""
    found = dict[str, Scalar]()
    for key in table.keys:
        scalar = population.of(key.expression)
        text = text_of(scalar)
        while text in found:
            text += " again"
        found[text] = scalar
    return found


def _told(condition: Scalar) -> Scalar:
    """A condition as a dimension: 1 where it is true."""
    return Case(((condition, ONE),), NONE, Type.INT)


def _figures(
    table: PlannedTable, population: Population, scalars: dict[str, Scalar], amounts: dict[str, Statistic]
) -> Iterator[Figure]:
    """Statistics that add up over cells, and the dimensions and amounts that they need."""
    for statistic in table.statistics:
        if statistic.behind is not None:
            continue
        argument = None if statistic.argument is None else population.of(statistic.argument)
        if statistic.measure is Measure.COUNT_ROWS or (isinstance(argument, Column) and statistic.measure in KEYS):
            yield Figure(statistic.ident, None, frozenset(), statistic.measure)
        elif statistic.measure in COUNTS and argument is not None:
            given = _told(Call("not", (Call("is_null", (argument,), Type.TRUTH),), Type.TRUTH))
            scalar = given if statistic.measure in VALUES else argument
            scalars.setdefault(text_of(scalar), scalar)
            yield Figure(statistic.ident, None, frozenset({(text_of(scalar), 1)}), statistic.measure)
            if statistic.measure is Measure.SHARE:
                yield Figure(statistic.ident, None, frozenset(), statistic.measure, beside=True)
        elif statistic.measure in SUMS and argument is not None:
            base, conditions = amount_of(argument)
            told = {text_of(_told(c)): _told(c) for c in conditions}
            scalars |= told
            amounts.setdefault(text_of(base), replace(statistic, argument=base, bounds=None))
            tests = frozenset((d, 1) for d in told)
            yield Figure(statistic.ident, text_of(base), tests, statistic.measure, written=text_of(argument))
            yield Figure(statistic.ident, None, tests, statistic.measure, beside=True)


KEYS = frozenset({Measure.COUNT_PERSONS})
VALUES = frozenset({Measure.COUNT_VALUES, Measure.COUNT_PERSONS})
SCALINGS = frozenset({"to_decimal", "to_double", "negate"})
LINEAR = frozenset({"multiply", "add", "subtract"})


def amount_of(argument: Scalar) -> tuple[Scalar, tuple[Scalar, ...]]:
    """What an argument adds up, and on which rows. `1.0 * x`, `x + 1`, `COALESCE(x, 0)` and `x` tell the same, and
    CASE WHEN c THEN x is the x of fewer people. Whatever else it is, it is an amount of its own."""
    match argument:
        case Call(op=op, args=(inner, *_)) if op in SCALINGS:
            return amount_of(inner)
        case Call(op=op, args=(inner, Literal())) if op in LINEAR | {"divide", "coalesce", "nullif"}:
            return amount_of(inner)
        case Call(op=op, args=(Literal(), inner)) if op in LINEAR:
            return amount_of(inner)
        case Case(whens=((condition, value),), otherwise=Literal(value=0 | None)):
            base, conditions = amount_of(value)
            return base, (condition, *conditions)
    return argument, ()


def _with_joint(
    family: Family,
    population: Population,
    names: Names,
    common: Sequence[Scalar],
    amounts: dict[str, Statistic],
    most: int,
) -> Family:
    """The table by all dimensions: what each row of the joint says, and what it adds up."""
    relation: Relation = rebuilt(population, names)
    for condition in common:
        relation = Filter(relation, condition)
    keys = tuple(
        Key(names.number(f"dimension {n}"), scalar, scalar.type, None, None)
        for n, (_, scalar) in enumerate(family.scalars)
    )
    count = Statistic(names.number("rows"), Measure.COUNT_ROWS, None, Type.INT)
    sums = [
        Statistic(names.number(f"amount {n}"), Measure.SUM, s.argument, _kind(s), bounds=s.bounds)
        for n, s in enumerate(amounts.values())
    ]
    joint = PlannedTable(relation, population.person, keys, (count, *sums), shown=False, most=most)
    idents = tuple((text, s.ident) for text, s in zip(amounts, sums, strict=True))
    return replace(family, joint=joint, amounts=idents)


def _kind(statistic: Statistic) -> Type:
    assert statistic.argument is not None
    return statistic.argument.type
