"""The engine's side of cutting: a private script's tables to one request of trusted code, whose answer is the rows of
all blocks as bytes that nobody opens but the block that they are of. Opens no data and runs nothing.

A person's block is a hash of their record key under a key that is drawn for the attempt and never told: it depends on
no other person, and no script can know or choose it.
"""

# ruff: noqa: S608 - writing SQL is what this module is for; names are quoted

import json
from collections.abc import Sequence
from dataclasses import dataclass

from broker.domain.errors import Breach
from broker.domain.ports import Limits, SandboxRequest, Vault
from broker.engine.duckdb_engine import mounted
from broker.python_jobs.private.cut import Cut, CutTable
from broker.query import quoted

BITS = 15
"""Hexadecimal digits of a hash that a block's number is made of."""
BLOCK = "__block"


@dataclass(frozen=True, slots=True)
class Cutter:
    """See `broker.workflow.private.ports.BlockEngine`."""

    def prepare_cut(
        self, asked: Cut, blocks: int, key: str, vault: Vault, job: str, attempt: int, limits: Limits
    ) -> SandboxRequest:
        frame = {
            "kind": "sql",
            "tables": [mounted(vault, t.name, t.years) for t in (*asked.public, *asked.persons)],
            "statements": [],
            "cut": {
                "blocks": blocks,
                "public": [_whole(t) for t in asked.public],
                "persons": [_in_blocks(t, blocks, key) for t in asked.persons],
            },
            "settings": {name: getattr(limits, name) for name in Limits.__slots__},
        }
        payload = json.dumps(frame, sort_keys=True).encode()
        return SandboxRequest(job, attempt, "sql", vault.evidence, (("job", payload),), limits, vault.synthetic)

    def read_cut(self, frames: Sequence[tuple[str, bytes]]) -> bytes:
        found = [(kind, payload) for kind, payload in frames if kind != "status"]
        if len(found) != 1 or found[0][0] != "table":
            raise Breach("The sandbox returned other frames than one with the blocks' rows.")
        return found[0][1]


def _whole(table: CutTable) -> str:
    names = _names(table)
    return f"SELECT {names} FROM {_place(table)} ORDER BY {names}"


def _in_blocks(table: CutTable, blocks: int, key: str) -> str:
    """In a block rows stand in an order that says nothing but what is in them."""
    names = _names(table)
    digest = f"sha256('{key}/' || __k::VARCHAR)"
    number = f"(('0x' || substr({digest}, 1, {BITS}))::UBIGINT % {blocks})::INTEGER"
    return f"SELECT {number} AS {BLOCK}, {names} FROM {_place(table)} ORDER BY {BLOCK}, hash('{key}', {names})"


def _place(table: CutTable) -> str:
    schema, _, name = table.name.partition(".")
    return f"{quoted(schema)}.{quoted(name)}"


def _names(table: CutTable) -> str:
    return ", ".join(quoted(v) for v in table.variables)
