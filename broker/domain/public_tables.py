"""A public table: figures that somebody published elsewhere, with the recipe that is to make them again. Two
administrators decide that the memory takes it in; a worker finds out whether the recipe does. No persons here."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PublicTableState(StrEnum):
    """EXACT: the recipe makes every published figure, so the memory knows who is in each cell. NUMBERS: it does not;
    the figures are kept and listed, and compared with nothing."""

    REQUESTED = "asked"
    WITHDRAWN = "withdrawn"
    CONFIRMED = "to be run"
    EXACT = "exact"
    NUMBERS = "numbers only"


class NumbersOnlyReason(StrEnum):
    """Why a public table is known as numbers only: figures differ; the recipe is refused under the policy of the day;
    it went beyond what a statement may take, or failed while it ran; its snapshot was retired before."""

    DIFFERS = "differs"
    REFUSED = "refused"
    LIMIT = "limit"
    FAILED = "failed"
    RETIRED = "retired"


NUMBERS_ONLY_SENTENCES: dict[NumbersOnlyReason, str] = {
    NumbersOnlyReason.DIFFERS: "The recipe does not make the published figures.",
    NumbersOnlyReason.REFUSED: "The policy of the day refuses the recipe.",
    NumbersOnlyReason.LIMIT: "The recipe needs more time, memory or space than a statement may take.",
    NumbersOnlyReason.FAILED: "The recipe failed while it ran.",
    NumbersOnlyReason.RETIRED: "Its snapshot was retired before the recipe was run.",
}


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """What an administrator gives: who published it where, the recipe in its dialect, the snapshot that it was made
    from, how figures were rounded (empty: not at all), and the figures as comma-separated text."""

    name: str
    source: str
    recipe: str
    dialect: str
    snapshot: str
    rounding: str
    figures: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What a worker found: how many of the published figures the recipe makes. `why` is None where it makes all."""

    agreed: int
    compared: int
    why: NumbersOnlyReason | None = None


@dataclass(frozen=True, slots=True)
class PublicTable:
    """`entry` is its number in the memory, once it is there. `attempt` counts how often a worker began to run it."""

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
