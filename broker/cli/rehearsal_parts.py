"""What the bar of a rehearsal says while each part lasts: names of parts, and slots by the clock. Reads no data."""

import time
from collections.abc import Mapping

from broker.cli.progress import Words
from broker.policy.service import Service
from broker.python_jobs.private.asks import Asks
from broker.python_jobs.private.line import slot_at, slots_of

VAULT = "the project's vault"

SQL: Mapping[str, Words] = {"data": VAULT, "run": "the query runs", "assess": "rules and audit"}
PRIVATE: Mapping[str, Words] = {
    "data": VAULT,
    "run": "the query runs",
    "noise": "noise is drawn",
    "assess": "the figures beside it",
}
SCRIPT: Mapping[str, Words] = {"data": VAULT, "run": "the script runs", "assess": "what it left"}


def of_blocks(asks: Asks, service: Service) -> Mapping[str, Words]:
    slots = Slots(asks, service)
    return {"data": VAULT, "cut": "rows are cut into blocks", "run": slots, "noise": "noise is drawn"}


class Slots:
    """Which slot runs by the schedule, counted from when it is first asked for: all slots are equally long, whatever
    their blocks do."""

    def __init__(self, asks: Asks, service: Service) -> None:
        self._asks, self._service, self._began = asks, service, 0.0

    def __call__(self) -> str:
        self._began = self._began or time.monotonic()
        slot = slot_at(self._asks, self._service, time.monotonic() - self._began)
        return f"by its schedule, slot {slot} of {slots_of(self._asks, self._service)} runs"
