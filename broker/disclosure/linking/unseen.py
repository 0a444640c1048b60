"""Joint cells in which a reader must not tell nobody from a few. They follow from a job's text and from cells with t
persons, so that holes are the same for nobody, one and t-1 persons. Guesses no figure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import permutations

from broker.disclosure.linking.atoms import Atom, Groups, Rows
from broker.disclosure.linking.families import Family, Figure, Member, Test
from broker.disclosure.linking.others import Others
from broker.domain.scalars import Value

ELSEWHERE = "(a row that is not shown)"
"""What stands for the value of a key without a list, in a row with too few persons to be there."""

Place = Mapping[str, Value]


def known_joints(family: Family, atoms: Sequence[Atom], t: int, is_rounded: bool) -> list[Atom]:
    """The joint cells that may be looked at as they are: of t persons, or of fewer who only together make up a figure
    of t persons. Whoever is in another one may be nobody. Where nothing is rounded, one that stands in figures of t
    persons is looked at as it is, since it could be worked out exactly."""
    groups, kept = Groups(atoms), {n for n, a in enumerate(atoms) if a.persons >= t}
    figures = [found for member, tests in _counted(family) for found in groups.by(member.keys, tests).values()]
    few = {n for found in figures if sum(atoms[n].persons for n in found) < t for n in found}
    only = {n for found in figures if not is_rounded or kept.isdisjoint(found) for n in found}
    return [atom for n, atom in enumerate(atoms) if n in kept or n in only - few]


def unseen_joints(
    family: Family, known: Sequence[Atom], rows: Rows, unlisted: Collection[Member], t: int
) -> Iterator[Atom]:
    """A joint cell of nobody for each row, side of a condition and crossing of two tables that has no t persons.
    `unlisted` are tables that can have rows which no list names."""
    large = [a for a in known if a.persons >= t]
    groups, others = Groups(large), Others(family, large)
    found: dict[tuple[tuple[str, str], ...], Atom] = {}
    asked = ((place, True) for place in _sides(family, rows))
    derived = (*_outsides(family, rows), *_crossings(family, rows, unlisted, groups))
    for place, is_asked in (*asked, *((place, False) for place in derived)):
        if not groups.by(tuple(place), frozenset()).get(tuple(place.values())) and others.is_possible(place):
            whole = others.complete(place)
            name = tuple(sorted((d, repr(v)) for d, v in whole.items()))
            found.setdefault(name, Atom(whole, 0, 0, {}, is_open=True, is_asked=is_asked))
    return iter(found.values())


def _counted(family: Family) -> Iterator[tuple[Member, frozenset[Test]]]:
    """Each table with the conditions on the persons of its rows, and of what it counts in them: on both sides."""
    for member in family.members:
        yield member, member.tests
        for figure in _counts(member):
            yield from ((member, tests) for tests in _both_sides(member, figure))


def _counts(member: Member) -> Iterator[Figure]:
    return (f for f in member.figures if f.of is None and not f.beside)


def _both_sides(member: Member, figure: Figure) -> Iterator[frozenset[Test]]:
    if figure.tests:
        yield member.tests | figure.tests
        yield from (member.tests | {(d, 0)} for d, _ in figure.tests)


def _sides(family: Family, rows: Rows) -> Iterator[Place]:
    """Each row of each table, on both sides of what is counted in it."""
    for member, tests in _counted(family):
        yield from _places(member, tests, rows)


def _places(member: Member, tests: frozenset[Test], rows: Rows) -> Iterator[dict[str, Value]]:
    return (dict(zip(member.keys, keys, strict=True)) | dict(tests) for keys in rows[member.where])


def _outsides(family: Family, rows: Rows) -> Iterator[Place]:
    """Each row of each table, without those whom another table of fewer persons counts."""
    conditions = dict.fromkeys(d for m in family.members for d, _ in m.tests)
    for member, tests in _counted(family):
        for d in (d for d in conditions if d not in dict(tests)):
            yield from (place | {d: 0} for place in _places(member, tests, rows))


def _crossings(family: Family, rows: Rows, unlisted: Collection[Member], groups: Groups) -> Iterator[Place]:
    """What could be in a row of one table, and in a row of another that the other does not show."""
    for fine, coarse in permutations(family.members, 2):
        hidden = _hidden_rows(fine, rows, groups)
        shared = [d for d in coarse.keys if d in fine.keys]
        tests = dict(fine.tests | coarse.tests)
        for keys in rows[coarse.where]:
            here = dict(zip(coarse.keys, keys, strict=True))
            row = next((r for r in hidden if all(r[d] == here[d] for d in shared)), None)
            if fine in unlisted and len(shared) < len(fine.keys):
                yield {d: here.get(d, ELSEWHERE) for d in fine.keys} | here | tests
            if row is not None:
                yield {**row, **here, **tests}


def _hidden_rows(member: Member, rows: Rows, groups: Groups) -> list[Place]:
    large = groups.by(member.keys, member.tests)
    return [dict(zip(member.keys, keys, strict=True)) for keys in rows[member.where] if not large.get(keys)]
