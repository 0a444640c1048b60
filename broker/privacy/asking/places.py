"""What is measured of a planned output, and where each planned statistic, ratio and key is read. Holds no data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from broker.domain.bounded import BoundedTable
from broker.domain.plans import PlannedOutput, Statistic
from broker.privacy.asking.families import Family, positions
from broker.privacy.asking.ratios import FIRST_IDENT, Named, Pair, asked_of
from broker.privacy.tables import Ask, PrivateTable
from broker.query.bounding.choose import Bounded


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


class Made(NamedTuple):
    """A private table, the contributions behind it, and how those of one person are bounded."""

    private: PrivateTable
    behind: BoundedTable
    bounds: Bounded


def put_together(
    output: PlannedOutput, families: Sequence[Family], made: Sequence[Made], pairs: Sequence[Pair]
) -> Measurable:
    """`made` are the families' private tables, in their order."""
    places: dict[int, Place] = {}
    ratios: list[RatioPlace] = []
    sets: dict[int, tuple[int, int]] = {}
    keys: dict[int, int] = {}
    for number, (family, of) in enumerate(zip(families, made, strict=True)):
        wide = [k.expression for k in family.tables[0].keys]
        for table, asked in zip(family.tables, family.asked, strict=True):
            place = of.private.sets.index(positions(wide, table))
            sets[id(table)] = (number, place)
            keys |= {k.ident: wide.index(k.expression) for k in table.keys}
            for one, statistic in zip(of.private.statistics, asked, strict=False):
                places[statistic.ident] = Place(number, place, one.name, statistic)
            idents = [s.ident for s in asked]
            found = asked_of(pairs, idents, of.private.statistics[: len(idents)])
            ratios += [RatioPlace(pair, number, place, s.name) for pair, s in found.items()]
    return Measurable(
        tuple(m.private for m in made),
        tuple(m.behind for m in made),
        places,
        tuple(sets[id(t)] for t in output.tables),
        keys,
        tuple(dict.fromkeys(line for m in made for line in _kept(m.private, m.bounds))),
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
