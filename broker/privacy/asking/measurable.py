"""From a planned output to private tables and the bounded contributions behind them, or to every reason why not. Reads
policy, catalogue and public registers only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker.domain.bounded import BoundedTable, PerPerson
from broker.domain.errors import Refusal, Refused
from broker.domain.lineage import read_by
from broker.domain.plans import Key, PlannedOutput, PlannedTable, Statistic
from broker.domain.scalars import Column, Value
from broker.policy.catalogue import Catalogue
from broker.policy.privacy import PrivacyProfile
from broker.privacy.asking.families import Family, families_of, positions, sets_of
from broker.privacy.asking.numbers import Numbers
from broker.privacy.asking.ratios import FIRST_IDENT, Named, Pair, asked_of, pairs_of
from broker.privacy.asking.statistics import Asking
from broker.privacy.asking.vectors import vectors_of
from broker.privacy.asking.written import NOTHING, Written, unknown_in
from broker.privacy.layout import layout
from broker.privacy.limits import check_tables
from broker.privacy.tables import Ask, Dimension, Influence, PrivateTable
from broker.privacy.tables import Statistic as Private
from broker.query.bounding.choose import Bounded, Limits, bounded
from broker.query.bounding.origins import Origins
from broker.query.bounding.ranges import Ranges
from broker.query.bounding.sizes import Sizes
from broker.query.bounding.work import most_work
from broker.query.kinds import has_context

ROWS = Private("rows", Ask.ROWS)
"""What a table is measured by whose statistics nothing reads."""
Registers = Mapping[str, Sequence[Value]]
"""By variable, the values that a public register lists."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a planned statistic is read: private table, grouping set, the private statistic's name."""

    table: int
    set: int
    name: str
    statistic: Statistic


@dataclass(frozen=True, slots=True)
class RatioPlace:
    """Where the ends of a ratio of two planned statistics are read."""

    pair: Pair
    table: int
    set: int
    name: str


@dataclass(frozen=True, slots=True)
class Measurable:
    """`sets`: of each planned table its private table and grouping set. `keys`: of each planned key the dimension of
    its private table. `ratios`: by an id that no plan has. `kept`: what is left out as a rule, for the record; nothing
    of it depends on data."""

    tables: tuple[PrivateTable, ...]
    bounded: tuple[BoundedTable, ...]
    places: Mapping[int, Place]
    sets: tuple[tuple[int, int], ...]
    keys: Mapping[int, int]
    kept: tuple[str, ...]
    ratios: Mapping[int, RatioPlace] = field(default_factory=dict)

    @property
    def named(self) -> Named:
        return {r.pair: ident for ident, r in self.ratios.items()}


@dataclass(frozen=True, slots=True)
class Given:
    """What stands beside a plan. `lists_only`: keys without a public list are refused (pure accounting, no delta)."""

    catalogue: Catalogue
    profile: PrivacyProfile
    registers: Registers
    written: Written = NOTHING
    lists_only: bool = False

    @property
    def limits(self) -> Limits:
        each = PerPerson(self.profile.person_cells, self.profile.person_rows)
        known = {t.name.casefold(): t.full_name for t in self.catalogue.tables}
        known |= {t.full_name.casefold(): t.full_name for t in self.catalogue.tables}
        ranks = {known[t]: n for t, n in self.written.rows.items() if t in known}
        return Limits(self.profile.max_influence, each, ranks)


def measurable(output: PlannedOutput, given: Given) -> Measurable:
    """Refused with every reason at once."""
    read = read_by(output)
    asked = [[s for s in t.statistics if s.ident in read] for t in output.tables]
    refusals = [*given.written.refusals, *unknown_in(given.written, given.catalogue), *_of_shape(output)]
    if refusals:
        raise Refused(tuple(refusals))
    made: list[tuple[PrivateTable, BoundedTable, Bounded]] = []
    families, pairs = families_of(output, asked), tuple(dict.fromkeys(pairs_of(output)))
    for number, family in enumerate(families):
        name = f"{output.name}#{number}" if len(families) > 1 else output.name
        found = _measured(name, output, family, given, pairs)
        if isinstance(found, tuple):
            made.append(found)
        else:
            refusals += found
    if not refusals:
        refusals += _limits(tuple(t for t, _, _ in made), given.profile)
    if refusals:
        raise Refused(tuple(dict.fromkeys(refusals)))
    return _put_together(output, families, made, pairs)


def _limits(tables: tuple[PrivateTable, ...], profile: PrivacyProfile) -> tuple[Refusal, ...]:
    try:
        check_tables(tables, profile)
    except Refused as refused:
        return refused.refusals
    return ()


def _of_shape(output: PlannedOutput) -> list[Refusal]:
    if not output.tables:
        return [Refusal("private-nobody", f"{output.name} reads no rows of persons.", "Ask for it without privacy.")]
    if any(has_context(t.contributions) or not t.shown for t in output.tables):
        return [
            Refusal(
                "private-context",
                "A value in a row depends on other people, so nothing bounds how far one person moves the answer.",
                "Leave it out, or ask for the inner figure as an output of its own and write its answer here.",
            )
        ]
    return []


