"""The ledger's values as the API's shapes, and back. No rules, and nothing is asked."""

from broker.domain.amounts import MICRO, Amount
from broker.domain.errors import Invalid
from broker.domain.ledger.amounts import Account, Cost, Loss
from broker.domain.ledger.budgets import Aside, Balance, Point
from broker.domain.ledger.chain import Head, LedgerCheck
from broker.domain.ledger.spends import Asked
from broker.web import models_ledger as models
from broker.workflow.budgets import AccountView
from broker.workflow.restore import Forgotten


def amount_shown(amount: Amount) -> models.AmountShown:
    return models.AmountShown(
        accounting=amount.accounting.value,
        micro=amount.micro,
        delta=amount.delta,
        loss=amount.micro / MICRO,
        text=str(amount),
    )


def point_shown(point: Point) -> models.PointShown:
    return models.PointShown(
        at=point.at,
        job=point.job,
        state=point.state.value,
        spent=amount_shown(point.spent),
        reserved=amount_shown(point.reserved),
    )


def account_shown(balance: Balance) -> models.AccountShown:
    return models.AccountShown(
        unit=balance.account.unit,
        project=balance.account.project,
        dataset=balance.account.dataset,
        cap=amount_shown(balance.cap),
        spent=amount_shown(balance.spent),
        reserved=amount_shown(balance.reserved),
        left=amount_shown(balance.left),
        share_left=balance.share_left,
    )


def own_account_shown(account: AccountView) -> models.OwnAccountShown:
    history = [point_shown(p) for p in account.history]
    return models.OwnAccountShown(**account_shown(account.balance).model_dump(), history=history)


def asides_shown(asides: tuple[Aside, ...]) -> list[models.AsideShown]:
    return [models.AsideShown.model_validate(a) for a in asides]


def check_shown(check: LedgerCheck) -> models.LedgerCheckShown:
    return models.LedgerCheckShown(
        holds=check.holds,
        entries=check.entries,
        broken_at=check.broken,
        forgotten=[models.HeadShown.model_validate(h) for h in check.forgotten],
        differs=list(check.differs),
    )


def account_of(given: models.AccountQuery | models.CapBody) -> Account:
    return Account(given.unit, given.project, given.dataset)


def head_of(given: models.HeadBody) -> Head:
    return Head(given.number, given.signature)


def heads_of(given: models.HeadQuery) -> tuple[Head, ...]:
    if given.number is None and given.signature is None:
        return ()
    if given.number is None or given.signature is None:
        raise Invalid("head", "A head is a number and a signature.", "/number")
    return (Head(given.number, given.signature),)


def forgotten_of(given: models.ForgottenBody) -> Forgotten:
    caps = {account_of(c): _amount(c.cap) for c in given.caps}
    if len(caps) != len(given.caps):
        raise Invalid("caps", "An account has one cap.", "/caps")
    return Forgotten(head_of(given.lost), caps, tuple(_asked(s) for s in given.spends))


def _asked(given: models.SpendBody) -> Asked:
    if len({c.unit for c in given.costs}) != len(given.costs):
        raise Invalid("costs", "A job costs each unit once.", "/spends")
    costs = tuple(Cost(c.unit, _loss(c.whole), tuple((d.dataset, _loss(d.loss)) for d in c.by_dataset))
                  for c in given.costs)  # fmt: skip
    return Asked(given.job, given.project, given.snapshot, given.question, costs)


def _loss(given: list[models.AmountBody]) -> Loss:
    amounts = tuple(_amount(a) for a in given)
    if len({a.accounting for a in amounts}) != len(amounts) or not all(a.micro or a.delta for a in amounts):
        raise Invalid("loss", "A loss has one amount above nothing for each accounting.", "/spends")
    return Loss(amounts)


def _amount(given: models.AmountBody) -> Amount:
    return Amount(given.accounting, given.micro, given.delta)
