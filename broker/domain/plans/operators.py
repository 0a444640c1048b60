"""The operators of relational algebra: one set for rows of persons and for post-aggregation. Every column has a
globally unique id, so after binding there are no names, aliases, stars or scopes. SQL is rendered from these trees, so
the checked plan is the one that runs.

`Relation` is a tree over the rows of catalogue tables, which an engine runs. `PostAggregation` is a tree over the cells
of an output's tables; the broker evaluates it on protected values only, and no engine reads it. Where `person` and
`counted` are None, rows belong to no person; this holds everywhere after the top aggregation."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar, Union as Either

from broker.domain.plans.scalars import Scalar, ScalarType
from broker.domain.plans.variable_uses import Years

Tree = TypeVar("Tree", covariant=True)
"""`Relation` or `PostAggregation`. The operators below one are of the same kind."""
SortKeys: TypeAlias = tuple[tuple[Scalar, bool], ...]
"""(expression, descending), in order of precedence."""


class JoinHow(StrEnum):
    INNER = "inner"
    LEFT = "left"
    FULL = "full"
    CROSS = "cross"


@dataclass(frozen=True, slots=True)
class ScanColumn:
    """A catalogue variable that a scan reads, under its id in the plan."""

    ident: int
    variable: str
    type: ScalarType


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows of one catalogue table. `person`: id of the hidden person number, None for public tables. `years`: the years
    that the guards leave (None for tables without years); a scan reads no other."""

    table: str
    columns: tuple[ScanColumn, ...]
    person: int | None
    years: Years | None


@dataclass(frozen=True, slots=True)
class Values:
    """Written rows, which are public."""

    columns: tuple[tuple[int, ScalarType], ...]
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class TableRef:
    """The cells of one of the output's tables, by its number: keys and statistics under their ids in the plan."""

    table: int


@dataclass(frozen=True, slots=True)
class PublicRef:
    """The rows of one of the output's public relations, by its number. They belong to no person."""

    public: int


@dataclass(frozen=True, slots=True)
class Filter(Generic[Tree]):
    """WHERE and HAVING: the rows on which the predicate is true."""

    child: Tree
    predicate: Scalar


