"""A private script and the cut rows to a sandbox request. Pure: the rows' bytes are passed on, never opened."""

import json
from dataclasses import asdict, replace

from broker.domain.ports import Limits, SandboxRequest, Vault
from broker.policy.service import Service
from broker.python_jobs.private.asks import Asks
from broker.python_jobs.private.line import SPARE_SECONDS, lasting, seconds_of
from broker.python_jobs.request import IMAGE

START_SECONDS = 60
"""For reading the rows and importing what the script names, before the first slot."""


def limits_of(asks: Asks, limits: Limits, service: Service, rows: int) -> Limits:
    """Of the whole sandbox: its lanes, the rows twice while they are read, and as long as its slots last. All that its
    blocks can fill has room: what one of them takes ends no other."""
    processes = limits.processes + service.threads * service.block_tasks
    block = service.block_library_bytes + service.block_memory_bytes + service.block_scratch_bytes
    memory = service.threads * block + limits.memory_bytes + 2 * rows
    wall = int(lasting(asks, service)) + START_SECONDS
    return replace(limits, wall_seconds=wall, memory_bytes=memory, processes=processes)


def prepare_blocks(
    program: str,
    asks: Asks,
    names: tuple[str, ...],
    modules: tuple[str, ...],
    rows: bytes,
    vault: Vault,
    run: tuple[str, int, Limits, Service],
) -> SandboxRequest:
    """`run`: job, attempt, usual limits, service. No folder of the vault is mounted: the rows come by standard
    input."""
    job, attempt, usual, service = run
    limits = limits_of(asks, usual, service, len(rows))
    content = {
        "kind": "blocks",
        "tables": [],
        "names": names,
        "numbers": len(asks.ranges),
        "modules": modules,
        "preview": vault.synthetic,
        "block": {
            "seconds": seconds_of(asks, service),
            "rest_seconds": service.block_rest_milliseconds / 1000,
            "spare_seconds": SPARE_SECONDS,
            "memory_bytes": service.block_memory_bytes,
            "library_bytes": service.block_library_bytes,
            "scratch_bytes": service.block_scratch_bytes,
            "tasks": service.block_tasks,
            "rows_bytes": service.block_rows_bytes,
        },
        "settings": asdict(limits),
    }
    head = json.dumps(content, sort_keys=True).encode()
    frames = (("job", head), ("program", program.encode()), ("rows", rows))
    return SandboxRequest(job, attempt, IMAGE, vault.script, frames, limits, vault.synthetic, apart=True)
