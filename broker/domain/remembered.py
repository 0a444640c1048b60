"""A table that is to be remembered, and its one form as text: in the memory's chain and beside the file of its members,
so that neither can say something else, and a restored back-up can be told what it forgot. No persons here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from broker.domain.release_history import Entry, KnownFigure, MemoryVersion, Source
from broker.domain.scalars import Value
from broker.domain.stored_values import value_from_json, value_to_json


@dataclass(frozen=True, slots=True)
class StoredMembers:
    """The name of a file of members and the SHA-256 of its encrypted bytes."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Splits:
    """How many released figures of a table split each cell of a reference population, by the cell's number."""

    snapshot: str
    population: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A table to be remembered. `entry.number` counts for nothing: the memory gives it. `members` are None for known
    numbers without a population."""

    entry: Entry
    figures: tuple[KnownFigure, ...]
    splits: tuple[Splits, ...] = ()
    members: StoredMembers | None = None


@dataclass(frozen=True, slots=True)
class Remembering:
    """What a release brings into memory, and the version that it was compared with."""

    seen: MemoryVersion
    entries: tuple[NewEntry, ...]


def about(new: NewEntry) -> str:
    """Everything of a new entry but its number and where its members are: canonical JSON."""
    told = asdict(new.entry) | {
        "when": new.entry.when.astimezone(UTC).isoformat(),
        "source": new.entry.source.value,
        "within": dict(new.entry.within),
    }
    del told["number"]
    splits = [[s.snapshot, s.population, list(s.counts)] for s in new.splits]
    return canonical({"entry": told, "figures": figures_to_json(new.figures), "splits": splits})


def from_about(text: str) -> NewEntry:
    """A new entry again, without its members."""
    found = json.loads(text)
    splits = tuple(Splits(snapshot, name, tuple(counts)) for snapshot, name, counts in found["splits"])
    return NewEntry(_entry(found["entry"], 0), figures_from_json(found["figures"]), splits)


def entry_from_json(text: str, number: int) -> Entry:
    return _entry(json.loads(text), number)


def _entry(told: Mapping[str, Any], number: int) -> Entry:
    moment = {"when": datetime.fromisoformat(told["when"]), "source": Source(told["source"])}
    return Entry(**{**told, **moment, "number": number})


def figures_to_json(figures: Sequence[KnownFigure]) -> list[dict[str, Any]]:
    return [
        {
            "statistic": f.statistic,
            "amount": f.amount,
            "once": f.once,
            "told": f.told,
            "reads": sorted(f.reads),
            "shown": [[cell, value_to_json(value)] for cell, value in sorted(f.shown.items())],
        }
        for f in figures
    ]


def figures_from_json(documents: Sequence[Mapping[str, Any]]) -> tuple[KnownFigure, ...]:
    return tuple(KnownFigure(**{**d, "reads": frozenset(d["reads"]), "shown": _shown(d["shown"])}) for d in documents)


def _shown(document: Sequence[Any]) -> dict[int, Value]:
    return {cell: value_from_json(value) for cell, value in document}


def canonical(document: object) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
