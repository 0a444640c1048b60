"""The joint cells of a family, as the evidence has them: whom each figure of its tables is made of. No verdicts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from broker.disclosure.linking.families import Family, Member, Test, Where
from broker.domain.evidence import CellEvidence, TableEvidence
from broker.domain.plans import Measure
from broker.domain.scalars import Value
from broker.postprocessing.evaluate import number

Rows = Mapping[Where, Sequence[tuple[Value, ...]]]
"""The rows of each table that could be shown."""

ANY = "*"
"""Of a dimension that a joint cell says nothing of: it meets no test and no other key."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A joint cell: what it is in each dimension, its rows, persons, and what it adds up to by amount.

    `is_open` says that it stands for nobody or up to t-1 persons: no figure may tell how many they are. `is_asked` says
    that a figure of the job is about just these persons, and is hidden."""

    place: Mapping[str, Value]
    rows: int
    persons: int
    amounts: Mapping[str, "Amount"]
    is_open: bool = False
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """A total over a joint cell and the largest total of one person in it, without its sign."""

    total: float
    largest: float
    low: float


NOTHING = Amount(0.0, 0.0, 0.0)


def atoms_of(family: Family, evidence: Mapping[Where, TableEvidence], joint: TableEvidence | None) -> list[Atom]:
    """Of the joint table, or of the member that is as fine; a condition on rows splits that one's cells."""
    if joint is not None:
        return [_joint_atom(family, cell) for cell in joint.cells]
    finest = family.finest
    assert finest is not None
    return [a for cell in evidence[finest.where].cells for a in _split(finest, cell)]


def _joint_atom(family: Family, cell: CellEvidence) -> Atom:
    place = dict(zip(family.dimensions, cell.keys, strict=True))
    amounts = {text: _amount(cell, ident) for text, ident in family.amounts}
    return Atom(place, cell.rows, cell.persons, amounts)


def _split(member: Member, cell: CellEvidence) -> list[Atom]:
    place: dict[str, Value] = dict(zip(member.keys, cell.keys, strict=True))
    amounts = {f.of: _amount(cell, f.ident) for f in member.figures if f.of is not None}
    asked = next((f for f in member.figures if f.tests and f.of is None and not f.beside), None)
    if asked is None:
        return [Atom(place, cell.rows, cell.persons, amounts)]
    ((condition, _),) = asked.tests
    seen = cell.statistics[asked.ident]
    sides: tuple[tuple[Value, int, int], ...]
    if asked.measure is Measure.COUNT_VALUES:
        sides = ((1, seen.rows, seen.persons), (0, cell.rows - seen.rows, cell.persons - seen.persons))
    else:
        ones = seen.rows
        rest = (0, seen.rest_rows, seen.rest)
        other = (None, cell.rows - ones - seen.rest_rows, cell.persons - seen.persons - seen.rest)
        sides = ((1, ones, seen.persons), rest, other)
    parts = [Atom(place | {condition: v}, rows, max(0, persons), {}) for v, rows, persons in sides if rows > 0]
    # Here no amount is added up under the condition: it stands where most persons are, which are no few.
    most = max(range(len(parts)), key=lambda n: parts[n].persons)
    return [Atom(a.place, a.rows, a.persons, amounts if n == most else {}) for n, a in enumerate(parts)]


def _amount(cell: CellEvidence, ident: int) -> Amount:
    seen = cell.statistics[ident]
    found = [0.0 if v is None else float(number(v)) for v in (seen.total, seen.largest, seen.low)]
    return Amount(found[0], abs(found[1]), found[2])


class Groups:
    """Joint cells by the keys and tests of a table, each way worked out once."""

    def __init__(self, atoms: Sequence[Atom]) -> None:
        self.atoms = list(atoms)
        self._found: dict[tuple[tuple[str, ...], frozenset[Test]], dict[tuple[Value, ...], list[int]]] = {}

    def by(self, keys: tuple[str, ...], tests: frozenset[Test]) -> Mapping[tuple[Value, ...], list[int]]:
        """The numbers of the joint cells on which the tests hold, by the values of the keys."""
        if (keys, tests) not in self._found:
            found: dict[tuple[Value, ...], list[int]] = defaultdict(list)
            for n, atom in enumerate(self.atoms):
                place = atom.place
                if all(place.get(d, ANY) == v for d, v in tests):
                    values = tuple(place.get(k, ANY) for k in keys)
                    if ANY not in values:
                        found[values].append(n)
            self._found[keys, tests] = found
        return self._found[keys, tests]