def _measured(
    name: str, output: PlannedOutput, family: Family, given: Given, pairs: Sequence[Pair]
) -> tuple[PrivateTable, BoundedTable, Bounded] | list[Refusal]:
    first, sets = family.tables[0], sets_of(family)
    found = bounded(first, given.catalogue, given.limits)
    ranges = Ranges(Origins(first.contributions, given.catalogue), given.written.clamps)
    asking = Asking(Numbers(ranges, given.profile, found.rows), family.asked[0])
    asking.ask()
    sizes = Sizes(ranges.origins)
    shown = {c.expression.ident: c.name for c in output.columns if isinstance(c.expression, Column)}
    dimensions = [_dimension(shown.get(k.ident, f"key {i}"), k, given, sizes) for i, k in enumerate(first.keys, 1)]
    refusals = [
        *_work(name, first, given),
        *asking.refusals,
        *(_unlisted(d) for d in dimensions if d.values is None and given.lists_only),
        *(_unsized(d) for d in dimensions if d.size is None and not given.lists_only),
    ]
    if refusals:
        return refusals
    influence = Influence(found.cells, found.in_cell, found.rows)
    ratios = [asked_of(pairs, [s.ident for s in asked], asking.private).values() for asked in family.asked]
    statistics = dict.fromkeys([*(asking.private or [ROWS]), *(r for some in ratios for r in some)])
    table = PrivateTable(name, output.unit, tuple(dimensions), sets, influence, asking.arguments, tuple(statistics))
    vectors, order = vectors_of(layout(table), tuple(asking.found), not table.listed)
    numbers = tuple(asking.found[n] for n in order)
    lists = tuple(d.values if k.domain is None else None for d, k in zip(dimensions, first.keys, strict=True))
    bound = BoundedTable(found.contributions, first.person, first.keys, sets, numbers, vectors, found.each, lists)
    return table, bound, found


def _work(name: str, table: PlannedTable, given: Given) -> list[Refusal]:
    """What one person's rows alone could make slow, or end, would tell that they are there."""
    work, most = most_work(table.contributions, given.catalogue, given.profile.public_rows), given.profile.max_work
    if work <= most:
        return []
    return [
        Refusal(
            "private-influence",
            f"One person's rows may become {work:,} inside of {name}; at most {most:,} are.",
            "Join public tables on their unique keys, sum up per person first, or take fewer years.",
        )
    ]


def _dimension(shown: str, key: Key, given: Given, sizes: Sizes) -> Dimension:
    """`shown`: its name in the output, where it is no variable."""
    name = key.variable.rpartition(".")[2] if key.variable else shown
    if key.domain is not None:
        return Dimension(name, key.domain)
    if key.variable is None or key.variable not in given.registers:
        return Dimension(name, None, sizes.of(key.expression))
    return Dimension(name, tuple(dict.fromkeys(given.registers[key.variable])), _most_listed(key.variable, given))


def _most_listed(variable: str, given: Given) -> int | None:
    """How long the register of a variable can be."""
    table, _, name = variable.rpartition(".")
    found = given.catalogue.table(table).find(name)
    register, _, column = (found.register_key or "").rpartition(".") if found else ("", "", "")
    listed = given.catalogue.find(register)
    public = listed.find(column) if listed else None
    return public.most if public else None


def _unlisted(dimension: Dimension) -> Refusal:
    return Refusal(
        "private-keys",
        f"{dimension.name} has no public list of values, and which values occur is an answer about persons.",
        "Group by a variable with a code list or register, or by bands that the query names.",
    )


def _unsized(dimension: Dimension) -> Refusal:
    return Refusal(
        "private-keys",
        f"Nothing public says how many values {dimension.name} can have, so an answer about all of them has no bound.",
        "Group by a variable with a code list or register, or by bands that the query names.",
    )


def _put_together(
    output: PlannedOutput,
    families: list[Family],
    made: list[tuple[PrivateTable, BoundedTable, Bounded]],
    pairs: Sequence[Pair],
) -> Measurable:
    places: dict[int, Place] = {}
    ratios: list[RatioPlace] = []
    sets: dict[int, tuple[int, int]] = {}
    keys: dict[int, int] = {}
    for number, (family, (private, _, _)) in enumerate(zip(families, made, strict=True)):
        wide = [k.expression for k in family.tables[0].keys]
        for table, asked in zip(family.tables, family.asked, strict=True):
            place = private.sets.index(positions(wide, table))
            sets[id(table)] = (number, place)
            keys |= {k.ident: wide.index(k.expression) for k in table.keys}
            for one, statistic in zip(private.statistics, asked, strict=False):
                places[statistic.ident] = Place(number, place, one.name, statistic)
            idents = [s.ident for s in asked]
            found = asked_of(pairs, idents, private.statistics[: len(idents)])
            ratios += [RatioPlace(pair, number, place, s.name) for pair, s in found.items()]
    kept = dict.fromkeys(line for private, _, found in made for line in _kept(private, found))
    return Measurable(
        tuple(t for t, _, _ in made),
        tuple(b for _, b, _ in made),
        places,
        tuple(sets[id(t)] for t in output.tables),
        keys,
        tuple(kept),
        dict(enumerate(ratios, FIRST_IDENT)),
    )


def _kept(table: PrivateTable, found: Bounded) -> list[str]:
    """What is left out, or counted otherwise than the text says, as a rule."""
    lines = [
        f"Of each person and year the first {f'{n} rows' if n > 1 else 'row'} of {of} count{'' if n > 1 else 's'}."
        for of, n in sorted(found.kept.items())
    ]
    if found.each is not None:
        each = found.each
        lines = [
            f"Of each person at most {each.cells} cells count, each with the weight of at most {each.rows} rows."
            if found.cells > 1
            else f"All rows of a person together have the weight of at most {each.rows} rows."
        ]
    if found.nobody:
        lines.append("Rows of public tables that no person meets do not count.")
    if any(s.ask is Ask.PERSONS for s in table.statistics):
        lines.append("A row without a key is counted as a person of its own.")
    return lines
