"""Each isolation measure, removed from the image: the attack that it prevents must then succeed. Some run every day,
all in a proof (PROOF_DEFENCES=all)."""

import os

import numpy as np
import pytest
from adversaries import HIGH, SECRET, script
from blocks_kit import directive, ended, run, town
from mutants import MEASURES, Changed, changed_image, removed

from tests.proof_size import report_figures

BLOCKS, SECONDS, AT = 8, {"runc": 0.6, "runsc": 1.5}, 3
SLOW = 18.0
"""Seconds by which two runs of one image differ for what else a machine does, and no more."""

pytestmark = pytest.mark.long
ALL = os.environ.get("PROOF_DEFENCES") == "all"
EVERY_DAY = ("rows after the fork", "not a byte of the rows before the fork", "standard streams of its own")
CASES = [(m, r) for m in (MEASURES if ALL else EVERY_DAY) for r in (MEASURES[m].only if ALL else ("runc",))]


@pytest.mark.docker
@pytest.mark.parametrize(("name", "runtime"), CASES)
def test_a_measure_that_is_taken_out_is_missed(name, runtime, sandbox_root):
    """Beside a run of the same image without the person, which has to end: so that what is seen is no sandbox that has
    been broken."""
    measure = MEASURES[name]
    sandbox = Changed(sandbox_root, runtime)
    sandbox.changed = changed_image(super(Changed, sandbox)._digest("python"), measure.edits)
    lasts = max(measure.seconds, SECONDS[runtime])
    try:
        without, ran = (
            run(sandbox, script(measure.trick, lasts), directive(BLOCKS, lasts), town(BLOCKS, person))
            for person in ({}, {AT: SECRET})
        )
    finally:
        removed(sandbox.changed)
    assert ended(without), without.result.log.decode()[-500:]
    seen = differs(ran, without, measure.seconds / 2 or SLOW)
    report_figures(f"taken_out_{name.replace(' ', '_')}_{runtime}", {"missed_by": measure.trick, "seen": seen})
    assert seen, f"nothing shows that {name!r} is gone: {ran.answers[:, 0]} {ran.result.log.decode()[-500:]}"


def differs(ran, without, seconds) -> bool:
    """Whether more than the person's own block tells that they are there: the run's end, its time, or another block.
    (One that had no answer in time tells of a busy machine.)"""
    if not ended(ran) or abs(ran.result.seconds - without.result.seconds) > seconds:
        return True
    return bool((np.delete(ran.answers[:, 0], AT) == HIGH).any())
