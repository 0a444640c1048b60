"""One process of a race. After a line on standard input, each of its threads takes one job the whole way.

`racing_process.py URL WITNESS FIRST COUNT COST`: jobs FIRST to FIRST + COUNT - 1. Prints how each ended.
"""

# ruff: noqa: T201 - spoken to by lines

import json
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ledger_kit import Steps, opened, spend_request

from broker.domain.ledger.budget_refusals import OverBudget
from broker.domain.ledger.spends import SpendState


def main() -> None:
    url, witness, first, number, cost = sys.argv[1:]
    steps = Steps(opened(url, Path(witness)))
    gate = threading.Barrier(int(number) + 1)

    def one(job: int) -> str:
        gate.wait()
        return whole_way(steps, f"job-{job}", int(cost))

    with ThreadPoolExecutor(int(number)) as pool:
        ends = pool.map(one, range(int(first), int(first) + int(number)))
        print("ready", flush=True)
        sys.stdin.readline()
        gate.wait()
        print(json.dumps(Counter(ends)))
    steps.store.close()


def whole_way(steps: Steps, job: str, cost: int) -> str:
    try:
        steps.reserve(spend_request(job, cost))
    except OverBudget:
        return "refused"
    steps.charge(job)
    steps.answer(job)
    steps.settle(job, SpendState.RELEASED)
    return "released"


if __name__ == "__main__":
    main()
