"""Many jobs at once against a cap, from threads of several processes: never over it, and none under (invariant 5)."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ledger_kit import OWN_TABLE, PROJECT, UNIT, WHOLE, begin, spend_request

from broker.domain.ledger.budget_refusals import OverBudget
from broker.domain.ledger.privacy_loss import PrivacyAccount
from tests.integration.expected_errors import expect
from tests.proof_size import report_figures, size

pytestmark = pytest.mark.long

RACING_PROCESS = Path(__file__).with_name("racing_process.py")
JOBS = size("LEDGER_JOBS", 24)
PROCESSES = size("LEDGER_PROCESSES", 2)
COST = 1000


def race(url, witness, jobs, processes):
    """Every job is tried by two processes, as if the first attempt had lost its lease. Ends by how often."""
    share = jobs // processes
    starts = [share * n for n in range(processes)] * 2
    commands = [[RACING_PROCESS, url, witness, str(first), str(share), str(COST)] for first in starts]
    racers = [begin(command) for command in commands]
    try:
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * len(racers)
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        told = [racer.communicate(timeout=250) for racer in racers]
        assert [racer.returncode for racer in racers] == [0] * len(racers)
    finally:
        for racer in racers:
            racer.kill()
            racer.communicate()
    return sum((Counter(json.loads(out)) for out, _ in told), Counter())


def test_many_jobs_of_equal_cost_fill_a_cap_exactly(steps, url, witness_folder, backend):
    fit = JOBS // 2
    steps.allot(WHOLE, fit * COST + COST // 2)
    steps.allot(OWN_TABLE, JOBS * COST)
    ends = race(url, witness_folder, JOBS, PROCESSES)
    assert ends == {"released": 2 * fit, "refused": 2 * (JOBS - fit)}
    assert (steps.used(), steps.used(OWN_TABLE)) == ((fit * COST, 0), (fit * COST, 0))
    assert steps.store.ledger.verify().holds
    lines = Counter(line.event.action for line in steps.store.audit())
    assert {lines[f"spend.{word}"] for word in ("reserved", "charged", "answered", "released")} == {fit}
    expect(OverBudget, steps.reserve, spend_request("one more", COST))
    report_figures(
        f"race_{backend}", {"jobs": JOBS, "attempts": 2 * JOBS, "processes": 2 * PROCESSES, "fit": fit, "over": 0}
    )


def test_an_account_that_is_opened_while_jobs_reserve_misses_none_of_them(capped):
    """Whoever waited for the unit's account sees the one that was opened meanwhile."""
    for round_ in range(size("LEDGER_OPENINGS", 4)):
        opened = PrivacyAccount(UNIT, "", f"npd.table{round_}")
        what = [spend_request(f"r{round_}-{n}", 1, table=opened.dataset) for n in range(8)]
        capped.allot(PrivacyAccount(UNIT, PROJECT, opened.dataset), 600)
        gate = threading.Barrier(len(what) + 1)
        acts = [lambda job=job: capped.reserve(job) for job in what] + [lambda to=opened: capped.allot(to, 500)]
        with ThreadPoolExecutor(len(acts)) as pool:
            list(pool.map(lambda act, gate=gate: (gate.wait(), act()), acts))
        assert capped.used(opened) == (0, len(what))
    assert capped.store.ledger.verify().holds
