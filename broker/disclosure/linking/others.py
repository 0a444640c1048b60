"""What a person whom nobody has seen would be in the dimensions that a table does not ask about. Guesses no figure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from broker.disclosure.linking.families import Family
from broker.domain.errors import Breach
from broker.domain.scalars import Column, Scalar, Value, columns_of
from broker.postprocessing.evaluate import evaluate

Place = Mapping[str, Value]


class Seen(Protocol):
    """People who are there."""

    @property
    def place(self) -> Place: ...


class Others:
    """Completes places."""

    def __init__(self, family: Family, seen: Sequence[Seen]) -> None:
        self._seen = sorted(seen, key=lambda a: sorted((d, repr(v)) for d, v in a.place.items()))
        self._columns = {s.ident: d for d, s in family.scalars if isinstance(s, Column)}
        self._tests = {d: s for d, s in family.scalars if not isinstance(s, Column)}
        self._follows = _follows(seen, self._tests)

    def complete(self, place: Place) -> dict[str, Value]:
        """The place with a value in every dimension: what follows from one of its conditions wherever that is seen
        (an authority from a condition on it), then that of people who are like it; conditions as they come out."""
        found = dict(place)
        for at in place.items():
            found = self._follows.get(at, {}) | found
        like = self._like(found)
        whole = {**like, **found}
        told = {d: self._value(s, whole) for d, s in self._tests.items() if d not in found}
        return whole | {d: v for d, v in told.items() if v is not None}

    def is_possible(self, place: Place) -> bool:
        """Whether no condition of the place comes out otherwise by the values that the place names."""
        tests = [
            (place[d], self._value(s, place)) for d, s in self._tests.items() if d in place and self._knows(s, place)
        ]
        return all(found is None or found == asked for asked, found in tests)

    def _knows(self, scalar: Scalar, place: Place) -> bool:
        columns = columns_of(scalar)
        return columns <= self._columns.keys() and all(self._columns[i] in place for i in columns)

    def _like(self, place: Place) -> Place:
        def alike(one: Seen) -> int:
            return sum(one.place.get(d) == v for d, v in place.items())

        return max(self._seen, key=alike).place if self._seen else {}

    def _value(self, scalar: Scalar, place: Place) -> Value:
        """The value of a dimension that is computed from others; None where it needs more, or cannot be computed."""
        if not columns_of(scalar) <= self._columns.keys():
            return None
        try:
            found = evaluate(scalar, {i: place.get(self._columns[i]) for i in columns_of(scalar)})
        except (Breach, ArithmeticError, TypeError, ValueError):
            return None
        return int(found) if isinstance(found, bool) else found


def _follows(seen: Sequence[Seen], tests: Mapping[str, Scalar]) -> dict[tuple[str, Value], dict[str, Value]]:
    """What a condition says of other dimensions wherever it is seen."""
    values: dict[tuple[str, Value], dict[str, set[Value]]] = defaultdict(lambda: defaultdict(set))
    for one in seen:
        for at in one.place.items():
            if at[0] in tests:
                for d, v in one.place.items():
                    values[at][d].add(v)
    return {at: {d: next(iter(v)) for d, v in by.items() if len(v) == 1} for at, by in values.items()}
