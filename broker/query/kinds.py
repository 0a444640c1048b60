"""Kinds of relations: rows of persons, public rows, or groups; and which link keys tie two persons' rows. No names, no
years."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlglot import exp

from broker.domain.groups import Group
from broker.domain.relations import Filter, Gather, Join, JoinHow, Over, Project, Relation, Values, walk
from broker.domain.scalars import Call, Column, Scalar, Type
from broker.query.book import Book, Home
from broker.query.refusing import Stop

Columns = dict[str, Column]
"""Columns of a derived relation by their folded names, in the order of its SELECT list."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows: `person` is the id of the row's person number, None for public rows. `tied` says that the rows are those of
    the person of the row outside, in a subquery that is correlated on the link key."""

    relation: Relation
    person: int | None
    scans: frozenset[int]
    columns: Columns = field(default_factory=dict)
    tied: bool = False

    @property
    def home(self) -> Home:
        return Home(self.scans, self.person)

    def filtered(self, conjuncts: Iterable[Scalar]) -> "Rows":
        predicate = all_of(conjuncts)
        return self if predicate is None else replace(self, relation=Filter(self.relation, predicate))

    def computed(self, columns: Iterable[tuple[int, Scalar]]) -> "Rows":
        found = tuple(columns)
        return replace(self, relation=Project(self.relation, found)) if found else self


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups: a program above the top γ, with the columns that a query around it sees. `lone` says that it has exactly
    one row; `keys` the columns that tell one row from another; `tables` how many γs over persons are in it."""

    program: Group
    columns: Columns
    keys: tuple[Column, ...] = ()
    lone: bool = False


Bound = Rows | Groups


class Want(StrEnum):
    """What a query is bound for: groups that the broker works with, or rows that the engine joins with others."""

    GROUPS = "groups"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Known:
    """A CTE or temporary table: bound again at each use, with the tables that it could see."""

    query: exp.Expr
    columns: tuple[str, ...]
    seen: "Ctes"


Ctes = Mapping[str, Known]


def one_row() -> Rows:
    """What a SELECT without FROM reads."""
    return Rows(Values((), ((),)), None, frozenset())


def is_context(part: Relation) -> bool:
    """Whether a relation itself brings other people's rows together: groups or windows that a person's rows meet."""
    if isinstance(part, Gather):
        return part.person is None and part.counted is not None
    return isinstance(part, Over) and any(c.shared for c in part.columns)


def has_context(relation: Relation) -> bool:
    """Whether other people's rows are brought together inside."""
    return any(map(is_context, walk(relation)))


class Links:
    """Which link keys are equal on every row: a union-find over all conjuncts of a SELECT (never under OR)."""

    def __init__(self, book: Book, conjuncts: Iterable[Scalar]) -> None:
        self._book = book
        self._above: dict[int, int] = {}
        for conjunct in conjuncts:
            match conjunct:
                case Call(op="equal", args=(Column(ident=left), Column(ident=right))) if book.key_domain(
                    left
                ) is not None and book.key_domain(left) == book.key_domain(right):
                    self._above[self._top(left)] = self._top(right)

    def _top(self, ident: int) -> int:
        while (above := self._above.get(ident, ident)) != ident:
            ident = above
        return ident

    def tie(self, left: frozenset[int], right: frozenset[int]) -> bool:
        """Whether some key of the left scans equals some key of the right scans."""
        return bool(self._keys_of(left) & self._keys_of(right))

    def _keys_of(self, wanted: frozenset[int]) -> set[int]:
        """The keys that stand in some scans, each by the one that stands for all its equals."""
        found = [(i, self._book.scans_of(i)) for pair in self._above.items() for i in pair]
        return {self._top(i) for i, scans in found if scans and scans <= wanted}


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


def join(
    left: Rows, right: Rows, how: JoinHow, on: list[Scalar], links: Links, book: Book, lateral: bool = False
) -> Rows:
    """Two relations joined. Two persons' rows meet only where link keys of one domain and person numbers are equal:
    the second equality is added to the first."""
    conditions = list(on)
    both = None
    if left.person is not None and right.person is not None:
        if not (links.tie(left.scans, right.scans) or right.tied):
            raise Stop("person-join", "Two tables about people are joined without their link keys.",
                       "Join them ON a.key = b.key of one kind, or aggregate one of them first.")  # fmt: skip
        conditions.append(Call("equal", (Column(left.person, Type.INT), Column(right.person, Type.INT)), Type.TRUTH))
        both = (left.person, right.person) if how is JoinHow.FULL else None
    condition = all_of(conditions)
    how = JoinHow.CROSS if condition is None and how is JoinHow.INNER else how
    person = left.person if left.person is not None else right.person
    if both is not None:
        person = book.new_id()
    relation = Join(left.relation, right.relation, how, condition, person, both, lateral)
    return Rows(relation, person, left.scans | right.scans, tied=left.tied)
