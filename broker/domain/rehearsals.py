"""How a script did on the synthetic NPD before it met real data, and what people tell of its failure on the real."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Of one job. `passed` is None where policy has no synthetic run; `trace` names what it printed, on the shelf.

    `log` names what the script printed on real data before it failed: for checkers only. `reason` is what a checker
    has told its researchers of that, once, and `told_by` who.
    """

    job: str
    passed: bool | None = None
    trace: str | None = None
    log: str | None = None
    reason: str | None = None
    told_by: str | None = None
    told_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether a failure on real data waits for a checker's look."""
        return self.log is not None and self.reason is None
