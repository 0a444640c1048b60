"""An erasure: new snapshots contain no rows of one person, and earlier snapshots are removed. Two administrators decide
it. A person is represented by a keyed digest of one of their keys; the key itself is never stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ErasureState(StrEnum):
    REQUESTED = "asked"
    WITHDRAWN = "withdrawn"
    CONFIRMED = "confirmed"
    LEFT_OUT = "left out"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure of one person. `case`: the department's number of the decision. From `snapshot` on, the person is left
    out. Once `done_at` is set, no file of an earlier snapshot exists."""

    number: int
    domain: str
    digest: str
    case: str
    by: str
    at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    snapshot: str | None = None
    left_out_at: datetime | None = None
    done_at: datetime | None = None

    @property
    def state(self) -> ErasureState:
        if self.withdrawn_at is not None:
            return ErasureState.WITHDRAWN
        if self.done_at is not None:
            return ErasureState.DONE
        if self.snapshot is not None:
            return ErasureState.LEFT_OUT
        return ErasureState.REQUESTED if self.confirmed_by is None else ErasureState.CONFIRMED


@dataclass(frozen=True, slots=True)
class ErasedPersons:
    """Persons that an ingest leaves out: digests of keys, and the function that computes the digest of (domain,
    key)."""

    digests: frozenset[str]
    digest: Callable[[str, str], str]
