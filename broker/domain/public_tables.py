"""A public table: figures that were published elsewhere, with the recipe that should reproduce them. Two administrators
decide that the release history includes it; a worker finds out whether the recipe works. No persons here."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.domain.described_words import DescribedWord


class PublicTableState(StrEnum):
    """State of a public table. EXACT: the recipe reproduces every published figure, so the release history knows the
    persons in each cell. NUMBERS: it does not; the figures are stored and listed, but compared with nothing."""

    REQUESTED = "asked"
    WITHDRAWN = "withdrawn"
    CONFIRMED = "to be run"
    EXACT = "exact"
    NUMBERS = "numbers only"


class NumbersOnlyReason(DescribedWord):
    """Why a public table is known as numbers only: figures differ; the policy refused the recipe; it exceeded the
    limits of a statement, or failed while it ran; or its snapshot was retired before."""

    DIFFERS = "differs", "The recipe does not reproduce the published figures."
    REFUSED = "refused", "The policy in force when the recipe ran refused it."
    LIMIT = "limit", "The recipe needs more time, memory or space than a statement may use."
    FAILED = "failed", "The recipe failed while it ran."
    RETIRED = "retired", "The snapshot was retired before the recipe ran."


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A published table as an administrator enters it: who published it where, the recipe in its dialect, the snapshot
    behind it, how figures were rounded (empty: not at all), and the figures as comma-separated text."""

    name: str
    source: str
    recipe: str
    dialect: str
    snapshot: str
    rounding: str
    figures: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Result of a worker: number of compared figures, and of those that the recipe reproduces. `why` is None if it
    reproduces all."""

    agreed: int
    compared: int
    why: NumbersOnlyReason | None = None


@dataclass(frozen=True, slots=True)
class PublicTable:
    """A public table and its progress. `entry`: its number in the release history, once it is there. `attempt`: how
    often a worker started it."""

    ident: str
    published: PublishedTable
    by: str
    at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    attempt: int = 0
    found: Reproduction | None = None
    entry: int | None = None
    entered_at: datetime | None = None

    @property
    def state(self) -> PublicTableState:
        if self.withdrawn_at is not None:
            return PublicTableState.WITHDRAWN
        if self.found is not None:
            return PublicTableState.EXACT if self.found.why is None else PublicTableState.NUMBERS
        return PublicTableState.REQUESTED if self.confirmed_by is None else PublicTableState.CONFIRMED
