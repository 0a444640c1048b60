"""The memory's values as the API's shapes, and back. No rules, and nothing is asked."""

from broker.domain.caps import Gauge
from broker.domain.remembered import StoredMembers
from broker.web import models_memory as models
from broker.web.ledger_shown import head_of
from broker.workflow.caps import Caps
from broker.workflow.restore_memory import ForgottenTables


def caps_shown(found: Caps) -> models.CapsShown:
    return models.CapsShown(
        snapshot=found.snapshot,
        snapshots=list(found.snapshots),
        fraction=found.fraction,
        least=found.least,
        populations=found.populations,
        full=found.full,
        found=found.found,
        page=found.page,
        pages=found.pages,
        unmeasured=found.unmeasured,
        caps=[_cap_shown(gauge) for gauge in found.shown],
    )


def _cap_shown(gauge: Gauge) -> models.CapShown:
    return models.CapShown(
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


def forgotten_tables_of(body: models.ForgottenTablesBody) -> ForgottenTables:
    files = tuple(StoredMembers(f.name, f.sha256) for f in body.files)
    return ForgottenTables(head_of(body.lost), files, body.case)
