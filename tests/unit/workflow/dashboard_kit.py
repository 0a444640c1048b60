"""What tests of private jobs send, how their budgets are opened, and how a process dies on the way of one."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from broker.domain.identity.audit import AuditEvent
from broker.domain.jobs.job import JobState, OutputState
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import SpendState
from broker.domain.ports import SandboxEnd
from broker.workflow.pipeline import job_release, output_records
from broker.workflow.views import job_views

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


def only_output(broker: Any, job: str) -> Any:
    (output,) = broker.store.outputs_of(job)
    return output


def table_of(broker: Any, job: str) -> list[dict[str, str]]:
    """The rows of its table, as its researcher collects them."""
    content = broker.by(DORA, job_release.download, only_output(broker, job).ident).content
    return list(csv.DictReader(io.StringIO(content.decode())))


def record_of(broker: Any, job: str) -> Any:
    return json.loads(broker.by(DORA, output_records.record_of_release, only_output(broker, job).ident))


def shown(broker: Any, job: str) -> str:
    """The word that its researcher reads."""
    return str(broker.by(DORA, job_views.view_job, job).state)


def spend_events(broker: Any, job: str) -> list[str]:
    return [e.removeprefix("spend.") for e in broker.events(job) if e.startswith("spend")]


ONCE = ["reserved", "charged", "answered", "released"]
"""What happens to the spend of a job that goes the whole way."""


def each_question_is_paid_once(broker: Any, text: str, other: str, costs: int) -> None:
    """The `text` again has its answer at no cost; the `other` one is another question."""
    first, second = ran(broker, text), ran(broker, text)
    assert spent(broker) == (500_000, 0)
    assert broker.store.spend_of(second) is None
    assert len({only_output(broker, job).release_hash for job in (first, second)}) == 1
    assert only_output(broker, second).state is OutputState.RELEASED
    ran(broker, other)
    assert spent(broker) == (500_000 + costs, 0)


def one_word_and_the_charge_remains(broker: Any, text: str, end: SandboxEnd) -> None:
    """Whatever it was that a private job failed with."""
    broker.sandbox.end = end
    job = ran(broker, text)
    found = broker.store.job(job)
    assert (found.state, found.failure.value) == (JobState.FAILED, "engine_error")
    assert shown(broker, job) == "failed"
    assert spent(broker) == (500_000, 0)
    assert broker.store.spend_of(job).state is SpendState.WITHHELD


FAILURES = [e for e in SandboxEnd if e is not SandboxEnd.ENDED]


class Killed(BaseException):
    """kill -9: nothing in the broker catches it."""


CALLS: dict[str, Callable[[Any], tuple[object, str]]] = {
    "engine": lambda ports: (ports.private.engine, "read"),
    "cut": lambda ports: (ports.private.blocks, "read_cut"),
    "noise": lambda ports: (ports.private.noise, "draw"),
    "shelf": lambda ports: (type(ports.content_store), "put"),
    "answered": lambda ports: (type(ports.store), "advance"),
}
"""At which a process dies that has charged a job: what has the call, and its name."""


def killed_and_run_again(broker: Any, text: str, at: str) -> None:
    """What a process left that died there is taken up: noise is drawn where no answer is kept, and nothing is charged
    again."""
    job, (owner, name) = send(broker, text), CALLS[at](broker.ports)
    with mock.patch.object(owner, name, side_effect=Killed), pytest.raises(Killed):
        broker.run(job)
    spend, noise = broker.store.spend_of(job), broker.ports.private.noise
    assert spend.state is SpendState.CHARGED
    assert (spend.answer is not None) == (at == "answered")
    broker.reconcile()
    broker.clock.at += broker.ports.lease
    draws = noise.draws
    assert broker.run(job)
    assert noise.draws == draws + (spend.answer is None), "an answer that is there is the answer"
    broker.reconcile()
    assert spent(broker) == (500_000, 0)
    assert only_output(broker, job).state is OutputState.RELEASED


def everything_stored(broker: Any, folder: Any) -> str:
    """All that is not the store's own key: shelves, audit lines and ledger, as text."""
    parts = [
        p.read_bytes().decode("utf-8", "replace") for p in folder.rglob("*") if p.is_file() and "outputs" in str(p)
    ]
    parts += [json.dumps([x.event.action, x.event.subject, x.event.codes]) for x in broker.store.audit()]
    return "\n".join(parts)
