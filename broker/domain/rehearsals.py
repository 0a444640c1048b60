"""How a script did on the synthetic NPD before it met real data, and what people tell of its failure on the real."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Of one job. `passed` is None where policy has no synthetic run; `trace` names what it printed, on the shelf, and
    `trace_from` is when its author may read that.

    `met` is when it was first let run on real rows, `log` names what it printed there: for checkers only. `problems`:
    it left something that could not be used. `reason` is what a checker has told its researchers of all that, once,
    and `told_by` who.
    """

    job: str
    passed: bool | None = None
    trace: str | None = None
    log: str | None = None
    reason: str | None = None
    told_by: str | None = None
    told_at: datetime | None = None
    trace_from: datetime | None = None
    met: datetime | None = None
    problems: bool | None = None
