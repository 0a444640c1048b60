"""Saved definitions of a project (`project.name`): cohorts, which are queries, and lookups, which are small public
tables. A cohort holds no data: each reader binds its text anew, like a CTE, so that its uses are checked each time."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from broker.domain.plans.scalars import ScalarType

PROJECT_SCHEMA = "project"
"""The schema under which a job names the saved definitions of its project."""
NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

LookupValue = int | Decimal | str | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """A query of rows of persons, or of public rows, as a complete canonical text in the dialect in which it was
    written."""

    name: str
    dialect: str
    text: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookupColumn:
    """A column of a lookup: whole numbers, decimals or text. `unique`: every row has a value, and no two values are
    equal, ignoring case."""

    name: str
    type: ScalarType
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """A researcher's own public table: region codes, bands. Its values say nothing about any person."""

    name: str
    columns: tuple[LookupColumn, ...]
    rows: tuple[tuple[LookupValue, ...], ...]


Definition = Cohort | Lookup


@dataclass(frozen=True, slots=True)
class ReadableDefinitions:
    """The definitions that a job may read as `project.name`: cohorts and approved lookups of its own project only."""

    definitions: tuple[Definition, ...] = ()

    def find(self, name: str) -> Definition | None:
        """A definition by name, ignoring case; None if unknown."""
        return next((d for d in self.definitions if d.name.casefold() == name.casefold()), None)


NO_READABLE_DEFINITIONS = ReadableDefinitions()


class SavedState(StrEnum):
    """State of a definition. A cohort is saved at once, a lookup after a checker's review. A new definition with the
    same name replaces the old one."""

    IN_REVIEW = "in_review"
    SAVED = "kept"
    APPROVED = "approved"
    REJECTED = "rejected"
    DROPPED = "dropped"
    REPLACED = "replaced"


READABLE_STATES: frozenset[SavedState] = frozenset({SavedState.SAVED, SavedState.APPROVED})
LISTED_STATES: frozenset[SavedState] = READABLE_STATES | {SavedState.IN_REVIEW, SavedState.REJECTED}

SAVED_TRANSITIONS: dict[SavedState, frozenset[SavedState]] = {
    SavedState.IN_REVIEW: frozenset({SavedState.APPROVED, SavedState.REJECTED, SavedState.DROPPED}),
    SavedState.SAVED: frozenset({SavedState.REPLACED, SavedState.DROPPED}),
    SavedState.APPROVED: frozenset({SavedState.REPLACED, SavedState.DROPPED}),
    SavedState.REJECTED: frozenset({SavedState.DROPPED}),
    SavedState.DROPPED: frozenset(),
    SavedState.REPLACED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class SavedEntry:
    """One definition that a project has saved or requested. Only its state changes, never its content, so an accepted
    job always finds what it read. `policy`: the policy in force when it was made."""

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

    @property
    def kind(self) -> str:
        return "cohort" if self.is_cohort else "lookup"


def definition_digest(definition: Definition) -> str:
    """SHA-256, as hexadecimal digits, by which the audit log names a definition."""
    return hashlib.sha256(definition_to_json(definition).encode()).hexdigest()


def definition_to_json(definition: Definition) -> str:
    """The definition as text to store. Equal definitions give equal text."""
    match definition:
        case Cohort(name=name, dialect=dialect, text=text, columns=columns):
            fields: dict[str, object] = {"dialect": dialect, "text": text, "columns": list(columns)}
        case Lookup(name=name, columns=named, rows=rows):
            fields = {
                "columns": [[c.name, c.type.value, c.unique] for c in named],
                "rows": [[None if v is None else str(v) for v in row] for row in rows],
            }
    return json.dumps({"name": name, **fields}, sort_keys=True)


def definition_from_json(text: str) -> Definition:
    """The definition of a stored text, equal to the original."""
    document = json.loads(text)
    if "rows" not in document:
        return Cohort(document["name"], document["dialect"], document["text"], tuple(document["columns"]))
    columns = tuple(LookupColumn(name, ScalarType(kind), bool(unique)) for name, kind, unique in document["columns"])
    rows = tuple(tuple(_lookup_values(columns, row)) for row in document["rows"])
    return Lookup(document["name"], columns, rows)


def _lookup_values(columns: tuple[LookupColumn, ...], row: list[str | None]) -> Iterator[LookupValue]:
    for column, value in zip(columns, row, strict=True):
        if value is None or column.type is ScalarType.TEXT:
            yield value
        else:
            yield int(value) if column.type is ScalarType.INT else Decimal(value)
