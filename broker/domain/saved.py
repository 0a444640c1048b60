"""What a project keeps as `project.name`: cohorts, which are definitions, and lookups, which are small public tables.

A cohort holds no data: whoever reads it binds its text anew, as a CTE, so that its uses and kinds are judged each time.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from broker.domain.scalars import Type

SCHEMA = "project"
"""The schema under which a job names what its project keeps."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

Cell = int | Decimal | str | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """A query by its canonical text, in the dialect that it was written in."""

    name: str
    dialect: str
    text: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookupColumn:
    """A column of a lookup: whole numbers, decimals or text. `unique`: no two rows have one value in it, in any case,
    and each has one."""

    name: str
    type: Type
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """A researcher's own public table: region codes, bands. Its values know nothing of anybody."""

    name: str
    columns: tuple[LookupColumn, ...]
    rows: tuple[tuple[Cell, ...], ...]


Definition = Cohort | Lookup


@dataclass(frozen=True, slots=True)
class Saved:
    """What a job may read by `project.name`: the cohorts and approved lookups of its own project, and nothing else."""

    definitions: tuple[Definition, ...] = ()

    def find(self, name: str) -> Definition | None:
        """A definition by its name in any case."""
        return next((d for d in self.definitions if d.name.casefold() == name.casefold()), None)


NOTHING = Saved()


class SavedState(StrEnum):
    """A cohort is kept at once, a lookup after a checker's look. A new definition of the name replaces the old one."""

    IN_REVIEW = "in_review"
    KEPT = "kept"
    APPROVED = "approved"
    REJECTED = "rejected"
    DROPPED = "dropped"
    REPLACED = "replaced"


READABLE: frozenset[SavedState] = frozenset({SavedState.KEPT, SavedState.APPROVED})
LISTED: frozenset[SavedState] = READABLE | {SavedState.IN_REVIEW, SavedState.REJECTED}

SAVED_TRANSITIONS: dict[SavedState, frozenset[SavedState]] = {
    SavedState.IN_REVIEW: frozenset({SavedState.APPROVED, SavedState.REJECTED, SavedState.DROPPED}),
    SavedState.KEPT: frozenset({SavedState.REPLACED, SavedState.DROPPED}),
    SavedState.APPROVED: frozenset({SavedState.REPLACED, SavedState.DROPPED}),
    SavedState.REJECTED: frozenset({SavedState.DROPPED}),
    SavedState.DROPPED: frozenset(),
    SavedState.REPLACED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class SavedEntry:
    """One definition that a project has kept or asked to keep. It never changes, only its state does: a job that was
    accepted finds what it read then. `policy` is the one in force when it was made."""

    ident: str
    project: str
    definition: Definition
    about: str
    by: str
    created: datetime
    policy: str
    state: SavedState
    reason: str | None = None
    decided_by: str | None = None

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def is_cohort(self) -> bool:
        return isinstance(self.definition, Cohort)


def digest_of(definition: Definition) -> str:
    """SHA-256 by which the audit log names a definition."""
    return hashlib.sha256(to_json(definition).encode()).hexdigest()


def to_json(definition: Definition) -> str:
    """The text that a store keeps; the same definition is always the same text."""
    match definition:
        case Cohort(name=name, dialect=dialect, text=text, columns=columns):
            fields: dict[str, object] = {"dialect": dialect, "text": text, "columns": list(columns)}
        case Lookup(name=name, columns=named, rows=rows):
            fields = {
                "columns": [[c.name, c.type.value, c.unique] for c in named],
                "rows": [[None if v is None else str(v) for v in row] for row in rows],
            }
    return json.dumps({"name": name, **fields}, sort_keys=True)


def from_json(text: str) -> Definition:
    """The definition again, equal to the one that was stored."""
    found = json.loads(text)
    if "rows" not in found:
        return Cohort(found["name"], found["dialect"], found["text"], tuple(found["columns"]))
    columns = tuple(LookupColumn(name, Type(kind), bool(unique)) for name, kind, unique in found["columns"])
    rows = tuple(tuple(_cells(columns, row)) for row in found["rows"])
    return Lookup(found["name"], columns, rows)


def _cells(columns: tuple[LookupColumn, ...], row: list[str | None]) -> Iterator[Cell]:
    for column, value in zip(columns, row, strict=True):
        if value is None or column.type is Type.TEXT:
            yield value
        else:
            yield int(value) if column.type is Type.INT else Decimal(value)
