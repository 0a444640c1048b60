"""What staff see of an output and nobody else: the judged table or the facts about a file, its comparison with the
release history, and the method of a private answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.domain.findings import Assessment, Finding
from broker.domain.release_history import HistorySource, OverlapKind


@dataclass(frozen=True, slots=True)
class OverlapRecord:
    """A release of the same project, or a published table, that overlaps an output. `persons`: number of persons in the
    smallest difference, estimated unless `exact`; None if there is none."""

    release: str
    output: str
    table: int
    source: HistorySource
    kind: OverlapKind
    persons: int | None
    exact: bool

    @property
    def words(self) -> str:
        return self.kind.description


@dataclass(frozen=True, slots=True)
class NearPopulationRecord:
    """A standard population that the output's population nearly equals, with its condition in SQL."""

    name: str
    about: str
    where: str


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """The comparison of an output with the release history up to `version`.

    `others`: whether a release of another project overlaps it. `numbers_only`: ids of public tables without members,
    which nothing can be compared with. `refused`: why nothing of it can leave any more; empty if something can."""

    version: str
    overlaps: tuple[OverlapRecord, ...] = ()
    others: bool = False
    numbers_only: tuple[str, ...] = ()
    standard: tuple[NearPopulationRecord, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of a script, or an output that the broker could not compute. `facts`: what is known of it, by name.
    `notes`: what a checker reads about its content. `set_aside`: findings that an approval has to set aside, with their
    sentences. `problem`: code of the reason why it cannot leave, or None."""

    name: str
    problem: str | None
    facts: Mapping[str, Any]
    notes: tuple[Finding, ...] = ()
    set_aside: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StaffRecord:
    """`privacy`: the machine-readable record of a private answer's method; None for other outputs."""

    content: Assessment | FileRecord
    comparison: ComparisonRecord | None = None
    privacy: Mapping[str, Any] | None = None

    @property
    def table(self) -> Assessment | None:
        """The judged table, exact or private; None for a file."""
        return self.content if isinstance(self.content, Assessment) else None

    @property
    def exact_table(self) -> Assessment | None:
        """The table that the rules judged by its exact figures; None for a file and for a private answer."""
        return None if self.privacy is not None else self.table

    @property
    def file(self) -> FileRecord | None:
        return self.content if isinstance(self.content, FileRecord) else None
