"""Converts the workflow's values to the API's schemas and download answers, and bodies to values. Decides nothing."""

import base64
import re
from hashlib import sha256
from typing import Any

from flask import Response

from broker.domain.errors import Invalid
from broker.domain.jobs.job import Job, JobKind
from broker.domain.jobs.outputs import Output
from broker.domain.ledger.ledger_chain import ChainHead, LedgerCheck
from broker.domain.ledger.privacy_loss import MICRO, Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import Balance, BalancePoint, ExactDisclosure, SpendRequest
from broker.domain.population_caps import CapUsage
from broker.domain.projects.project import ResearchProject
from broker.domain.projects.saved_definitions import PROJECT_SCHEMA
from broker.domain.release_history import StoredMembers
from broker.web.schemas import api_schemas, ledger_schemas, release_schemas, staff_schemas
from broker.workflow.administration.backup_restore import MissingHistoryTables, MissingLedgerEntries
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline.job_release import Download
from broker.workflow.pipeline.output_records import AcroFolder
from broker.workflow.views.exact_figure_usage import CapPage
from broker.workflow.views.privacy_budgets import AccountView


def amount_shown(amount: PrivacyAmount) -> ledger_schemas.AmountShown:
    return ledger_schemas.AmountShown(
        accounting=amount.accounting.value,
        micro=amount.micro,
        delta=amount.delta,
        loss=amount.micro / MICRO,
        text=str(amount),
    )


def point_shown(point: BalancePoint) -> ledger_schemas.PointShown:
    return ledger_schemas.PointShown(
        at=point.at,
        job=point.job,
        state=point.state.value,
        spent=amount_shown(point.spent),
        reserved=amount_shown(point.reserved),
    )


def account_shown(balance: Balance) -> ledger_schemas.AccountShown:
    return ledger_schemas.AccountShown(
        unit=balance.account.unit,
        project=balance.account.project,
        dataset=balance.account.dataset,
        cap=amount_shown(balance.cap),
        spent=amount_shown(balance.spent),
        reserved=amount_shown(balance.reserved),
        left=amount_shown(balance.left),
        share_left=balance.share_left,
    )


def own_account_shown(account: AccountView) -> ledger_schemas.OwnAccountShown:
    history = [point_shown(p) for p in account.history]
    return ledger_schemas.OwnAccountShown(**account_shown(account.balance).model_dump(), history=history)


def asides_shown(asides: tuple[ExactDisclosure, ...]) -> list[ledger_schemas.AsideShown]:
    return [ledger_schemas.AsideShown.model_validate(a) for a in asides]


def ledger_check_shown(check: LedgerCheck) -> ledger_schemas.LedgerCheckShown:
    return ledger_schemas.LedgerCheckShown(
        holds=check.holds,
        entries=check.entries,
        broken_at=check.broken,
        forgotten=[ledger_schemas.HeadShown.model_validate(h) for h in check.missing_heads],
        differs=list(check.differs),
    )


def account_of(given: ledger_schemas.AccountQuery | ledger_schemas.CapBody) -> PrivacyAccount:
    return PrivacyAccount(given.unit, given.project, given.dataset)


def head_of(given: ledger_schemas.HeadBody) -> ChainHead:
    return ChainHead(given.number, given.signature)


def heads_of(given: ledger_schemas.HeadQuery) -> tuple[ChainHead, ...]:
    if given.number is None and given.signature is None:
        return ()
    if given.number is None or given.signature is None:
        raise Invalid("head", "A head has a number and a signature.", "/number")
    return (ChainHead(given.number, given.signature),)


def forgotten_of(given: ledger_schemas.ForgottenBody) -> MissingLedgerEntries:
    caps = {account_of(c): _amount_of(c.cap) for c in given.caps}
    if len(caps) != len(given.caps):
        raise Invalid("caps", "An account can have only one cap.", "/caps")
    return MissingLedgerEntries(head_of(given.lost), caps, tuple(_spend_request(s) for s in given.spends))


def _spend_request(given: ledger_schemas.SpendBody) -> SpendRequest:
    if len({c.unit for c in given.costs}) != len(given.costs):
        raise Invalid("costs", "Name each unit only once in the costs of a job.", "/spends")
    costs = tuple(Cost(c.unit, _loss_of(c.whole), tuple((d.dataset, _loss_of(d.loss)) for d in c.by_dataset))
                  for c in given.costs)  # fmt: skip
    return SpendRequest(given.job, given.project, given.snapshot, given.question, costs)


