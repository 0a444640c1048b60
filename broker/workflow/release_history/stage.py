"""Stage 6b: a SQL job's tables against memory, under the lease of a comparison; then outputs are what may be routed.

A SQL job's tables are made again as memory lets them leave (`sql_tables`). A script's were compared while their rows
were there (`handed`): they are not made again, so what memory says against one of them later is for people.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from broker.disclosure.records.stored_form import assessment_from_json
from broker.domain.audit import AuditEvent
from broker.domain.findings import Verdict, worst
from broker.domain.jobs import Job, Kind
from broker.domain.outputs import Output, OutputState
from broker.domain.people import SYSTEM
from broker.domain.ports import Compared, OutputRecord, WorkerPorts
from broker.domain.remembered import StoredMembers
from broker.workflow.policies import policies_assessed, policies_in_force
from broker.workflow.prepared import Prepared
from broker.workflow.relations import project_or_unknown
from broker.workflow.release_history.sql_tables import SqlTables
from broker.workflow.release_history.tables import memory_of
from broker.workflow.release_history.written import (
    NOT_MENDED,
    prepared_again,
    record_of,
)
from broker.workflow.settle import way_of


def compare_job(
    ports: WorkerPorts, job: Job, attempt: int, outputs: Sequence[Output], clean: frozenset[str] = frozenset()
) -> None:
    """Compare these outputs, which are assessed or approved, and put what comes of it in their place. Raises Failed
    where they cannot be compared. Those that are `clean` as they are, of a job with others that are not, are compared
    with these again, because all of them leave together; what does not change stays approved."""
    if job.submission.kind is Kind.SQL:
        tables = SqlTables(ports, job, attempt)
        records, changed = tables.compared(outputs), tables.changed
    else:
        outputs = [o for o in outputs if o.ident not in clean]
        records, changed = [_refused(ports, job, output) for output in outputs], True
    pairs = [(o, r) for o, r in zip(outputs, records, strict=True) if o.ident not in clean or not _is_same(ports, o, r)]
    now = ports.clock.now()
    version = max((r.output.memory_version or "0" for r in records), key=int, default="0")
    told = AuditEvent(now, SYSTEM.ident, "job.compared", job.ident, (("memory", version),))
    found = [Compared(o, _routed(ports, job, o, r, changed)) for o, r in pairs]
    events = [told, *(e for c in found for e in _events(ports, c))]
    ports.store.put_compared(job.ident, attempt, found, now, events, changed)


def _is_same(ports: WorkerPorts, before: Output, record: OutputRecord) -> bool:
    """The same bytes would leave, of the same persons, and people would read the same findings."""
    after = record.output
    if (after.release_hash, after.findings_hash) != (before.release_hash, before.findings_hash):
        return False
    files, then = memory_of(ports).files, ports.store.to_remember(before.ident)
    ours, theirs = (
        [(k.table, files.get(StoredMembers(k.file, k.digest))) for k in kept] for kept in (record.to_remember, then)
    )
    return ours == theirs


def _routed(ports: WorkerPorts, job: Job, before: Output, record: OutputRecord, changed: bool) -> OutputRecord:
    """An approved output that is another one now goes back to review, unless policy let it go without a person."""
    after = record.output
    same = (after.staff_hash, after.findings_hash) == (before.staff_hash, before.findings_hash)
    if before.state is not OutputState.APPROVED or same:
        return record
    policies = policies_in_force(ports.store)
    project = policies.project(job.submission.project)
    small = ports.store.small_jobs(job.submission.project)
    leaves = after.release_hash is not None
    counted = ports.store.history_changed_jobs(job.submission.project) + changed
    goes = (
        project is not None and way_of(after.verdict, leaves, project, policies, small, counted) is OutputState.APPROVED
    )
    return record if goes else replace(record, output=replace(after, state=OutputState.IN_REVIEW))


def _events(ports: WorkerPorts, found: Compared) -> list[AuditEvent]:
    before, after = found.before, found.record.output
    if after.state is before.state:
        return []
    codes = (("job", after.job), ("memory", after.memory_version or ""))
    return [AuditEvent(ports.clock.now(), SYSTEM.ident, f"output.{after.state.value}", after.ident, codes)]


def _refused(ports: WorkerPorts, job: Job, before: Output) -> OutputRecord:
    """A script's table whose rows are gone: it cannot be mended, so nothing of it leaves. Sent again, its script's rows
    are compared with what moved it, and mended."""
    staff = json.loads(ports.shelf.get("staff", ports.store.evidence_digest(before.ident)))
    told = (staff.get("memory") or {}) | {"version": str(ports.store.memory_version())}
    if "rows" not in staff:  # a figure that was drawn of a table
        shown = json.dumps(staff | {"memory": told | {"refused": NOT_MENDED.sentence}}).encode()
        prepared = Prepared(
            before.name, before.kind, before.media_type, shown, None, NOT_MENDED.rule, Verdict.REFUSE, False
        )
    else:
        policies = policies_assessed(ports.store, job)
        profile = policies.profile(project_or_unknown(policies, job.submission.project).profile)
        judged = assessment_from_json(staff)
        verdict = worst([judged.verdict, NOT_MENDED.verdict])
        judged = replace(judged, findings=(*judged.findings, NOT_MENDED), verdict=verdict)
        prepared = replace(prepared_again(judged, before.name, profile, told), candidate=None)
    return record_of(ports, before, prepared, told["version"], ())
