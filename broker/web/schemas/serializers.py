"""Converts bodies of requests to values, and values to answers and downloads. Decides nothing."""

import re

from flask import Response

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Cost, Loss, PrivacyAccount, PrivacyAmount
from broker.domain.ledger.spends import MissingLedgerEntries, SpendRequest
from broker.domain.release_history import StoredMembers
from broker.domain.signed_log import ChainHead
from broker.web.schemas import ledger_schemas, release_schemas
from broker.workflow.administration.backup_restore import MissingHistoryTables
from broker.workflow.pipeline.job_release import Download


def account_of(given: ledger_schemas.AccountQuery) -> PrivacyAccount:
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
    return MissingLedgerEntries(caps, tuple(_spend_request(s) for s in given.spends))


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


def content_response(download: Download) -> Response:
    """Return a download, always as an attachment under a plain name: a released file is never shown inside the
    broker's own pages."""
    # Only media types from the list, so that a browser never runs a file.
    media_type = download.media_type if download.media_type in ENDINGS else "application/octet-stream"
    return attachment(Response(download.content, mimetype=media_type), file_name(download.name, media_type))


def attachment(response: Response, name: str) -> Response:
    """Let browsers save the answer as a file of this name, which has plain characters only."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def file_name(name: str, media_type: str) -> str:
    # No character that could end the header or name a path.
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[:100] or "output"
    ending = ENDINGS.get(media_type, "")
    return plain if plain.lower().endswith(ending) else plain + ending
