"""A relation with the most rows that it has of one person, and the arithmetic of such numbers: None is no bound."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from broker.domain.relations import Relation


@dataclass(frozen=True, slots=True)
class Bound:
    """`each`: columns of years, with the most rows that have one same value of it."""

    relation: Relation
    rows: int | None
    each: Mapping[int, int] = field(default_factory=dict)


def least(numbers: Iterable[int | None]) -> int | None:
    return min((n for n in numbers if n is not None), default=None)


def times(rows: int | None, many: int | None) -> int | None:
    return None if rows is None or many is None else rows * many


def at_least_one(rows: int | None) -> int | None:
    """An outer join keeps a row that meets none."""
    return None if rows is None else max(1, rows)


def total_of(numbers: Iterable[int | None]) -> int | None:
    found = list(numbers)
    return None if None in found else sum(n for n in found if n is not None)


def scaled(each: Mapping[int, int], many: int | None) -> dict[int, int]:
    return {} if many is None else {i: n * many for i, n in each.items()}