def _loss_of(given: list[ledger_schemas.AmountBody]) -> Loss:
    amounts = tuple(_amount_of(a) for a in given)
    if len({a.accounting for a in amounts}) != len(amounts) or not all(a.micro or a.delta for a in amounts):
        raise Invalid("loss", "A loss needs one amount above zero for each accounting.", "/spends")
    return Loss(amounts)


def _amount_of(given: ledger_schemas.AmountBody) -> PrivacyAmount:
    return PrivacyAmount(given.accounting, given.micro, given.delta)


def caps_shown(found: CapPage) -> release_schemas.CapsShown:
    return release_schemas.CapsShown(
        snapshot=found.snapshot,
        snapshots=list(found.snapshots),
        fraction=found.fraction,
        least=found.least,
        populations=found.populations,
        full=found.full,
        found=found.matching,
        page=found.page,
        pages=found.pages,
        unmeasured=found.unmeasured,
        caps=[_cap_shown(gauge) for gauge in found.shown],
    )


def _cap_shown(gauge: CapUsage) -> release_schemas.CapShown:
    return release_schemas.CapShown(
        name=gauge.of.name,
        table=gauge.of.table,
        year=gauge.of.year,
        keys=gauge.keys,
        persons=gauge.persons,
        used=gauge.used,
        cap=gauge.cap,
        share=gauge.share,
        full=gauge.is_full,
    )


def forgotten_tables_of(body: release_schemas.ForgottenTablesBody) -> MissingHistoryTables:
    files = tuple(StoredMembers(f.name, f.sha256) for f in body.files)
    return MissingHistoryTables(head_of(body.lost), files, body.case)


ENDINGS = {
    "text/csv": ".csv",
    "application/json": ".json",
    "text/plain": ".txt",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/svg+xml": ".svg",
    "application/vnd.apache.parquet": ".parquet",
}


def check_shown(checked: CheckedSubmission, forecast: dict[str, Any] | None = None) -> api_schemas.CheckShown:
    return api_schemas.CheckShown(
        verdict="accepted" if checked.accepted else "refused",
        review=list(checked.review),
        advice=list(checked.advice),
        refusals=[api_schemas.RefusalShown.model_validate(r) for r in checked.refusals],
        uses=[api_schemas.UseShown.model_validate(u) for u in checked.uses],
        outputs=_planned_outputs(checked),
        kept=[f"{PROJECT_SCHEMA}.{k.name}" for k in checked.saved_definitions],
        private=forecast,
    )


def _planned_outputs(checked: CheckedSubmission) -> list[api_schemas.PlannedShown]:
    if checked.kind is JobKind.PYTHON:
        return [api_schemas.PlannedShown(name=name, unit=None, columns=[]) for name, _ in checked.declared]
    return [api_schemas.PlannedShown.model_validate(o) for o in checked.plan.outputs] if checked.plan else []


def project_shown(project: ResearchProject) -> api_schemas.ProjectShown:
    fields: dict[str, Any] = {name: getattr(project, name) for name in api_schemas.ProjectShown.model_fields}
    plain = {"expires": project.expires.isoformat(), "mode": project.mode.value}
    return api_schemas.ProjectShown.model_validate(fields | plain)


def inbox_item_shown(output: Output, job: Job) -> staff_schemas.InboxItem:
    return staff_schemas.InboxItem(
        output=output.ident,
        name=output.name,
        kind=output.kind.value,
        job=job.ident,
        project=job.submission.project,
        title=job.submission.title,
        created=output.created,
        claimed_by=output.claimed_by,
    )


def acro_shown(folder: AcroFolder) -> staff_schemas.AcroShown:
    files = [
        staff_schemas.AcroFileShown(
            name=name,
            content_base64=None if content is None else base64.b64encode(content).decode(),
            sha256=None if content is None else sha256(content).hexdigest(),
        )
        for name, content in folder.files
    ]
    return staff_schemas.AcroShown(results=folder.results, files=files)


def content_response(download: Download) -> Response:
    """Return a download, always as an attachment under a plain name: a released file is never shown inside the
    broker's own pages."""
    # Only media types from the list, so that a browser never runs a file.
    media_type = download.media_type if download.media_type in ENDINGS else "application/octet-stream"
    response = Response(download.content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name(download.name, media_type)}"'
    return response


def file_name(name: str, media_type: str) -> str:
    # No character that could end the header or name a path.
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[:100] or "output"
    ending = ENDINGS.get(media_type, "")
    return plain if plain.lower().endswith(ending) else plain + ending
