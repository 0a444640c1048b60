"""Relations of a plan: the small immutable tree that the algebra of person relations is written in.

Every column has a globally unique id, so after binding there are no names, aliases, stars or scopes left.
What is executed is rendered from this tree, so what was checked is what runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from broker.domain.plans.scalars import Scalar, ScalarType
from broker.domain.plans.variable_uses import Years


class JoinHow(StrEnum):
    INNER = "inner"
    LEFT = "left"
    FULL = "full"
    CROSS = "cross"


@dataclass(frozen=True, slots=True)
class ScanColumn:
    """A catalogue variable read by a scan, under its id in the plan."""

    ident: int
    variable: str
    type: ScalarType


@dataclass(frozen=True, slots=True)
class Scan:
    """Rows of one catalogue table. `person` is the id of the hidden person number, None for public tables.

    `years` are those that the guards leave (None for tables without a year axis); a scan reads no other.
    """

    table: str
    columns: tuple[ScanColumn, ...]
    person: int | None
    years: Years | None


@dataclass(frozen=True, slots=True)
class Values:
    """Written rows: public."""

    columns: tuple[tuple[int, ScalarType], ...]
    rows: tuple[tuple[Scalar, ...], ...]


@dataclass(frozen=True, slots=True)
class Filter:
    child: "Relation"
    predicate: Scalar


@dataclass(frozen=True, slots=True)
class Project:
    """Computed columns (id, expression); the child's columns stay visible below it by their ids."""

    child: "Relation"
    columns: tuple[tuple[int, Scalar], ...]


@dataclass(frozen=True, slots=True)
class Join:
    """`on` is None for a cross join. `person` is the id of the joined row's person number: an outer join of two
    persons' rows coalesces the two sides' (`both`) under that id; None where both are public. `lateral`: the right
    side may read the left side's columns."""

    left: "Relation"
    right: "Relation"
    how: JoinHow
    on: Scalar | None
    person: int | None
    both: tuple[int, int] | None = None
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate of the closed list `broker.query.operations.aggregate_functions` over the rows of a group or a
    window."""

    op: str
    args: tuple[Scalar, ...]
    type: ScalarType


@dataclass(frozen=True, slots=True)
class Gather:
    """γ below the top: one row for each value of the keys.

    `counted` is the id of the child's person number (None: public rows, or rows of one person that a subquery is
    correlated with). `person` is the id under which the number of the one person of each row stands, where a link key
    is among the keys: rows without a key stay apart, each by the number of its own. Without `person` the rows are
    groups that rows of persons will meet (context): a group of fewer than t persons does not exist, and an aggregate
    with fewer than t contributing persons is NULL.
    """

    child: "Relation"
    keys: tuple[tuple[int, Scalar], ...]
    aggregates: tuple[tuple[int, Aggregate], ...]
    counted: int | None
    person: int | None


@dataclass(frozen=True, slots=True)
class WindowColumn:
    """One window function; `order` holds (expression, descending). `shared`: it reads other people's rows, and is NULL
    where fewer than t persons contribute."""

    ident: int
    function: Aggregate
    partition: tuple[Scalar, ...]
    order: tuple[tuple[Scalar, bool], ...]
    shared: bool


@dataclass(frozen=True, slots=True)
class Over:
    """The child's rows with window columns. `counted` is the id of the child's person number."""

    child: "Relation"
    columns: tuple[WindowColumn, ...]
    counted: int | None


@dataclass(frozen=True, slots=True)
class Union:
    """UNION ALL: each column is (id, the id of it in each part); so is the person number."""

    parts: tuple["Relation", ...]
    columns: tuple[tuple[int, tuple[int, ...]], ...]
    person: tuple[int, tuple[int, ...]] | None


@dataclass(frozen=True, slots=True)
class Attach:
    """The child's rows with one column more, from a subquery that may read them: whether it has rows (`column` is
    None), or the one value of its `column`."""

    child: "Relation"
    sub: "Relation"
    ident: int
    column: int | None


@dataclass(frozen=True, slots=True)
class Limit:
    """The first rows in an order that is total for what is read of them; only under a lateral join or an Attach."""

    child: "Relation"
    order: tuple[tuple[Scalar, bool], ...]
    count: int


Relation = Scan | Values | Filter | Project | Join | Gather | Over | Union | Attach | Limit


def children(relation: Relation) -> tuple[Relation, ...]:
    """The relations directly below one, left to right; a subquery comes after what it is attached to."""
    match relation:
        case Scan() | Values():
            return ()
        case Join(left=left, right=right):
            return (left, right)
        case Union(parts=parts):
            return parts
        case Attach(child=child, sub=sub):
            return (child, sub)
        case Filter(child=child) | Project(child=child) | Gather(child=child) | Over(child=child) | Limit(child=child):
            return (child,)


def walk(relation: Relation) -> Iterator[Relation]:
    """Every relation of a tree, the top first."""
    stack = [relation]
    while stack:
        part = stack.pop()
        yield part
        stack += reversed(children(part))


def scalars_of(relation: Relation) -> tuple[Scalar, ...]:
    """Every scalar that a relation itself computes, tests or orders by; not those below it."""
    match relation:
        case Filter(predicate=predicate):
            return (predicate,)
        case Project(columns=columns):
            return tuple(s for _, s in columns)
        case Join(on=on):
            return () if on is None else (on,)
        case Gather(keys=keys, aggregates=aggregates):
            return (*(s for _, s in keys), *(a for _, g in aggregates for a in g.args))
        case Over(columns=columns):
            return tuple(s for c in columns for s in (*c.function.args, *c.partition, *(o for o, _ in c.order)))
        case Limit(order=order):
            return tuple(s for s, _ in order)
        case Values(rows=rows):
            return tuple(s for row in rows for s in row)
    return ()
