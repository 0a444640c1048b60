"""Schemas for privacy budgets and the ledger, and for restoring it. No behaviour."""

from typing import Annotated

from pydantic import Field

from broker.domain.ledger.privacy_loss import MAX_UNITS, Accounting, PrivacyAmount
from broker.domain.ledger.spends import Balance, BalancePoint, ExactDisclosure
from broker.domain.signed_log import ChainCheck, ChainHead
from broker.web.schemas.api_schemas import Ident, RequestModel, ResponseModel, Text, fields_of
from broker.workflow.views.privacy_budgets import AccountView, BudgetView, LedgerView

Whole = Annotated[int, Field(ge=0, le=MAX_UNITS)]
Name = Annotated[Text, Field(max_length=200)]


class AccountQuery(RequestModel):
    """An account: a unit's own, or one of its allotments."""

    unit: Ident
    project: Name = ""
    dataset: Name = ""


class HeadBody(RequestModel):
    """A signed head of the ledger, as it was exported."""

    number: Whole
    signature: Annotated[Text, Field(pattern=r"^[0-9a-f]{64}$")]


class HeadQuery(RequestModel):
    """An exported head to find: both values, or neither."""

    number: Whole | None = None
    signature: Annotated[Text, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class AmountBody(RequestModel):
    """Millionths of epsilon (zcdp: of rho), and delta in units of 1e-15."""

    accounting: Accounting
    micro: Whole
    delta: Whole = 0


class CapBody(AccountQuery):
    cap: AmountBody


class DatasetLossBody(RequestModel):
    dataset: Ident
    loss: Annotated[list[AmountBody], Field(min_length=1, max_length=3)]


class CostBody(RequestModel):
    unit: Ident
    whole: Annotated[list[AmountBody], Field(min_length=1, max_length=3)]
    by_dataset: Annotated[list[DatasetLossBody], Field(max_length=100)] = []


class SpendBody(RequestModel):
    """A job that had reserved a spend. It counts as spent, whether its answer left or not."""

    job: Ident
    project: Ident
    snapshot: Ident
    question: Ident
    costs: Annotated[list[CostBody], Field(min_length=1, max_length=10)]


class ForgottenBody(RequestModel):
    """What a restored ledger lacks. Two administrators have to send exactly the same."""

    lost: HeadBody
    caps: Annotated[list[CapBody], Field(max_length=1000)] = []
    spends: Annotated[list[SpendBody], Field(max_length=10000)] = []


@fields_of(PrivacyAmount, "accounting, micro, delta, loss, text")
class AmountShown(ResponseModel):
    """`loss` is epsilon (zcdp: rho) as a decimal. `micro` and `delta` are the whole numbers that the ledger counts."""


@fields_of(BalancePoint)
class PointShown(ResponseModel):
    """An account just after one of its spends moved."""


@fields_of(Balance, "account.unit, account.project, account.dataset, cap, spent, reserved, left, share_left")
class AccountShown(ResponseModel):
    """`share_left`: what is left, as a share of the cap, from 0 to 1."""


@fields_of(AccountView, "history")
class OwnAccountShown(AccountShown): ...


@fields_of(ExactDisclosure)
class AsideShown(ResponseModel):
    """An exact disclosure alongside the privacy claim: a release by its id, or a public table by its name."""


@fields_of(BudgetView, "project, accounts, parallel_releases as beside")
class BudgetShown(ResponseModel): ...


@fields_of(LedgerView, "accounts, over, parallel_releases as beside")
class LedgerShown(ResponseModel):
    """Every account. `over` names allotments that exceed their unit's cap."""


class HistoryShown(ResponseModel):
    history: list[PointShown]


@fields_of(ChainHead)
class HeadShown(ResponseModel):
    """A signed head of the ledger or of the release history."""


@fields_of(ChainCheck, "holds, entries, broken as broken_at, missing_heads as forgotten, differs")
class LedgerCheckShown(ResponseModel):
    """`broken_at`: the first entry that does not follow from the one before. `forgotten`: signed heads that the ledger
    lacks. `differs`: accounts and jobs whose tables differ from the entries."""

    differs: list[str]
