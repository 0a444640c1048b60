"""From joint cells to what an attacker would solve: figures, their sums, what is known anyway. Hides nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from broker.disclosure.linking.atoms import NOTHING, Groups, Rows
from broker.disclosure.linking.families import Family, Figure, Member, Test, Where
from broker.disclosure.repair.systems import Equation
from broker.disclosure.repair.tasks import least_width
from broker.domain.scalars import Value
from broker.policy.profiles import Profile

Place = tuple[Where, tuple[Value, ...], int]
"""A figure: its table, the row's keys, the statistic."""


@dataclass(frozen=True, slots=True)
class Margin:
    """Totals by one key of the rows on which the tests hold, by the key's value, and their sum; without a key only
    the sum."""

    keys: tuple[str, ...]
    tests: frozenset[Test]
    cells: Mapping[tuple[Value, ...], int]
    whole: int


@dataclass(slots=True)
class Figures:
    """Cells by number: first the joint cells, then every other sum of them that is shown or known.

    atoms             the joint cells that each cell is the sum of
    values, persons   of each cell, exactly
    widths            how wide the interval must be if it is not to be derived
    figures           the cell of each figure; two figures of the same people are one cell
    beside            cells that are told where a figure is shown, though it is another
    margins           totals that are taken as known, asked for or not
    signed            some contribution is negative
    joint             how many of the cells are joint cells
    """

    atoms: list[tuple[int, ...]] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    persons: list[int] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    equations: list[Equation] = field(default_factory=list)
    figures: dict[Place, int] = field(default_factory=dict)
    beside: list[tuple[Place, int]] = field(default_factory=list)
    margins: list[Margin] = field(default_factory=list)
    signed: bool = False
    joint: int = 0


def figures_of(family: Family, groups: Groups, profile: Profile, rows: Rows, of: str | None) -> Figures:
    """The counts of a family (`of` is None), or one amount."""
    builder = _Builder(groups, profile, of)
    builder.found.joint = len(groups.atoms)
    asked = [(m, f) for m in family.members if m.where in rows for f in m.figures if f.of == of]
    for member, figure in asked:
        builder.add(member, figure, rows[member.where])
    for keys, tests in dict.fromkeys(_known(asked)):
        builder.know(keys, tests)
    return builder.found


def _known(asked: Iterable[tuple[Member, Figure]]) -> Iterator[tuple[tuple[str, ...], frozenset[Test]]]:
    """The ways in which totals are taken as known: altogether, and by each key, of the people of a table and of all;
    but not by the only key that a table has. A condition is a key of its own: what is counted beside all rows under a
    condition has a known sum, and no known totals by another key."""
    for member, figure in asked:
        if member.keys:
            yield (), member.tests | figure.tests
            yield (), frozenset()
        if len(member.keys) > 1:
            yield from (((k,), member.tests) for k in member.keys)
        if len(member.keys) + len(member.tests) > 1:
            yield from (((k,), frozenset()) for k in member.keys)


class _Builder:
    def __init__(self, groups: Groups, profile: Profile, of: str | None) -> None:
        self._groups, self._profile, self._of = groups, profile, of
        self._numbers: dict[tuple[int, ...], int] = {}
        self.found = Figures()
        for n in range(len(groups.atoms)):
            self._cell((n,))

    def add(self, member: Member, figure: Figure, rows: Iterable[tuple[Value, ...]]) -> None:
        found = self._groups.by(member.keys, member.tests | figure.tests)
        for keys in rows:
            if atoms := found.get(keys):
                place, cell = (member.where, keys, figure.ident), self._cell(tuple(atoms))
                if figure.beside:
                    self.found.beside.append((place, cell))
                else:
                    self.found.figures[place] = cell

    def know(self, keys: tuple[str, ...], tests: frozenset[Test]) -> None:
        if everybody := self._groups.by((), tests).get(()):
            whole = self._cell(tuple(everybody))
            cells = {v: self._cell(tuple(atoms)) for v, atoms in self._groups.by(keys, tests).items()}
            self.found.margins.append(Margin(keys, tests, cells, whole))

    def _cell(self, atoms: tuple[int, ...]) -> int:
        """The number of a sum of joint cells."""
        if atoms not in self._numbers:
            self._numbers[atoms] = len(self.found.values)
            self._add_cell(atoms)
        return self._numbers[atoms]

    def _add_cell(self, atoms: tuple[int, ...]) -> None:
        found, parts = self.found, [self._groups.atoms[n] for n in atoms]
        if len(atoms) > 1:
            found.equations.append(Equation(tuple(self._numbers[n,] for n in atoms), len(found.values)))
        found.atoms.append(atoms)
        found.persons.append(sum(a.persons for a in parts))
        if self._of is None:
            found.values.append(float(sum(a.rows for a in parts)))
            found.widths.append(float(self._profile.min_interval))
            return
        amounts = [a.amounts.get(self._of, NOTHING) for a in parts]
        largest = max(a.largest for a in amounts)
        found.values.append(sum(a.total for a in amounts))
        found.widths.append(least_width(largest, self._profile))
        found.signed |= any(a.low < 0 for a in amounts)
