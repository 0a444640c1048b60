"""The process that forks blocks: it holds no rows, fills no more than its share of memory, and ends by the lane's own
clock."""

import os
import socket
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.python_jobs.private_directive import AnswerRange, ScriptDirective
from broker.python_jobs.sandbox_requests import block_limits
from broker.sandbox import launcher_frames
from broker.workflow.run_context import limits_for
from tests.unit.sandbox.conftest import IMAGES

ROWS = launcher_frames.pack("rows", b"everybody")
SENT = launcher_frames.pack("job", b"{}") + launcher_frames.pack("program", b"pass") + ROWS
WAITING = """
import os, launcher
channel = launcher.Channel()
channel.receive(2, last=False)
{then}
channel.send("log", os.read(0, 1 << 16))
"""


def left_for(then: str, first: str = "") -> bytes | None:
    """What stands in standard input, once a launcher has read a job and its program, for who reads it `then`. None
    where it fails."""
    program = [sys.executable, "-c", first + WAITING.format(then=then)]
    found = subprocess.run(program, input=SENT, capture_output=True, cwd=IMAGES / "common", check=False)
    if found.returncode:
        return None
    ((kind, payload),) = launcher_frames.FrameReader(launcher_frames.OUTWARD, 1 << 16, 1).feed(found.stdout)
    assert kind == "log"
    return payload


def test_a_launcher_that_will_fork_has_read_nothing_of_the_rows() -> None:
    assert left_for("") == ROWS


def test_rows_of_blocks_may_be_more_than_a_job() -> None:
    """As many as policy says, and no more."""
    for most, rows in ((9, b"everybody"), (8, None)):
        taken = f"((_, rows),) = channel.receive(1, {most}); os.read = lambda *given: rows"
        assert left_for(taken, "import launcher; launcher.JOB_LIMIT = 8\n") == rows, most


def test_a_child_has_no_way_from_the_broker() -> None:
    assert left_for("out = channel._out; channel._out = os.dup(out); channel.shut(); channel._out = out") == b""


@pytest.fixture
def lanes(image_module):
    return image_module("lanes")


def test_a_lane_ends_its_block_by_its_own_clock(lanes, monkeypatch) -> None:
    """Nobody has to be in time to tell it: who tells all lanes may be kept waiting by one."""
    monkeypatch.setattr(lanes.apart, "next_processes", lambda own: None)
    monkeypatch.setattr(lanes.apart, "counted_apart", lambda: True)
    monkeypatch.setattr(lanes.block, "live", lambda *given: time.sleep(60) or os._exit(0))
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        lanes.serve(lanes.block.Kind(None, 1, (), {}), theirs, -1)
        os._exit(0)
    theirs.close()
    lane = lanes.Lane(ours)
    lane._settled()
    feeding, answer = lane.begin(-1)
    until = time.monotonic() + 0.5
    lane.end(until)
    assert os.read(answer, 1) == b"", "the block is gone"
    assert until <= time.monotonic() < until + 30
    lane.ended()
    for handle in (feeding, answer, ours.detach()):
        os.close(handle)
    os.wait()


def test_all_that_blocks_can_fill_has_room(lanes, monkeypatch) -> None:
    """Address space is all that one block is held to: what its libraries take of it, it can fill with its own."""
    policies = load_policies(IMAGES.parent / "policies")
    service, usual = policies.service, limits_for(JobKind.SQL, policies)
    asks = ScriptDirective("epsilon", Decimal("0.5"), 100, (AnswerRange("n", Decimal(0), Decimal(1)),))
    monkeypatch.setattr(lanes.limits, "own_size", lambda: 1 << 40)
    settings = {"memory_bytes": service.block_memory_bytes, "library_bytes": service.block_library_bytes}
    kind = lanes.block.Kind(None, 1, (), settings)
    lanes._fork_lanes(kind, [], [])
    one = kind.settings["address_bytes"] + service.block_scratch_bytes
    assert service.threads * one + usual.memory_bytes <= block_limits(asks, usual, service, 0).memory_bytes
