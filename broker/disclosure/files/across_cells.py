"""What is seen only across the cells of a table with its totals: full lines (F3), lines that are full to a few of their
own members (F4), patterns of zeros (F2). Pure; small totals (F5) are seen by the cell alone."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from broker.disclosure.repair.tables import Place
from broker.disclosure.rules.asking import OF_POLICY, decimal, finding
from broker.domain.findings import Finding, Verdict
from broker.policy.profiles import Profile

Persons = Mapping[Place, int]
Found = dict[Place, Finding]
"""Of each cell: the distinct persons, or what is found on it."""


def full_lines(persons: Persons, profile: Profile) -> Found:
    """F3: a category that holds (nearly) all of its line of the table. A line that is the whole population, or along
    a dimension of one category, follows from the filter. Nothing else is taken for structure: a file declares none."""
    verdict, share = OF_POLICY[profile.full], decimal(profile.full_share)
    found: Found = {}
    if verdict is None or share is None:
        return found
    for line in lines(persons):
        top = max(line, key=line.__getitem__)
        total = sum(line.values())
        if line[top] >= share * total:
            sentence = "One category holds (nearly) everybody of its line of the table."
            found[top] = finding("F3", verdict, sentence, persons=line[top], line=total)
    return found


def nearly_full_lines(persons: Persons, profile: Profile) -> Found:
    """F4: without some k of its members a line is full: these few learn what all the others are."""
    found: Found = {}
    for line in lines(persons) if OF_POLICY[profile.full] is not None else ():
        top = max(line, key=line.__getitem__)
        others = sum(line.values()) - line[top]
        if 1 <= others <= profile.coalition < line[top]:
            sentence = "The few outside this category learn that everybody else of the line is in it."
            found[top] = finding("F4", Verdict.SUPPRESS, sentence, persons=line[top], others=others)
    return found


def zero_patterns(persons: Persons, profile: Profile) -> list[tuple[Place, Finding]]:
    """F2: zeros are looked at by pattern and not one by one: a finding for all with one category of the last dimension.
    Its place has None where the pattern's cells differ."""
    verdict = OF_POLICY[profile.zeros]
    groups: dict[str | None, list[Place]] = defaultdict(list)
    for place, n in persons.items():
        if n == 0 and verdict is not None:
            groups[place[-1]].append(place)
    told = []
    for places in groups.values():
        shared = tuple(p[0] if len(set(p)) == 1 else None for p in zip(*places, strict=True))
        assert verdict is not None
        told.append((shared, finding("F2", verdict, "Nobody stands behind these figures.", cells=len(places))))
    return told


def lines(persons: Persons) -> Iterator[dict[Place, int]]:
    """Every line of the table and of each of its tables of totals: cells that differ in one dimension alone, where the
    others are not all summed over; of cells with somebody, and along dimensions with several categories of them."""
    found = {p: n for p, n in persons.items() if n}
    width = len(next(iter(found), ()))
    for axis in range(width):
        groups: dict[Place, dict[Place, int]] = defaultdict(dict)
        for place, n in found.items():
            rest = place[:axis] + place[axis + 1 :]
            if place[axis] is not None and any(c is not None for c in rest):
                groups[rest][place] = n
        if len({p[axis] for line in groups.values() for p in line}) > 1:
            yield from groups.values()


def found_across(persons: Persons, profile: Profile) -> dict[Place, tuple[Finding, ...]]:
    """All findings of a count's cells that the cells alone do not show."""
    told: dict[Place, tuple[Finding, ...]] = defaultdict(tuple)
    for rule in ACROSS:
        for place, said in rule(persons, profile).items():
            told[place] += (replace(said, cell=place),)
    return dict(told)


ACROSS = (full_lines, nearly_full_lines)
