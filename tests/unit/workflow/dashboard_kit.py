"""What tests of private jobs send, how their budgets are opened, and how a process dies on the way of one."""

import json
from typing import Any

import pytest

from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import OutputState
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import SpendState

DASHBOARD, DORA = "P0733", "demo-dashboard"
COUNT = """-- private: epsilon 0.5
-- output: absence
SELECT NCyearActual, COUNT(*) AS n FROM npd.absence WHERE AcademicYear = '2022/2023' GROUP BY NCyearActual
"""
WHOLE, OWN = PrivacyAccount("pupil"), PrivacyAccount("pupil", DASHBOARD, "npd.absence")


def amount(micro: int, delta: int = 10**7) -> PrivacyAmount:
    return PrivacyAmount(Accounting.APPROXIMATE, micro, delta)


def allot(broker: Any, account: PrivacyAccount, cap: PrivacyAmount) -> None:
    now = broker.ports.clock.now()
    broker.store.allot(account, cap, now, [AuditEvent(now, "demo-admin-1", "budget.allotted", account.name)])


def open_budgets(broker: Any, own: int = 4_000_000) -> None:
    known = {b.account for b in broker.store.balances()}
    if WHOLE not in known:
        allot(broker, WHOLE, amount(8_000_000))
    allot(broker, OWN, amount(own, 10**6))


def spent(broker: Any, account: PrivacyAccount = WHOLE) -> tuple[int, int]:
    """Spent and reserved millionths."""
    (found,) = [b for b in broker.store.balances() if b.account == account]
    return found.spent.micro, found.reserved.micro


def send(broker: Any, text: str = COUNT, **more: Any) -> str:
    return broker.send(text, by=DORA, project=DASHBOARD, **more)


def after_slot(broker: Any, job: str) -> None:
    """When the coarse slot of time is over in which a private job looks as if it ran."""
    broker.clock.at = broker.clock.at.replace(microsecond=0) + 2 * broker.ports.lease
    broker.end(job)


def ran(broker: Any, text: str = COUNT, **more: Any) -> str:
    job = send(broker, text, **more)
    assert broker.run(job)
    after_slot(broker, job)
    return job


class Killed(BaseException):
    """kill -9: nothing in the broker catches it."""


def killed_at(broker: Any, job: str, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """Run the job in a process that dies as it calls `owner.name`; it was charged before that."""

    def dies(*_args: object, **_more: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dies)
        with pytest.raises(Killed):
            broker.run(job)
    assert broker.store.spend_of(job).state is SpendState.CHARGED


def ends_right_after(broker: Any, job: str, drawn: bool) -> None:
    """What a process that died left is taken up: noise is `drawn` where no answer is kept, nothing is charged again."""
    broker.reconcile()
    broker.clock.at += broker.ports.lease
    draws = broker.ports.private.noise.draws
    assert broker.run(job)
    assert broker.ports.private.noise.draws == draws + drawn, "an answer that is there is the answer"
    broker.reconcile()
    assert spent(broker) == (500_000, 0)
    assert broker.store.outputs_of(job)[0].state is OutputState.RELEASED


def everything_stored(broker: Any, folder: Any) -> str:
    """All that is not the store's own key: shelves, audit lines and ledger, as text."""
    parts = [
        p.read_bytes().decode("utf-8", "replace") for p in folder.rglob("*") if p.is_file() and "outputs" in str(p)
    ]
    parts += [json.dumps([x.event.action, x.event.subject, x.event.codes]) for x in broker.store.audit()]
    return "\n".join(parts)
