"""The full proof of "Any Python program under differential privacy": audits of whole runs with scripts that try
everything, each isolation measure taken out, accuracy, speed, and scripts that people write; figures go to
docs/proofs/private_scripts.json."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.prove.properties import property_line
from tests.prove.record import Line, write

SEED = 20261126
SIZES = {"PROOF_NOISE": 100_000, "PROOF_BLOCK_TRICKS": 1, "PROOF_DEFENCES": "all", "PROOF_BLOCKS": 1000}
BLOCKS = "tests/integration/blocks"
RUNTIMES = ("runc", "runsc")
WHOLE = (
    "everything", "maximum", "state", "scratch", "places", "shared_memory", "crash", "overrun", "float__nan__",
    "_1_0__2_0_",
)  # fmt: skip
"""As the audit names what it tells."""
PEOPLE = ("logit", "boosting", "decomposition")
NATIONAL = (
    "a national OLS coefficient of 600,000 pupils, and 1,000 blocks before padding (errors are means over 1,200 draws, "
    "with the pupils put into blocks anew 300 times: the mean of the 20 draws that the promise names moves by a fifth; "
    "what 20 gave is told beside it)"
)
ALONE = {NATIONAL: ((f"{BLOCKS}/test_national_model.py",), ("national_mean", "national_median", "thousand_blocks"))}
"""What measures time comes first, with nothing beside it."""
PROPERTIES = {
    "no block learns of another: every trick, and all at once, on both runtimes": (
        (f"{BLOCKS}/test_block_isolation.py",), ()
    ),
    "each measure of isolation taken out is seen": ((f"{BLOCKS}/test_isolation_defences.py",), ()),
    "whole runs audited on neighbours, with scripts that try to tell": (
        (f"{BLOCKS}/test_script_neighbours.py",),
        tuple(f"whole_{n}_{r}" for n in WHOLE for r in RUNTIMES),
    ),
    "scripts that people write, in real containers": (
        (f"{BLOCKS}/test_real_scripts.py",), tuple(f"people_write_{n}_{r}" for n in PEOPLE for r in RUNTIMES)
    ),
    "what one block can move, and what is charged for it": (
        ("tests/unit/privacy/test_sample_and_aggregate.py", "tests/unit/python_jobs/test_private_directive.py"), ()
    ),
    "charged once, answered once, whatever ends between; progress that tells nothing": (
        ("tests/unit/workflow/test_private_scripts.py", "tests/unit/workflow/test_block_progress.py"), ()
    ),
}  # fmt: skip


def main() -> None:
    """Blocks wait for the end of their slots for most of the time, so that two lines can be proved side by side."""
    with tempfile.TemporaryDirectory(prefix="prove-h-") as name, ThreadPoolExecutor(2) as two:
        prove = partial(_line, Path(name))
        lines = [prove(each) for each in ALONE.items()] + list(two.map(prove, PROPERTIES.items()))
    sys.exit(0 if write("private_scripts", SEED, lines) else 1)


def _line(folder: Path, asked: tuple[str, tuple[tuple[str, ...], tuple[str, ...]]]) -> Line:
    title, (files, told) = asked
    return property_line(title, files, told, SIZES, SEED, folder)


if __name__ == "__main__":
    main()
