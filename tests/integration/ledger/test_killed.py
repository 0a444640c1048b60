"""A process killed with -9 at each named point: totals are exact after it, and nothing comes back after a read.

The next attempt of the job goes the same way, and what it finds is what the first had left (invariant 5).
"""

import random
import signal
import time
from collections import Counter
from itertools import count, takewhile
from pathlib import Path

import pytest
from ledger_kit import OWN_TABLE, WHOLE, answer, begin

from broker.domain.errors import Conflict
from broker.domain.ledger.spends import SpendState, StoredAnswer
from tests.integration.expected_errors import expect
from tests.proof_size import report_figures, seed, size

KILLABLE = Path(__file__).with_name("killable_job.py")
STEPS = ("reserve", "charge", "answer", "release")
WHERE = ("before", "inside", "unsigned", "after")
POINTS = [f"{step}:{where}" for step in STEPS for where in WHERE]
DONE = {
    0: ((0, 0), None), 1: ((0, 100), SpendState.RESERVED), 2: ((100, 0), SpendState.CHARGED),
    3: ((100, 0), SpendState.CHARGED), 4: ((100, 0), SpendState.RELEASED),
}  # fmt: skip
"""(spent, reserved) and the state after so many steps were committed."""

pytestmark = pytest.mark.long


def killed_at(url, witness, point, job="j1"):
    process = begin([KILLABLE, url, witness, job, point])
    try:
        assert process.stdout.readline().strip() in {point, point.split(":")[1]}
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def committed(point):
    step, where = point.split(":")
    return STEPS.index(step) + (where in {"unsigned", "after"})


@pytest.mark.parametrize("point", POINTS)
def test_totals_are_exact_and_a_later_attempt_finds_what_is_there(capped, url, witness_folder, point):
    killed_at(url, witness_folder, point)
    used, state = DONE[committed(point)]
    assert (capped.used(), capped.used(OWN_TABLE)) == (used, used)
    found = capped.store.spend_of("j1")
    assert (found.state if found else None) is state
    assert capped.store.ledger.verify().holds
    assert capped.store.verify_audit().broken is None
    _again(capped, committed(point))
    assert (capped.used(), capped.used(OWN_TABLE)) == ((100, 0), (100, 0))
    assert capped.store.ledger.verify().holds
    lines = [line.event.action for line in capped.store.audit() if line.event.subject == "j1"]
    assert lines == ["spend.reserved", "spend.charged", "spend.answered", "spend.released"]


def _again(steps, done):
    """The next attempt draws another answer, and must give the stored one if there is one."""
    steps.reserve("j1")
    charged = steps.charge("j1")
    assert charged.answer == (answer("j1") if done >= 3 else None)
    drawn = StoredAnswer("keyed-again", "place-again")
    assert steps.answer("j1", drawn) == (answer("j1") if done >= 3 else drawn)
    steps.settle("j1", SpendState.RELEASED)


@pytest.mark.parametrize("point", ["reserve:after", "charge:inside", "charge:unsigned", "charge:after", "answer:after"])
def test_a_refund_is_possible_only_where_nothing_was_read(capped, url, witness_folder, point):
    killed_at(url, witness_folder, point)
    if committed(point) == 1:
        capped.settle("j1", SpendState.REFUNDED)
        assert capped.used() == (0, 0)
    else:
        expect(Conflict, capped.settle, "j1", SpendState.REFUNDED, match="nothing was changed")
        assert capped.used() == (100, 0)


def test_processes_killed_at_random_moments_leave_whole_steps_only(steps, url, witness_folder, backend):
    draw, rounds = random.Random(seed()), size("LEDGER_KILLS", 4)
    steps.allot(WHOLE, 10**6)
    steps.allot(OWN_TABLE, 10**6)
    for number in range(rounds):
        process = begin([KILLABLE, url, witness_folder, f"r{number}", "nowhere"])
        assert process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    states = Counter(s.state for s in _spends(steps, rounds))
    assert steps.used() == (states.total() - states[SpendState.RESERVED], states[SpendState.RESERVED])
    assert states.total() - states[SpendState.RELEASED] <= rounds, "at most one a process is on its way"
    assert steps.store.ledger.verify().holds
    assert steps.store.verify_audit().broken is None
    report_figures(
        f"kills_{backend}", {"rounds": rounds, "points": len(POINTS), "spends": {s.value: n for s, n in states.items()}}
    )


def _spends(steps, rounds):
    for number in range(rounds):
        jobs = (f"r{number}-{n}" for n in count())
        yield from takewhile(lambda spend: spend is not None, map(steps.store.spend_of, jobs))
