"""A stop: a person or a project is halted at once, by one administrator, and let go on only by two."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StopKind(StrEnum):
    PERSON = "person"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Stop:
    """While `lifted_at` is None nothing of the subject starts, and nothing of it leaves. `asked_by` is the first of the
    two administrators who lift it."""

    kind: StopKind
    subject: str
    by: str
    at: datetime
    reason: str
    asked_by: str | None = None
    asked_at: datetime | None = None
    lifted_by: str | None = None
    lifted_at: datetime | None = None

    @property
    def is_standing(self) -> bool:
        return self.lifted_at is None
