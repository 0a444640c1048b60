"""A stop: one administrator can halt a person or a project at once; only two can lift it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StopKind(StrEnum):
    PERSON = "person"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of a person or project. While `lifted_at` is None, nothing of the subject starts or is released.
    `asked_by`: the first of the two administrators who lift it."""

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
