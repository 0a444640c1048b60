"""A public table: figures that somebody published elsewhere, with the recipe that is to make them again. Two
administrators decide that the memory takes it in; a worker finds out whether the recipe does. No persons here."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class PublicState(StrEnum):
    """EXACT: the recipe makes every published figure, so the memory knows who is in each cell. NUMBERS: it does not;
    the figures are kept and listed, and compared with nothing."""

    ASKED = "asked"
    WITHDRAWN = "withdrawn"
    CONFIRMED = "to be run"
    EXACT = "exact"
    NUMBERS = "numbers only"


class Why(StrEnum):
    """Why a public table is known as numbers only: figures differ; the recipe is refused under the policy of the day;
    it went beyond what a statement may take, or failed while it ran; its snapshot was retired before."""

    DIFFERS = "differs"
    REFUSED = "refused"
    LIMIT = "limit"
    FAILED = "failed"
    RETIRED = "retired"


WHY_WORDS: dict[Why, str] = {
    Why.DIFFERS: "The recipe does not make the published figures.",
    Why.REFUSED: "The policy of the day refuses the recipe.",
    Why.LIMIT: "The recipe needs more time, memory or space than a statement may take.",
    Why.FAILED: "The recipe failed while it ran.",
    Why.RETIRED: "Its snapshot was retired before the recipe was run.",
}


@dataclass(frozen=True, slots=True)
class Published:
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
class Reproduced:
    """What a worker found: how many of the published figures the recipe makes. `why` is None where it makes all."""

    agreed: int
    compared: int
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class PublicTable:
    """`entry` is its number in the memory, once it is there. `attempt` counts how often a worker began to run it."""

    ident: str
    published: Published
    by: str
    at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    attempt: int = 0
    found: Reproduced | None = None
    entry: int | None = None
    entered_at: datetime | None = None

    @property
    def state(self) -> PublicState:
        if self.withdrawn_at is not None:
            return PublicState.WITHDRAWN
        if self.found is not None:
            return PublicState.EXACT if self.found.why is None else PublicState.NUMBERS
        return PublicState.ASKED if self.confirmed_by is None else PublicState.CONFIRMED
