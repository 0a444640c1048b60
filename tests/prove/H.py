"""The full proof of "Any Python program under differential privacy": audits of whole runs with scripts that try
everything, each isolation measure taken out, accuracy, speed, and scripts that people write; figures go to
docs/proofs/H.json."""

import sys

from tests.prove.properties import property_lines
from tests.prove.record import write

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
PROPERTIES = {
    "whole runs audited on neighbours, with scripts that try to tell": (
        (f"{BLOCKS}/test_whole_runs.py",), tuple(f"whole_{n}_{r}" for n in WHOLE for r in RUNTIMES)
    ),
    "no block learns of another: every trick, and all at once, on both runtimes": (
        (f"{BLOCKS}/test_apart.py",), ()
    ),
    "each measure of isolation taken out is seen": ((f"{BLOCKS}/test_defences.py",), ()),
    "a national OLS coefficient of 600,000 pupils, and 1,000 blocks before padding": (
        (f"{BLOCKS}/test_national.py",), ("national_mean", "national_median", "thousand_blocks")
    ),
    "scripts that people write, in real containers": (
        (f"{BLOCKS}/test_people_write.py",), tuple(f"people_write_{n}_{r}" for n in PEOPLE for r in RUNTIMES)
    ),
    "what one block can move, and what is charged for it": (
        ("tests/unit/privacy/test_aggregate.py", "tests/unit/python_jobs/test_private_line.py"), ()
    ),
    "charged once, answered once, whatever ends between": (("tests/unit/workflow/test_private_scripts.py",), ()),
}  # fmt: skip


def main() -> None:
    sys.exit(0 if write("H", SEED, property_lines(PROPERTIES, SIZES, SEED)) else 1)


if __name__ == "__main__":
    main()
