"""Blocks are apart: what one of them does, no other and nobody outside learns. In real containers of every runtime."""

# ruff: noqa: E501 - edits, scripts and figures read better in one line

import numpy as np
import pytest
from adversaries import HIGH, LOW, SHAPES, TRICKS, script
from blocks_kit import asks, run, town
from privacy_size import size, tell

from broker.domain.ports import SandboxEnd
from broker.sandbox.docker_engine import DockerSandbox

BLOCKS, SECONDS, AT = 12, 0.6, 3
SLOW = 1.5
"""Seconds of a slot under gVisor, where everything takes longer."""
FULL = bool(size("BLOCK_TRICKS", 0))
EVERY = tuple(TRICKS) if FULL else ("crash",)
BOTH = ("runc", "runsc")


@pytest.fixture(params=BOTH if FULL else BOTH[:1])
def sandbox(request, sandbox_root):
    return DockerSandbox(sandbox_root, request.param)


@pytest.fixture(params=BOTH)
def each_sandbox(request, sandbox_root):
    return DockerSandbox(sandbox_root, request.param)


def seconds_on(sandbox) -> float:
    return SLOW if sandbox.runtime() == "runsc" else SECONDS


def tried(sandbox, name, blocks=BLOCKS, at=AT):
    lasts = seconds_on(sandbox)
    return run(sandbox, script(name, lasts), asks(blocks, lasts), town(blocks, at)), lasts


def check(ran, lasts, answer):
    """One block has answered otherwise, and the run was as long as it had to be."""
    assert ran.result.end is SandboxEnd.ENDED
    expected = np.full(BLOCKS, LOW)
    expected[AT] = answer
    assert np.array_equal(ran.answers[:, 0], expected, equal_nan=True), (ran.answers[:, 0], ran.result.log.decode())
    slots = BLOCKS / 2
    assert ran.result.seconds > slots * (lasts + 0.05)


@pytest.mark.docker
def test_everything_at_once_reaches_no_other_block(each_sandbox):
    check(*tried(each_sandbox, "everything"), HIGH)


@pytest.mark.docker
@pytest.mark.parametrize("name", EVERY)
def test_a_trick_reaches_no_other_block(sandbox, name):
    ran, lasts = tried(sandbox, name)
    dies = name in ("crash", "crash_hard", "fault", "overrun", "no_end", "limits")
    check(ran, lasts, np.nan if dies else HIGH)
    tell(f"blocks_{name}_{sandbox.runtime()}", {"seconds": round(ran.result.seconds, 2)})


@pytest.mark.docker
@pytest.mark.parametrize("shape", SHAPES if FULL else SHAPES[:1])
def test_what_is_no_answer_is_none(sandbox, shape):
    ran, lasts = tried(sandbox, shape)
    check(ran, lasts, float(shape) if shape in ("1e308", "-1e308") else np.nan)


@pytest.mark.docker
def test_on_real_data_nobody_sees_what_blocks_print(sandbox):
    if sandbox.runtime() == "runc":
        sandbox._verdicts = ()
        sandbox.missing = lambda: ()
    text = "import sys\nprint('told')\nprint('told', file=sys.stderr)\n\n\ndef answer(tables):\n    raise ValueError('told')\n"
    found = {shown: run(sandbox, text, asks(2, 1.0), town(2, None), synthetic=shown) for shown in (True, False)}
    assert b"told" in found[True].result.log
    assert found[False].result.log == b""
    assert all(np.isnan(f.answers).all() for f in found.values())
