"""Random steps with crashes, beside a reference model: the same answers, the same totals, never over (invariant 5)."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from unittest import mock

import pytest
from ledger_kit import Steps, eps, opened, spend_request
from ledger_model import Model

from broker.domain.errors import Conflict, Unknown
from broker.domain.ledger.budget_refusals import OverBudget
from broker.domain.ledger.privacy_loss import PrivacyAccount
from broker.domain.ledger.spends import SpendState
from broker.storage.signed_log_store import SqlSignedLog
from tests.proof_size import report_figures, seed, size

SEQUENCES = size("LEDGER_SEQUENCES", 15)
SETTLED = {"refund": SpendState.REFUNDED, "release": SpendState.RELEASED, "withhold": SpendState.WITHHELD}
WAY = ("reserve", "charge", "answer")
CRASHES = ("inside", "unsigned")
"""The process dies in the step: with all written and nothing committed, or committed with the head not signed."""

pytestmark = pytest.mark.long


def drawn_steps(draw: random.Random) -> Iterator[tuple[str, ...]]:
    """Jobs on their way, or a part of it, and single steps between them; six jobs of two projects and two questions."""
    for _ in range(draw.randint(8, 16)):
        job, project = draw.randrange(6), draw.randrange(2)
        asks = ("reserve", job, project, draw.choice((10, 10, 25)), draw.choice((0, 0, 1)))
        kind = draw.randrange(5)
        if kind == 0:
            yield ("allot", project, draw.choice((0, 30, 60, 90)))
        elif kind == 1:
            yield draw.choice((asks, *((verb, job) for verb in (*WAY[1:], *SETTLED))))
        else:
            yield from (asks if verb == "reserve" else (verb, job) for verb in WAY[: draw.choice((1, 2, 3, 3, 3))])
            yield (draw.choice(("release", *SETTLED)), job)


class Dies(BaseException):
    """What no code of the broker catches."""


def walk(url, folder, name, draw):
    cap = draw.choice((60, 100))
    ledger, model = Ledger(url, folder, name, cap), Model(cap, {0: 60, 1: 90})
    for step in drawn_steps(draw):
        crash = draw.choice(CRASHES) if draw.random() < 0.1 else None
        before = deepcopy(model)
        expected, found = model.do(*step), ledger.do(step, crash)
        if found == "dead":
            model = before if crash == "inside" else model
            ledger.reopen()
        else:
            assert found == expected, (name, step, crash)
        ledger.check(model)
        yield found
    ledger.steps.store.close()


def test_random_steps_and_crashes_equal_the_model(url, witness_folder, backend):
    seen: Counter[str] = Counter()
    for number in range(SEQUENCES):
        seen.update(walk(url, witness_folder, f"e{number}", random.Random(seed() + number)))
    assert seen.keys() == {"done", "dead", "free", "refused", "conflict", "unknown"}
    store = opened(url, witness_folder)
    assert store.ledger.verify().holds
    assert store.verify_audit().broken is None
    store.close()
    report_figures(f"sequences_{backend}", {"sequences": SEQUENCES, "steps": seen.total(), "answers": seen})


class Ledger:
    """The real one, in the model's words; its units, projects and jobs bear the example's name."""

    def __init__(self, url, folder, name, cap):
        self.url, self.folder, self.name = url, folder, name
        self.reopen()
        self.steps.allot(PrivacyAccount(name), cap)
        for project, allotted in ((0, 60), (1, 90)):
            self.steps.allot(PrivacyAccount(name, self.project(project)), allotted)

    def reopen(self):
        if hasattr(self, "steps"):
            self.steps.store.close()
        self.steps = Steps(opened(self.url, self.folder))

    def project(self, number):
        return f"{self.name}-p{number}"

    def do(self, step, crash):
        verb, number, *more = step
        try:
            with dying(crash):
                found = self._act(verb, number, more)
        except Dies:
            return "dead"
        except OverBudget:
            return "refused"
        except Conflict:
            return "conflict"
        except Unknown:
            return "unknown"
        return "free" if verb == "reserve" and found.request.job != f"{self.name}-j{number}" else "done"

    def _act(self, verb, number, more):
        job = f"{self.name}-j{number}"
        if verb == "reserve":
            project, cost, question = more
            what = spend_request(job, cost, project=self.project(project), question=f"q{question}", unit=self.name)
            return self.steps.reserve(what)
        if verb == "allot":
            return self.steps.allot(PrivacyAccount(self.name, self.project(number)), *more)
        if verb in SETTLED:
            return self.steps.settle(job, SETTLED[verb])
        return getattr(self.steps, verb)(job)

    def check(self, model):
        spent, reserved = {"charged", "released", "withheld"}, {"reserved"}
        for balance in self.steps.store.balances(unit=self.name):
            project = int(balance.account.project[-1]) if balance.account.project else None
            assert balance.used.within(balance.cap)
            assert balance.spent == eps(model.used(spent, project))
            assert balance.reserved == eps(model.used(reserved, project))
        for number, job in model.jobs.items():
            found = self.steps.store.spend_of(f"{self.name}-j{number}")
            assert (found.state.value, found.answer is not None) == (job.state, job.answered)


def dying(crash):
    """A context in which a change dies at this point."""
    if crash is None:
        return mock.patch.object(SqlSignedLog, "nothing", None, create=True)
    if crash == "unsigned":
        return mock.patch.object(SqlSignedLog, "sign", _dies)
    return mock.patch("broker.storage.database.Database.write", _dying_write)


def _dies(_self):
    raise Dies


def _dying_write(self):
    """The transaction is rolled back at its very end, as by a server that lost its client."""

    @contextmanager
    def write():
        with self._writing.begin() as connection:
            yield connection
            raise Dies

    return write()
