"""What a process holds that blocks are forked of, and how much they may fill: nothing of the rows, and no more than
there is room for."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from broker.domain.jobs import Kind
from broker.policy.files import load_policies
from broker.python_jobs.private.asks import Asks, Range
from broker.python_jobs.private.request import limits_of
from broker.sandbox import frames
from broker.workflow.limits import limits_for

ROOT = Path(__file__).resolve().parents[3]
IMAGES = ROOT / "sandbox_images"
ROWS = frames.pack("rows", b"everybody")
WAITING = """
import os, launcher
channel = launcher.Channel()
channel.receive(2, last=False)
{then}
channel.send("log", os.read(0, 1 << 16))
"""


def left_for(then: str) -> bytes:
    """What stands in standard input, once a launcher has read a job and its program, for who reads it `then`."""
    sent = frames.pack("job", b"{}") + frames.pack("program", b"pass") + ROWS
    program = [sys.executable, "-c", WAITING.format(then=then)]
    found = subprocess.run(program, input=sent, stdout=subprocess.PIPE, cwd=IMAGES / "common", check=True)
    ((kind, payload),) = frames.Reader(frames.OUTWARD, 1 << 16, 1).feed(found.stdout)
    assert kind == "log"
    return payload


def test_a_launcher_that_will_fork_has_read_nothing_of_the_rows() -> None:
    assert left_for("") == ROWS


def test_a_child_has_no_way_from_the_broker() -> None:
    assert left_for("out = channel._out; channel._out = os.dup(out); channel.shut(); channel._out = out") == b""


@pytest.fixture
def lanes(monkeypatch):
    for folder in ("common", "python"):
        monkeypatch.syspath_prepend(str(IMAGES / folder))
    before = set(sys.modules)
    import lanes

    yield lanes
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(IMAGES)):
            del sys.modules[name]


def test_all_that_blocks_can_fill_has_room(lanes, monkeypatch) -> None:
    """Address space is all that one block is held to: what its libraries take of it, it can fill with its own."""
    policies = load_policies(ROOT / "policies")
    service, usual = policies.service, limits_for(Kind.SQL, policies)
    asks = Asks("epsilon", Decimal("0.5"), 100, (Range("n", Decimal(0), Decimal(1)),))
    monkeypatch.setattr(lanes.limits, "own_size", lambda: 1 << 40)
    settings = {"memory_bytes": service.block_memory_bytes, "library_bytes": service.block_library_bytes}
    kind = lanes.block.Kind(None, 1, (), settings)
    lanes._fork_lanes(kind, [], [])
    one = kind.settings["address_bytes"] + service.block_scratch_bytes
    assert service.threads * one + usual.memory_bytes <= limits_of(asks, usual, service, 0).memory_bytes
