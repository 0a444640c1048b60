"""Relations of a plan: the small immutable tree that the algebra of person relations is written in.

Every column has a globally unique id, so after binding there are no names, aliases, stars or scopes left.
What is executed is rendered from this tree, so what was checked is what runs.
"""

from dataclasses import dataclass
from enum import StrEnum

from broker.domain.scalars import Scalar, Type
from broker.domain.variables import Years


class JoinHow(StrEnum):
    INNER = "inner"
    LEFT = "left"
    RIGHT = "right"
    FULL = "full"
    CROSS = "cross"


@dataclass(frozen=True, slots=True)
class ScanColumn:
    """A catalogue variable read by a scan, under its id in the plan."""

    ident: int
    variable: str
    type: Type


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
    """`on` is None for a cross join. `person` is the id of the joined row's person number: the two sides'
    coalesced where both are persons, None where both are public."""

    left: "Relation"
    right: "Relation"
    how: JoinHow
    on: Scalar | None
    person: int | None


Relation = Scan | Filter | Project | Join
