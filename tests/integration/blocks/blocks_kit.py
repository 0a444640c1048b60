"""Short ways to blocks of made-up rows and to a real sandbox that runs a script over them."""

import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from adversaries import MARK

from broker.domain.jobs.job import JobKind
from broker.domain.ports import DataKind, SandboxEnd, SandboxResult, Vault
from broker.policy.files import load_policies
from broker.policy.service_limits import ServiceLimits
from broker.python_jobs.private_directive import AnswerRange, BlockEstimator, ScriptDirective
from broker.python_jobs.sandbox_requests import prepare_blocks
from broker.workflow.run_context import limits_for

ROOT = Path(__file__).resolve().parents[3]
POLICIES = load_policies(ROOT / "policies")
LENGTH = struct.Struct(">Q")


def directive(blocks: int, seconds: float, *ranges: tuple[float, float], **more: Any) -> ScriptDirective:
    named = ranges or ((0, 10),)
    found = tuple(AnswerRange(f"n{i}", Decimal(str(low)), Decimal(str(high))) for i, (low, high) in enumerate(named))
    return ScriptDirective(
        "epsilon", Decimal("0.5"), blocks, found, more.get("estimator", BlockEstimator.MEAN), Decimal(str(seconds))
    )


def packed(table: pa.Table) -> bytes:
    target = pa.BufferOutputStream()
    with pa.ipc.new_stream(target, table.schema) as writer:
        writer.write_table(table)
    content = target.getvalue().to_pybytes()
    return LENGTH.pack(len(content)) + content


def rows_of(tables: list[pa.Table]) -> bytes:
    """As the trusted stage gives them: one table a block."""
    parts = [packed(t) for t in tables]
    return json.dumps({"shared": 0, "blocks": [len(p) for p in parts]}).encode() + b"\n" + b"".join(parts)


def town(blocks: int, at: Mapping[int, int] | None = None, persons: int = 10) -> bytes:
    """So many blocks of children of whom nobody is special, but those that `at` puts in a block by their score."""
    specials = at or {}
    found = []
    for block in range(blocks):
        scores, notes = [(block + i) % 9 for i in range(persons)], ["nobody"] * persons
        if block in specials:
            scores.append(specials[block])
            notes.append(MARK)
        found.append(pa.table({"Score": pa.array(scores, pa.int64()), "Note": pa.array(notes, pa.string())}))
    return rows_of(found)


@dataclass(frozen=True)
class Ran:
    answers: np.ndarray
    result: SandboxResult


def service(**more: int) -> ServiceLimits:
    return replace(POLICIES.service, **more)


def run(
    sandbox: Any, text: str, asked: ScriptDirective, rows: bytes, modules: tuple[str, ...] = (), **more: Any
) -> Ran:
    """In a real sandbox; as if the data were real but for `synthetic`, which shows what blocks print."""
    on = service(**more.pop("service", {}))
    vault = Vault("v", "s", "P", Path("/nowhere"), Path("/nowhere"), (), more.pop("synthetic", True))
    job = f"blocks-{secrets.token_hex(4)}"
    request = prepare_blocks(
        text, asked, ("npd.a",), modules, rows, vault, (job, 1, limits_for(JobKind.SQL, POLICIES), on)
    )
    with sandbox.holding(job, 1, DataKind.SYNTHETIC if vault.synthetic else DataKind.REAL):
        result = sandbox.run(request)
    content = next((p for kind, p in result.frames if kind == "table"), b"")
    answers = np.frombuffer(content, "<f8").reshape(-1, len(asked.ranges))
    return Ran(answers, result)


def ended(ran: Ran) -> bool:
    return ran.result.end is SandboxEnd.ENDED
