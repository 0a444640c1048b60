"""Blocks are isolated: no block and nobody outside learns what another block does. Real containers of every runtime."""

# ruff: noqa: E501 - edits, scripts and figures read better in one line

import numpy as np
import pytest
from adversaries import FAILS, HIGH, LOW, SECRET, SHAPES, SLOW_TO_GO, TRICKS, script
from blocks_kit import POLICIES, directive, run, town

from broker.domain.ports import SandboxEnd
from broker.sandbox.docker_sandbox import DockerSandbox
from tests.proof_size import size

BLOCKS, SECONDS, AT = 8, 0.6, 3
SLOW = 1.5
"""Seconds of a slot under gVisor, where everything takes longer."""

pytestmark = pytest.mark.long
FULL = bool(size("BLOCK_TRICKS", 0))
BOTH = ("runc", "runsc")
DEADLY = ("crash", "crash_hard", "fault", "overrun", "no_end", "limits")


@pytest.fixture(params=BOTH if FULL else BOTH[:1])
def sandbox(request, sandbox_root):
    return DockerSandbox(sandbox_root, request.param)


@pytest.fixture(params=BOTH)
def each_sandbox(request, sandbox_root):
    return DockerSandbox(sandbox_root, request.param)


def seconds_on(sandbox) -> float:
    return SLOW if sandbox.runtime() == "runsc" else SECONDS


def tried(sandbox, name):
    lasts = seconds_on(sandbox)
    return run(sandbox, script(name, lasts), directive(BLOCKS, lasts), town(BLOCKS, {AT: SECRET})), lasts


def tried_in_blocks(sandbox, name, scores):
    """Each of the first blocks does as its child's score says; four more are as others."""
    lasts, blocks = seconds_on(sandbox), len(scores) + 4
    ran = run(sandbox, script(name, lasts), directive(blocks, lasts), town(blocks, dict(enumerate(scores))))
    assert ran.result.end is SandboxEnd.ENDED
    assert (ran.answers[len(scores) :, 0] == LOW).all()
    assert ran.result.seconds > slots(lasts, blocks)
    return ran.answers[: len(scores), 0]


def check(ran, lasts, *answers):
    """The person's block has answered as it may; every other one as if they were not there; and the run was as long as it
    had to be."""
    assert ran.result.end is SandboxEnd.ENDED
    assert (np.delete(ran.answers[:, 0], AT) == LOW).all(), (ran.answers[:, 0], ran.result.log.decode())
    assert any(np.array_equal(ran.answers[AT, 0], a, equal_nan=True) for a in answers), ran.answers[AT]
    assert ran.result.seconds > slots(lasts)


def slots(lasts, blocks=BLOCKS):
    return -(-blocks // 2) * (lasts + POLICIES.service.block_rest_milliseconds / 1000) + 1


@pytest.mark.each
@pytest.mark.docker
def test_everything_at_once_reaches_no_other_block(each_sandbox):
    """(Its own slot may be over before it has tried all of it.)"""
    check(*tried(each_sandbox, "everything"), HIGH, np.nan)


@pytest.mark.docker
def test_blocks_that_fail_in_every_way_have_no_answer_and_others_have(sandbox):
    assert np.isnan(tried_in_blocks(sandbox, "mixed", FAILS)).all()


CLUSTERS = """
from sklearn.cluster import KMeans
def answer(tables):
    return KMeans(2, n_init=1, random_state=0).fit(tables["npd.a"][["Score"]]).cluster_centers_.mean()
"""


@pytest.mark.docker
def test_a_library_finds_the_others_that_are_loaded(sandbox):
    """It looks for them where else nothing of a process is to be seen."""
    ran = run(sandbox, CLUSTERS, directive(2, 3.0), town(2, persons=50), ("sklearn.cluster",))
    assert np.isfinite(ran.answers).all(), ran.result.log.decode()


@pytest.mark.docker
def test_what_is_no_answer_is_none(sandbox):
    found = tried_in_blocks(sandbox, "shapes", [SECRET + n for n in range(len(SHAPES))])
    for shape, answer in zip(SHAPES, found, strict=True):
        expected = float(shape) if shape in ("1e308", "-1e308") else np.nan
        assert np.array_equal(answer, expected, equal_nan=True), (shape, answer)


if FULL:

    @pytest.mark.docker
    @pytest.mark.parametrize("name", TRICKS)
    def test_a_trick_reaches_no_other_block(sandbox, name):
        check(*tried(sandbox, name), *answers_of(name, sandbox.runtime()))

    def answers_of(name, runtime):
        """Of the block with the person. (Linux lets process 1 of a namespace, which a block is, live through signals from
        within it; under gVisor a block that kills its own group has no answer, as one that crashes.)"""
        if name in DEADLY or (name == "own_group" and runtime == "runsc"):
            return (np.nan,)
        return (HIGH,)


@pytest.mark.docker
def test_on_real_data_nobody_sees_what_blocks_print(sandbox):
    if sandbox.runtime() == "runc":
        sandbox._verdicts = ()
        sandbox.missing = lambda: ()
    text = "import sys\nprint('told')\nprint('told', file=sys.stderr)\n\n\ndef answer(tables):\n    raise ValueError('told')\n"
    found = {shown: run(sandbox, text, directive(2, 1.0), town(2), synthetic=shown) for shown in (True, False)}
    assert b"told" in found[True].result.log
    assert found[False].result.log == b""
    assert all(np.isnan(f.answers).all() for f in found.values())


def lateness(sandbox, **service):
    """Seconds by which the middle one of six slots has begun after its time, where every block is as slow to go as one
    can be. A block answers when it began."""
    lasts, blocks = 1.5, 12
    ran = run(sandbox, SLOW_TO_GO, directive(blocks, lasts, (0, 1e9)), town(blocks), synthetic=False, service=service)
    rest = service.get("block_rest_milliseconds", POLICIES.service.block_rest_milliseconds) / 1000
    began = ran.answers[::2, 0]
    return float(np.median(began - began[0] - np.arange(len(began)) * (lasts + rest)))


@pytest.mark.alone
@pytest.mark.docker
def test_slots_begin_when_they_have_to_though_every_block_before_was_slow_to_go(sandbox_root):
    """A later block could tell by its clock what an earlier one had to say."""
    assert abs(lateness(DockerSandbox(sandbox_root, "runc"))) < 0.05


if FULL:

    @pytest.mark.docker
    def test_with_hardly_a_rest_they_begin_later(sandbox_root):
        assert lateness(DockerSandbox(sandbox_root, "runc"), block_rest_milliseconds=10) > 0.08
