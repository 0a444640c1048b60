"""Entries of the release history: released tables, their figures, their overlaps with a new table, and their stored
form as text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from broker.domain.described_words import DescribedWord
from broker.domain.plans.scalars import Value, value_from_json, value_to_json


class HistorySource(StrEnum):
    """Source of an entry. RELEASE: a job's table. PUBLIC: published elsewhere, and reproduced from its recipe.
    POPULATION: totals that everybody is assumed to know."""

    RELEASE = "release"
    PUBLIC = "public"
    POPULATION = "population"


@dataclass(frozen=True, slots=True)
class HistoryVersion:
    """How much of the release history an assessment covers: the number of entries, which only grows."""

    entries: int

    def __str__(self) -> str:
        return str(self.entries)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A planned table that was released, or is about to be released (`number` is then 0).

    - `number`: its position in the release history, from 1
    - `release`, `output`: release and output of the table; for a public table, no release and its own id; empty for a
      known population
    - `table`: its number in the output
    - `project`: empty if it belongs to no project
    - `snapshot`: state of the data that it was computed from
    - `profile`, `t`: the disclosure rules under which it was judged
    - `recipe`: equal for equal populations, keys and statistics (a hash of canonical text)
    - `unit`: the kind of person
    - `cells`: its number of cells, shown or not
    - `noise`: most that keyed noise can move two counts apart; 0 for counts without noise
    - `within`: known populations that contain all its persons, and the number of persons of each"""

    number: int
    release: str
    output: str
    table: int
    project: str
    snapshot: str
    profile: str
    t: int
    recipe: str
    unit: str
    source: HistorySource
    when: datetime
    cells: int
    noise: int = 0
    within: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownFigure:
    """One total over persons that a released statistic reveals for each shown cell. A mean reveals two, its sum and its
    count; a share reveals its ones and its count.

    - `statistic`: its number in the planned table
    - `amount`: the amounts of the members that it sums; empty if each person counts once
    - `once`: each person whose amount is not 0 counts once, whatever the amount
    - `told`: canonical text of the whole statistic; equal for equal statistics, in any project
    - `reads`: what an amount reads (`table.variable`); empty for counts
    - `shown`: the released value by number of the cell; a missing cell is suppressed"""

    statistic: int
    amount: str
    once: bool
    told: str
    reads: frozenset[str]
    shown: Mapping[int, Value]

    @property
    def is_count(self) -> bool:
        return not self.reads


class OverlapKind(DescribedWord):
    """How a new table overlaps with a released one."""

    IDENTICAL = "identical", "the same cells with the same persons"
    NESTED = "nested", "cells of one table are sums of cells of the other"
    DISJOINT = "disjoint", "no person is in both"
    APART = "apart", "different groups, each difference empty or large enough"
    DIFFERENCE = "difference", "the difference of the two tables isolates a few persons"
    COVERED = "covered", "a small difference, which the noise of both tables covers"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Overlap of a new table with one entry. `persons`: smallest difference found, for staff only; None if there is
    none. `exact`: it was counted, not only estimated."""

    entry: int
    kind: OverlapKind
    persons: int | None = None
    exact: bool = True


class RepairAction(StrEnum):
    """How a small difference is repaired: show the earlier value, count the few persons with the cell, suppress the
    cell, or withhold the whole table."""

    EARLIER = "earlier"
    ALIGN = "align"
    SUPPRESS = "suppress"
    WITHHOLD = "withhold"


@dataclass(frozen=True, slots=True)
class CountShift:
    """How far a count or sum of a cell is moved, so that it counts a few persons more or less. `amount` and `once`:
    which of the statistic's totals is moved (as in `KnownFigure`); `rows` and `persons`: by how many; `total`: by how
    much, if it is a sum of values, and `sizes`: by how much its absolute values."""

    amount: str
    rows: int
    persons: int
    once: bool = False
    total: Decimal | None = None
    sizes: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CellRepair:
    """One change of a table before its release: of one cell, in all its statistics (`statistic` is None) or in one.
    `entry` and `earlier_cell`: the earlier cell whose value is shown instead, if any. `shift`: how far a
    count or sum is moved, and `moved`: by which persons, with what each adds."""

    action: RepairAction
    cell: int
    statistic: int | None = None
    entry: int | None = None
    earlier_cell: int | None = None
    shift: CountShift | None = None
    moved: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class StoredMembers:
    """The name of a file of members, and the SHA-256 of its encrypted bytes."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class SplitCounts:
    """Number of released figures of a table that split each cell of a reference population, by number of the cell."""

    snapshot: str
    population: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NewHistoryEntry:
    """A table to enter. `entry.number` is ignored: the release history assigns it. `members` is None for known numbers
    without a population."""

    entry: HistoryEntry
    figures: tuple[KnownFigure, ...]
    splits: tuple[SplitCounts, ...] = ()
    members: StoredMembers | None = None


@dataclass(frozen=True, slots=True)
class HistoryUpdate:
    """Entries that a release adds to the release history, and the version that it was compared with."""

    seen: HistoryVersion
    entries: tuple[NewHistoryEntry, ...]


def new_entry_to_json(new: NewHistoryEntry) -> str:
    """A new entry as canonical JSON, without its number and the place of its members."""
    document = asdict(new.entry) | {
        "when": new.entry.when.astimezone(UTC).isoformat(),
        "source": new.entry.source.value,
        "within": dict(new.entry.within),
    }
    del document["number"]
    splits = [[s.snapshot, s.population, list(s.counts)] for s in new.splits]
    return canonical_text({"entry": document, "figures": figures_to_json(new.figures), "splits": splits})


def new_entry_from_json(text: str) -> NewHistoryEntry:
    """The new entry of a stored text, without its members."""
    document = json.loads(text)
    splits = tuple(SplitCounts(snapshot, name, tuple(counts)) for snapshot, name, counts in document["splits"])
    return NewHistoryEntry(_entry_from_document(document["entry"], 0), figures_from_json(document["figures"]), splits)


def entry_from_json(text: str, number: int) -> HistoryEntry:
    return _entry_from_document(json.loads(text), number)


def _entry_from_document(document: Mapping[str, Any], number: int) -> HistoryEntry:
    moment = {"when": datetime.fromisoformat(document["when"]), "source": HistorySource(document["source"])}
    return HistoryEntry(**{**document, **moment, "number": number})


def figures_to_json(figures: Sequence[KnownFigure]) -> list[dict[str, Any]]:
    return [
        {name: getattr(f, name) for name in ("statistic", "amount", "once", "told")}
        | {"reads": sorted(f.reads), "shown": [[cell, value_to_json(value)] for cell, value in sorted(f.shown.items())]}
        for f in figures
    ]


def figures_from_json(documents: Sequence[Mapping[str, Any]]) -> tuple[KnownFigure, ...]:
    found = []
    for document in documents:
        shown = {cell: value_from_json(value) for cell, value in document["shown"]}
        found.append(KnownFigure(**{**document, "reads": frozenset(document["reads"]), "shown": shown}))
    return tuple(found)


def canonical_text(document: object) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
