"""One attempt at one job stops at a named point, so that a test can kill it there.

`killable_job.py URL WITNESS JOB POINT`: POINT is a step and where in it: `charge:before`, `:inside` (all is written,
nothing committed), `:unsigned` (committed, the head not signed yet) or `:after`. The process prints the point when it
is there. `nowhere` takes job after job (JOB-0, JOB-1, …, each of cost 1) the whole way.
"""

# ruff: noqa: T201 - spoken to by lines

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ledger_kit import Steps, opened, spend_request

from broker.domain.ledger.spends import SpendState
from broker.storage.signed_log_store import SqlSignedLog

INSIDE = SqlSignedLog.change


def stop(point: str) -> None:
    print(point, flush=True)
    time.sleep(600)


@contextmanager
def _stops_inside(self: SqlSignedLog) -> Iterator[object]:
    with INSIDE(self) as connection:
        yield connection
        stop("inside")


def main() -> None:
    url, witness, job, point = sys.argv[1:]
    steps = Steps(opened(url, Path(witness)))
    if point == "nowhere":
        print("ready", flush=True)
        for number in count():
            steps.released(spend_request(f"{job}-{number}", 1))
    wanted, where = point.split(":")
    for name, act in (
        ("reserve", lambda: steps.reserve(job)),
        ("charge", lambda: steps.charge(job)),
        ("answer", lambda: steps.answer(job)),
        ("release", lambda: steps.settle(job, SpendState.RELEASED)),
    ):
        if name == wanted and where == "before":
            stop(point)
        if name == wanted and where == "inside":
            SqlSignedLog.change = _stops_inside
        if name == wanted and where == "unsigned":
            SqlSignedLog.sign = lambda self: stop("unsigned")
        act()
        if name == wanted:
            stop(point)


if __name__ == "__main__":
    main()
