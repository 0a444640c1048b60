"""One attempt at a private job: the answer that is there, or a charge, bounded statements, noise, and the answer stored
before anything else sees it. Nothing here looks at an exact figure, and no failure after the charge gives it back."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.audit import AuditEvent
from broker.domain.errors import Breach, Conflict, Refused
from broker.domain.jobs import FailureCode, Job
from broker.domain.ledger.spends import Answer, Spend
from broker.domain.people import SYSTEM
from broker.domain.ports import Lease, Limits, Rows, SandboxEnd, SandboxRequest, SandboxResult, Vault
from broker.policy.models import Policies
from broker.policy.service import Service
from broker.workflow.check import Checked
from broker.workflow.failing import Failed
from broker.workflow.private.answers import NoisyAnswer, answered, to_bytes
from broker.workflow.private.asking import PrivateJob, ask
from broker.workflow.private.by_blocks import running
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.costs import asked_of, maximum_of
from broker.workflow.private.ports import PrivatePorts, RunPorts, Where
from broker.workflow.private.texts import PrivateText
from broker.workflow.relations import project_or_unknown


@dataclass(frozen=True, slots=True)
class Asked:
    """What an attempt answers: the job as it was checked again, on the vault's public registers."""

    lease: Lease
    private: PrivateText
    vault: Vault
    limits: Limits
    service: Service


@dataclass(frozen=True, slots=True)
class Answered:
    """`content`: the noisy answer as it is kept. `image` and `runtime` of the sandbox that ran; None where the
    answer was there."""

    content: bytes
    image: str | None = None
    runtime: str | None = None


def spend_of(ports: RunPorts, job: Job, checked: Checked) -> Spend:
    """The job's spend, or the released one whose answer it may have; as at submission, so that asking again changes
    nothing. What costs something else today than it did then does not run."""
    assert checked.private is not None
    asked = asked_of(job.ident, job.submission.project, job.snapshot or "", checked.plan_hash, checked.private)
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "spend.reserved", job.ident)
    try:
        return ports.store.reserve(asked, maximum_of(checked.private), now, [event])
    except Refused:
        raise Failed(FailureCode.POLICY_CHANGED) from None
    except Conflict as conflict:
        if conflict.code != "spend-differs":
            raise
        raise Failed(FailureCode.POLICY_CHANGED) from None


def on_vault(ports: RunPorts, lease: Lease, policies: Policies, checked: Checked, vault: Vault) -> PrivateText:
    """The same job with the lists of the public registers: how much noise is drawn must not have changed by them. A
    script has none."""
    assert checked.private is not None
    if isinstance(checked.private, PrivateScript):
        return checked.private
    project = project_or_unknown(policies, lease.job.submission.project)
    try:
        found = ask(checked.private.plan, checked.private.lines, project, policies, ports.vaults.registers(vault))
    except Refused:
        raise Failed(FailureCode.POLICY_CHANGED) from None
    if found.made.bundle != checked.private.made.bundle:
        raise Failed(FailureCode.POLICY_CHANGED)
    return found


def answer(ports: RunPorts, asked: Asked, spend: Spend) -> Answered:
    """Unavailable: nothing that anybody has seen was drawn, and a later attempt has the same charge."""
    job = asked.lease.job
    if spend.answer is not None:
        return Answered(_kept(ports, spend.answer))
    if ports.private is None:
        raise Breach("This worker has no noise process.")
    request = _prepared(ports.private, asked, asked.private) if isinstance(asked.private, PrivateJob) else None
    if spend.asked.job == job.ident:
        spend = _charge(ports, job)
    if spend.answer is not None:
        return Answered(_kept(ports, spend.answer))
    if isinstance(asked.private, PrivateScript):
        content, result = _by_blocks(ports, ports.private, asked, asked.private)
    else:
        assert request is not None
        content, result = _by_query(ports, ports.private, request, asked.private)
    stored = _store(ports, job, content)
    return Answered(_kept(ports, stored), result.image, result.runtime)


def _prepared(private: PrivatePorts, asked: Asked, job: PrivateJob) -> SandboxRequest:
    """Before anything is charged: what no engine can run is not paid for."""
    lease = asked.lease
    try:
        return private.engine.prepare(job.plan, job.measured, asked.vault, lease.job.ident, lease.attempt, asked.limits)
    except Breach:
        raise Failed(FailureCode.ENGINE_ERROR) from None


def _by_query(
    ports: RunPorts, private: PrivatePorts, request: SandboxRequest, job: PrivateJob
) -> tuple[bytes, SandboxResult]:
    result = ports.sandbox.run(request)
    if result.end is not SandboxEnd.ENDED:
        # How it ended depends on data, and is not paid for: every end is the same word.
        raise Failed(FailureCode.ENGINE_ERROR)
    return to_bytes(job.made, _drawn(private, job, result.frames)), result


def _by_blocks(
    ports: RunPorts, private: PrivatePorts, asked: Asked, script: PrivateScript
) -> tuple[bytes, SandboxResult]:
    where = Where(asked.vault, asked.lease.job.ident, asked.lease.attempt, asked.limits)
    try:
        with ports.sandbox.holding(where.job, where.attempt, Rows.REAL):
            rows = running.rows_of(script, private, ports.sandbox, where, asked.service)
            answers, result = running.answered_by_blocks(script, rows, ports.sandbox, where, asked.service)
        drawn = running.noisy(script.made, answers, private.noise)
    except Breach:
        raise Failed(FailureCode.ENGINE_ERROR) from None
    return running.to_bytes(script.made, drawn), result


def _charge(ports: RunPorts, job: Job) -> Spend:
    now = ports.clock.now()
    return ports.store.charge(job.ident, now, [AuditEvent(now, SYSTEM.ident, "spend.charged", job.ident)])


def _drawn(private: PrivatePorts, asked: PrivateJob, frames: Sequence[tuple[str, bytes]]) -> NoisyAnswer:
    try:
        exact = private.engine.read(asked.plan, asked.measured, asked.made, frames)
    except Breach:
        raise Failed(FailureCode.ENGINE_ERROR) from None
    return answered(asked.made, private.noise.draw(asked.made.bundle, exact.vectors), exact)


def _store(ports: RunPorts, job: Job, content: bytes) -> Answer:
    """The first answer stays, also where two attempts have drawn: nobody has seen the other."""
    now = ports.clock.now()
    kept = Answer(ports.shelf.keyed_hash(content), ports.shelf.put("staff", content))
    event = AuditEvent(now, SYSTEM.ident, "spend.answered", job.ident, (("answer", kept.keyed_hash),))
    return ports.store.store_answer(job.ident, kept, now, [event])


def _kept(ports: RunPorts, kept: Answer) -> bytes:
    content = ports.shelf.get("staff", kept.place)
    if ports.shelf.keyed_hash(content) != kept.keyed_hash:
        raise Breach("The stored answer is not the one that the ledger names.")
    return content
