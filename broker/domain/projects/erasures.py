"""An erasure: one person's rows are in no snapshot that is made from now on, and the earlier ones go. Two
administrators decide it. Here a person is a keyed digest of a key of theirs; the key itself is never stored."""

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
    """`case` is the department's number of the decision. From `snapshot` on, the person is left out; once `done_at`
    is there, no file of an earlier snapshot is."""

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
    """Whom an ingest leaves out: digests of keys, and how the digest of a key (domain, key) is made."""

    digests: frozenset[str]
    digest: Callable[[str, str], str]
