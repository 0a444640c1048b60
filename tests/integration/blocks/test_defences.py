"""Each measure that keeps blocks apart, taken out of the image: the trick that it stands against must then be seen to
work. Some every day, all in a proof (PROOF_DEFENCES=all)."""

import os

import numpy as np
import pytest
from adversaries import HIGH, LOW, SECRET, script
from blocks_kit import asks, ended, run, town
from mutants import MEASURES, Changed, changed_image, removed
from privacy_size import tell

BLOCKS, SECONDS, AT = 8, {"runc": 0.6, "runsc": 1.5}, 3
START_SECONDS = 18.0
"""Most that a sandbox takes beside its slots, on a machine with much to do; less than a trick lasts that wins time."""
ALL = os.environ.get("PROOF_DEFENCES") == "all"
EVERY_DAY = ("rows after the fork", "not a byte of the rows before the fork", "standard streams of its own")
CASES = [(m, r) for m in (MEASURES if ALL else EVERY_DAY) for r in (MEASURES[m].only if ALL else ("runc",))]


@pytest.mark.docker
@pytest.mark.parametrize(("name", "runtime"), CASES)
def test_a_measure_that_is_taken_out_is_missed(name, runtime, sandbox_root):
    measure = MEASURES[name]
    sandbox = Changed(sandbox_root, runtime)
    sandbox.changed = changed_image(super(Changed, sandbox)._digest("python"), measure.edits)
    lasts = max(measure.seconds, SECONDS[runtime])
    try:
        ran = run(sandbox, script(measure.trick, lasts), asks(BLOCKS, lasts), town(BLOCKS, {AT: SECRET}))
    finally:
        removed(sandbox.changed)
    found = is_apart(ran, lasts)
    tell(f"taken_out_{name.replace(' ', '_')}_{runtime}", {"missed_by": measure.trick, "seen": not found})
    assert not found, f"nothing shows that {name!r} is gone: {ran.answers[:, 0]} {ran.result.log.decode()[-500:]}"


def is_apart(ran, lasts) -> bool:
    """What `test_apart` asks of every run: it ends, in its time, and every other block answers as if nothing had
    been."""
    least = BLOCKS / 2 * lasts
    if not ended(ran) or not least < ran.result.seconds < least + START_SECONDS:
        return False
    others = np.delete(ran.answers[:, 0], AT)
    return bool((others == LOW).all()) and (ran.answers[AT, 0] == HIGH or np.isnan(ran.answers[AT, 0]))