@dataclass(frozen=True, slots=True)
class Project(Generic[Tree]):
    """Computed columns (id, expression). The child's columns stay visible."""

    child: Tree
    columns: tuple[tuple[int, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Join(Generic[Tree]):
    """A join. `on` is None for a cross join. `person`: id of the joined row's person number; None if both sides are
    public. A full join of two persons' rows takes it from either side (`both`). `lateral`: the right side may read
    columns of the left side."""

    left: Tree
    right: Tree
    how: JoinHow
    on: Scalar | None
    person: int | None = None
    both: tuple[int, int] | None = None
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One aggregate of the closed list in `broker.query.operations`, over the rows of a group or a window."""

    op: str
    args: tuple[Scalar, ...]
    type: ScalarType


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[Tree]):
    """One row for each value of the keys; without keys, one row.

    In a relation, it is below the top aggregation. `counted`: id of the child's person number (None: public rows, or
    rows of one person that a subquery is correlated with). `person`: id of the column with the number of each row's
    only person, if a link key is among the keys; rows without a key stay separate by their own numbers. Without
    `person`, the rows are groups that will be joined with rows of persons (context): a group of fewer than t persons
    does not exist, and an aggregate with fewer than t contributing persons is NULL. After the top aggregation, hidden
    values are ignored, like NULL."""

    child: Tree
    keys: tuple[tuple[int, Scalar], ...]
    aggregates: tuple[tuple[int, AggregateCall], ...]
    counted: int | None = None
    person: int | None = None


@dataclass(frozen=True, slots=True)
class RowFrame:
    """Which rows beside a row a window reads: from the `first` to the `last` after it in the order, both included. A
    row before it has a negative number; None: without an end."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class WindowColumn:
    """One window function over the rows with the same partition values, with an order for ranks and running sums.
    `shared`: it reads other people's rows, and is NULL if fewer than t persons contribute. Without a frame, an ordered
    aggregate reads all rows up to the row's last peer."""

    ident: int
    function: AggregateCall
    partition: tuple[Scalar, ...]
    order: SortKeys
    shared: bool = False
    frame: RowFrame | None = None


@dataclass(frozen=True, slots=True)
class Window(Generic[Tree]):
    """The child's rows with window columns. `counted`: id of the child's person number."""

    child: Tree
    columns: tuple[WindowColumn, ...]
    counted: int | None = None


@dataclass(frozen=True, slots=True)
class Union(Generic[Tree]):
    """UNION ALL and grouping sets. Each column is (id, its id in each part), and so is the person number."""

    parts: tuple[Tree, ...]
    columns: tuple[tuple[int, tuple[int, ...]], ...]
    person: tuple[int, tuple[int, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Apply(Generic[Tree]):
    """The child's rows with one more column, from a subquery that may read them: whether it has rows (`column` is
    None), or the one value of its `column`."""

    child: Tree
    sub: Tree
    ident: int
    column: int | None


@dataclass(frozen=True, slots=True)
class Sort(Generic[Tree]):
    """Rows in order, hidden values last."""

    child: Tree
    order: SortKeys


@dataclass(frozen=True, slots=True)
class Limit(Generic[Tree]):
    """The first `count` rows in an order (None: all) after `skip` of them; with `ties`, also the rows equal to the last
    one. In a relation, it occurs only below a lateral join or an Apply, with a count, without `ties` and `skip`, and in
    an order that is total for the columns that are read."""

    child: Tree
    order: SortKeys
    count: int | None
    ties: bool = False
    skip: int = 0


Relation: TypeAlias = Either[
    Scan, Values, "Filter[Relation]", "Project[Relation]", "Join[Relation]", "Aggregate[Relation]", "Window[Relation]",
    "Union[Relation]", "Apply[Relation]", "Limit[Relation]",
]  # fmt: skip
PostAggregation: TypeAlias = Either[
    TableRef, PublicRef, "Filter[PostAggregation]", "Project[PostAggregation]", "Join[PostAggregation]",
    "Aggregate[PostAggregation]", "Window[PostAggregation]", "Union[PostAggregation]", "Sort[PostAggregation]",
    "Limit[PostAggregation]",
]  # fmt: skip
Node = TypeVar("Node", Relation, PostAggregation)


def sort_or_limit(
    child: PostAggregation, order: SortKeys, count: int | None, ties: bool = False, skip: int = 0
) -> PostAggregation:
    """Rows in order, limited if `count` or `skip` is given."""
    return Sort(child, order) if count is None and not skip else Limit(child, order, count, ties, skip)


def children(node: Node) -> tuple[Node, ...]:
    """The operators directly below one, left to right. A subquery follows its child."""
    match node:
        case Scan() | Values() | TableRef() | PublicRef():
            return ()
        case Join(left=left, right=right):
            return (left, right)
        case Union(parts=parts):
            return parts
        case Apply(child=child, sub=sub):
            return (child, sub)
        case _:
            return (node.child,)


def with_children(node: Node, change: Callable[[Node], Node]) -> Node:
    """The operator with each operator directly below it changed."""
    match node:
        case Scan() | Values() | TableRef() | PublicRef():
            return node
        case Join(left=left, right=right):
            return replace(node, left=change(left), right=change(right))
        case Union(parts=parts):
            return replace(node, parts=tuple(map(change, parts)))
        case Apply(child=child, sub=sub):
            return replace(node, child=change(child), sub=change(sub))
        case _:
            return replace(node, child=change(node.child))


def walk(node: Node) -> Iterator[Node]:
    """Every operator of a tree, the top first."""
    stack = [node]
    while stack:
        part = stack.pop()
        yield part
        stack += reversed(children(part))  # reversed, because the stack returns the last one first


def scalars_of(node: Relation | PostAggregation) -> tuple[Scalar, ...]:
    """Every scalar that an operator itself computes, tests or orders by, without those below it."""
    match node:
        case Filter(predicate=predicate):
            return (predicate,)
        case Project(columns=columns):
            return tuple(s for _, s in columns)
        case Join(on=on):
            return () if on is None else (on,)
        case Aggregate(keys=keys, aggregates=aggregates):
            return (*(s for _, s in keys), *(a for _, g in aggregates for a in g.args))
        case Window(columns=columns):
            return tuple(s for c in columns for s in (*c.function.args, *c.partition, *(o for o, _ in c.order)))
        case Sort(order=order) | Limit(order=order):
            return tuple(s for s, _ in order)
        case Values(rows=rows):
            return tuple(s for row in rows for s in row)
    return ()


def person_of(relation: Relation) -> int | None:
    """Id of the rows' person number; None for public rows and groups."""
    match relation:
        case Scan(person=person) | Join(person=person) | Aggregate(person=person):
            return person
        case Union(person=person):
            return person[0] if person is not None else None
        case Values():
            return None
        case _:
            return person_of(relation.child)


def is_of_persons(relation: Relation) -> bool:
    return person_of(relation) is not None


def own_ids(relation: Relation) -> tuple[int, ...]:
    """Ids of the columns that an operator itself adds, and of its person number after them."""
    match relation:
        case Scan(columns=scanned):
            named = tuple(c.ident for c in scanned)
        case Values(columns=columns) | Project(columns=columns) | Union(columns=columns):
            named = tuple(i for i, *_ in columns)
        case Aggregate(keys=keys, aggregates=aggregates):
            named = tuple(i for i, _ in (*keys, *aggregates))
        case Window(columns=windows):
            return tuple(w.ident for w in windows)
        case Apply(ident=ident):
            return (ident,)
        case Join():
            named = ()
        case Filter() | Limit():
            return ()
    person = None if isinstance(relation, Project) else person_of(relation)
    return named if person is None else (*named, person)


def table_numbers(program: PostAggregation) -> Iterator[int]:
    """Numbers of the tables that a program reads, left to right."""
    return (part.table for part in walk(program) if isinstance(part, TableRef))
