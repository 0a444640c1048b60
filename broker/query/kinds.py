"""Kinds of joined relations: person or public, and which link keys tie two persons' rows. No names, no years."""

from collections.abc import Iterable
from dataclasses import dataclass

from broker.domain.relations import Join, JoinHow, Relation
from broker.domain.scalars import Call, Column, Scalar, Type
from broker.query.book import Book
from broker.query.refusing import Stop


@dataclass(frozen=True, slots=True)
class Built:
    """A relation with its kind: `person` is the id of the row's person number, None for public rows."""

    relation: Relation
    person: int | None
    scans: frozenset[int]


class Links:
    """Which link keys are equal on every row: a union-find over all conjuncts of a SELECT (never under OR)."""

    def __init__(self, book: Book, conjuncts: Iterable[Scalar]) -> None:
        self._book = book
        self._above: dict[int, int] = {}
        for conjunct in conjuncts:
            match conjunct:
                case Call(op="equal", args=(Column(ident=left), Column(ident=right))) if self._is_key(
                    left
                ) and self._is_key(right):
                    self._above[self._top(left)] = self._top(right)

    def _is_key(self, ident: int) -> bool:
        origin = self._book.origins.get(ident)
        return origin is not None and origin.key_domain is not None

    def _top(self, ident: int) -> int:
        while (above := self._above.get(ident, ident)) != ident:
            ident = above
        return ident

    def tie(self, left: frozenset[int], right: frozenset[int]) -> bool:
        """Whether some key of the left scans equals some key of the right scans."""
        tops: tuple[set[int], set[int]] = (set(), set())
        for ident in [*self._above, *self._above.values()]:
            scan = self._book.origins[ident].scan
            for side, scans in zip(tops, (left, right), strict=True):
                if scan in scans:
                    side.add(self._top(ident))
        return bool(tops[0] & tops[1])


def all_of(conjuncts: Iterable[Scalar]) -> Scalar | None:
    found = tuple(conjuncts)
    if not found:
        return None
    return found[0] if len(found) == 1 else Call("and", found, Type.TRUTH)


def conjuncts_of(predicate: Scalar | None) -> tuple[Scalar, ...]:
    """The parts of a conjunction."""
    if predicate is None:
        return ()
    if isinstance(predicate, Call) and predicate.op == "and":
        return tuple(c for a in predicate.args for c in conjuncts_of(a))
    return (predicate,)


def join(left: Built, right: Built, how: JoinHow, on: list[Scalar], links: Links) -> Built:
    """Two relations joined. Two persons' rows meet only where link keys of one domain and person numbers are equal:
    the second equality is added to the first."""
    conditions = list(on)
    if left.person is not None and right.person is not None:
        if not links.tie(left.scans, right.scans):
            raise Stop("person-join", "Two tables about people are joined without their link keys.",
                       "Join them ON a.key = b.key of one kind, or aggregate one of them first.")  # fmt: skip
        conditions.append(Call("equal", (Column(left.person, Type.INT), Column(right.person, Type.INT)), Type.TRUTH))
    condition = all_of(conditions)
    how = JoinHow.CROSS if condition is None and how is JoinHow.INNER else how
    person = left.person if left.person is not None else right.person
    return Built(Join(left.relation, right.relation, how, condition, person), person, left.scans | right.scans)
