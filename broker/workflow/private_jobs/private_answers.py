"""One attempt at a private job: charge, bounded statements, noise. The answer is stored before anybody sees it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from broker.domain.errors import Breach, Conflict, Refused
from broker.domain.identity.audit import AuditEvent
from broker.domain.identity.people import SYSTEM
from broker.domain.jobs.job import FailureCode
from broker.domain.ledger.spends import Spend, StoredAnswer
from broker.domain.plans.scalars import values_from_json, values_to_json
from broker.domain.ports import DataKind, SandboxRequest, SandboxResult, Vault, WorkerPorts
from broker.privacy.measurement_design import MeasurementDesign
from broker.privacy.noise.noise_client import MechanismAnswer
from broker.privacy.noise.noise_protocol import bundle_to_text
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.pipeline.job_attempt import JobAttempt
from broker.workflow.private_jobs import private_blocks, private_request
from broker.workflow.private_jobs.private_ports import ExactAnswers, KeyValues
from broker.workflow.run_context import Failed, RunContext


@dataclass(frozen=True, slots=True)
class NoisyAnswer:
    """`observed`: the keys that left, in order, by table and grouping set; None if the list of keys is public."""

    drawn: tuple[MechanismAnswer, ...]
    observed: tuple[tuple[tuple[KeyValues, ...] | None, ...], ...]
    public: tuple[tuple[tuple[KeyValues, ...], ...], ...]


def noisy_answer(design: MeasurementDesign, drawn: Sequence[MechanismAnswer], exact: ExactAnswers) -> NoisyAnswer:
    """Return the part of an answer that may be stored. Keys are numbered anew, counting only those that left."""
    left = {(p.table, p.set): tuple(d.keys or ()) for p, d in zip(design.parts, drawn, strict=True) if p.block is None}
    # The original numbers would reveal how many keys lie between those that left.
    renumbered = tuple(
        MechanismAnswer(tuple(d.values), None if d.keys is None else tuple(range(len(d.keys)))) for d in drawn
    )
    observed = tuple(
        tuple(None if keys is None else tuple(tuple(keys[k]) for k in left[t, s]) for s, keys in enumerate(sets))
        for t, sets in enumerate(exact.observed)
    )
    public = tuple(tuple(tuple(tuple(row) for row in rows) for rows in relations) for relations in exact.public)
    return NoisyAnswer(renumbered, observed, public)


def answer_to_bytes(design: MeasurementDesign, answer: NoisyAnswer) -> bytes:
    document = {
        "design": bundle_to_text(design.bundle),
        "drawn": [[list(d.values), None if d.keys is None else len(d.keys)] for d in answer.drawn],
        "observed": [
            [None if keys is None else [values_to_json(k) for k in keys] for keys in sets] for sets in answer.observed
        ],
        "public": [[[values_to_json(r) for r in rows] for rows in relations] for relations in answer.public],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def answer_from_bytes(design: MeasurementDesign, content: bytes) -> NoisyAnswer:
    """Read a stored answer. Raises Breach if it belongs to another design."""
    document: dict[str, Any] = json.loads(content)
    if document["design"] != bundle_to_text(design.bundle):
        raise Breach("The stored answer belongs to another design.")
    return NoisyAnswer(
        tuple(
            MechanismAnswer(tuple(values), None if n is None else tuple(range(n))) for values, n in document["drawn"]
        ),
        tuple(
            tuple(None if ks is None else tuple(map(values_from_json, ks)) for ks in sets)
            for sets in document["observed"]
        ),
        tuple(tuple(tuple(map(values_from_json, rows)) for rows in relations) for relations in document["public"]),
    )


@dataclass(frozen=True, slots=True)
class ReceivedAnswer:
    """`content`: the noisy answer as it is stored. `image` and `runtime` of the sandbox that ran; None if the answer
    was stored already."""

    content: bytes
    image: str | None = None
    runtime: str | None = None


def spend_of_job(attempt: JobAttempt) -> Spend:
    """Return the job's spend, or an earlier spend whose answer the job may have. Reserving the same again changes
    nothing.

    Raises Failed if the job would cost something else today than when it was submitted.
    """
    ports, job, private = attempt.ports, attempt.job, attempt.checked.private
    assert private is not None
    request = private_request.spend_request(
        job.ident, job.submission.project, job.snapshot or "", attempt.checked.plan_hash, private
    )
    now = ports.clock.now()
    event = AuditEvent(now, SYSTEM.ident, "spend.reserved", job.ident)
    try:
        return ports.store.reserve(request, private_request.release_maximum(private), now, [event])
    except (Refused, Conflict) as fault:
        if isinstance(fault, Conflict) and fault.code != "spend-differs":
            raise
        raise Failed(FailureCode.POLICY_CHANGED) from None


def recheck_on_vault(attempt: JobAttempt, vault: Vault) -> CheckedSubmission:
    """Plan the same query with the values of the vault's public registers. A script has no registers and is returned
    as it is.

    Raises Failed if that would change the noise.
    """
    known, project, policies = attempt.checked.private, attempt.project, attempt.policies
    if not isinstance(known, private_request.PrivateQuery):
        return attempt.checked
    try:
        registers = attempt.ports.vaults.registers(vault)
        found = private_request.plan_private_query(known.plan, known.lines, project, policies, registers)
    except Refused:
        raise Failed(FailureCode.POLICY_CHANGED) from None
    # The charge was fixed for this noise.
    if found.design.bundle != known.design.bundle:
        raise Failed(FailureCode.POLICY_CHANGED)
    return replace(attempt.checked, private=found)


def answer(context: RunContext) -> ReceivedAnswer:
    """Return the job's noisy answer, charging and computing it if it is not stored yet.

    Raises Unavailable if the noise process does not answer. Then nobody has seen anything that was drawn, and a later
    attempt uses the same charge.
    """
    spend, private, ports = context.spend, context.checked.private, context.worker_ports
    assert spend is not None
    if spend.answer is not None:
        return ReceivedAnswer(_stored_content(ports, spend.answer))
    if context.ports.private is None:
        raise Breach("This worker has no noise process.")
    # Prepared before the charge, so that a query that no engine can run costs nothing. The answer of another job's
    # spend was charged there.
    request = _prepare_request(context, private) if isinstance(private, private_request.PrivateQuery) else None
    if spend.request.job == context.subject:
        spend = _charge(ports, context.subject)
    # An earlier attempt stored its answer but died before it finished.
    if spend.answer is not None:
        return ReceivedAnswer(_stored_content(ports, spend.answer))
    if isinstance(private, private_request.PrivateScript):
        content, result = _answer_blocks(context, private)
    else:
        assert request is not None
        assert private is not None
        content, result = _answer_query(context, request, private)
    stored = _store(ports, context.subject, content)
    # Read back what the store has: it may be the answer of another attempt.
    return ReceivedAnswer(_stored_content(ports, stored), result.image, result.runtime)


def _prepare_request(context: RunContext, query: private_request.PrivateQuery) -> SandboxRequest:
    """Prepare the statements before anything is charged. Raises Failed if no engine can run them."""
    try:
        return context.private_ports.engine.prepare(
            query.plan, query.measured, context.vault, context.subject, context.attempt, context.limits
        )
    except Breach:
        raise Failed(FailureCode.ENGINE_ERROR) from None


def _answer_query(
    context: RunContext, request: SandboxRequest, query: private_request.PrivateQuery
) -> tuple[bytes, SandboxResult]:
    # How it ends depends on the data and is not covered by the charge.
    result = private_blocks.run_undisclosed(context, request)
    try:
        exact = context.private_ports.engine.read(query.plan, query.measured, query.design, result.frames)
    except Breach:
        raise Failed(FailureCode.ENGINE_ERROR) from None
    drawn = context.private_ports.noise.draw(query.design.bundle, exact.vectors)
    return answer_to_bytes(query.design, noisy_answer(query.design, drawn, exact)), result


def _answer_blocks(context: RunContext, script: private_request.PrivateScript) -> tuple[bytes, SandboxResult]:
    try:
        # While it holds real rows, no script on this machine runs on synthetic ones, which its author could read.
        with context.worker_ports.sandbox.holding(context.subject, context.attempt, DataKind.REAL):
            rows = private_blocks.cut_rows(context, script)
            answers, result = private_blocks.run_blocks(context, script, rows)
        drawn = private_blocks.draw_noise(script.design, answers, context.private_ports.noise)
    except Breach:
        raise Failed(FailureCode.ENGINE_ERROR) from None
    return private_blocks.block_answer_to_bytes(script.design, drawn), result


def _charge(ports: WorkerPorts, job: str) -> Spend:
    now = ports.clock.now()
    return ports.store.charge(job, now, [AuditEvent(now, SYSTEM.ident, "spend.charged", job)])


def _store(ports: WorkerPorts, job: str, content: bytes) -> StoredAnswer:
    """Store the answer and return the stored one. If two attempts have drawn, the first answer stays; nobody has seen
    the other."""
    now = ports.clock.now()
    stored = StoredAnswer(ports.content_store.keyed_hash(content), ports.content_store.put("staff", content))
    event = AuditEvent(now, SYSTEM.ident, "spend.answered", job, (("answer", stored.keyed_hash),))
    return ports.store.store_answer(job, stored, now, [event])


def _stored_content(ports: WorkerPorts, stored: StoredAnswer) -> bytes:
    content = ports.content_store.get("staff", stored.place)
    # Keyed, so that somebody who can write files cannot replace an answer unnoticed.
    if ports.content_store.keyed_hash(content) != stored.keyed_hash:
        raise Breach("The stored answer is not the answer that the ledger names.")
    return content
