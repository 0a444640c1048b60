"""One run of a private script: rows cut by trusted code in one sandbox, the script over the blocks in another,
noise. The rows pass through here as bytes; nothing here opens them, and the blocks' answers go to the noise
process alone."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import replace

from broker.domain.errors import Breach
from broker.domain.jobs import FailureCode
from broker.domain.ports import SandboxEnd, SandboxResult
from broker.policy.service import Service
from broker.privacy.aggregate.exact import answers_of, vector
from broker.privacy.aggregate.made import Aggregate
from broker.privacy.noise.described import to_text
from broker.python_jobs.private.request import prepare_blocks
from broker.workflow.failing import Failed
from broker.workflow.private.by_blocks.asking import PrivateScript
from broker.workflow.private.ports import Noise, PrivatePorts, Runs, Where

KEY_BYTES = 16


def rows_of(asked: PrivateScript, ports: PrivatePorts, runs: Runs, where: Where, service: Service) -> bytes:
    """The rows of all blocks. Who is in which block is drawn anew for each attempt, and nobody is told."""
    limits = replace(where.limits, output_bytes=service.block_rows_bytes)
    key, blocks = secrets.token_hex(KEY_BYTES), asked.asks.blocks
    request = ports.blocks.prepare_cut(asked.cut, blocks, key, where.vault, where.job, where.attempt, limits)
    return ports.blocks.read_cut(_ended(runs.run(request)).frames)


def answered_by_blocks(
    asked: PrivateScript, rows: bytes, runs: Runs, where: Where, service: Service
) -> tuple[bytes, SandboxResult]:
    """Each block's numbers, as they came, with the sandbox that they came from."""
    run = (where.job, where.attempt, where.limits, service)
    program = asked.program
    request = prepare_blocks(program.text, asked.asks, asked.cut.names, program.modules, rows, where.vault, run)
    result = _ended(runs.run(request))
    found = [payload for kind, payload in result.frames if kind != "status"]
    if len(found) != 1 or {kind for kind, _ in result.frames} - {"table", "status"}:
        raise Breach("The sandbox returned other frames than one with the blocks' answers.")
    return found[0], result


def _ended(result: SandboxResult) -> SandboxResult:
    """How a run ends is no answer of a block's: it ends in one word, whatever the data are."""
    if result.end is not SandboxEnd.ENDED:
        raise Failed(FailureCode.ENGINE_ERROR)
    return result


def noisy(made: Aggregate, answers: bytes, noise: Noise) -> tuple[int, ...]:
    (drawn,) = noise.draw(made.bundle, (vector(made, answers_of(answers, made)),))
    return tuple(drawn.values)


def to_bytes(made: Aggregate, drawn: Sequence[int]) -> bytes:
    """The answer as it is kept: noise only."""
    document = {"design": to_text(made.bundle), "drawn": list(drawn)}
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def from_bytes(made: Aggregate, content: bytes) -> tuple[int, ...]:
    """Breach where it is the answer of another design."""
    document = json.loads(content)
    if document["design"] != to_text(made.bundle):
        raise Breach("The stored answer is that of another design.")
    return tuple(document["drawn"])
