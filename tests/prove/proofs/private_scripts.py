"""Any script's answer is differentially private, and its isolation holds."""

from tests.prove.proof import Proof, Tests

BLOCKS, WORKFLOW = "tests/integration/blocks", "tests/unit/workflow"
RUNTIMES = ("runc", "runsc")
WHOLE = (
    "everything", "maximum", "state", "scratch", "places", "shared_memory", "crash", "overrun", "float__nan__",
    "_1_0__2_0_",
)  # fmt: skip
"""As the audit names what it tells."""
PEOPLE = ("logit", "boosting", "decomposition")

PROOF = Proof(
    "any script's answer is differentially private, and its isolation holds",
    seed=20261126,
    sizes={"PROOF_NOISE": 100_000, "PROOF_BLOCK_TRICKS": 1, "PROOF_DEFENCES": "all", "PROOF_BLOCKS": 1000},
    tests={
        # Errors are means over 1,200 draws, with the pupils put into blocks anew 300 times: the mean of the 20 draws
        # that the promise names moves by a fifth. What 20 gave is told beside it.
        "a national OLS coefficient of 600,000 pupils, and 1,000 blocks before padding": Tests(
            [f"{BLOCKS}/test_national_model.py"], ["national_mean", "national_median", "thousand_blocks"]
        ),
        "no block learns of another: every trick, and all at once, on both runtimes": Tests(
            [f"{BLOCKS}/test_block_isolation.py"]
        ),
        "each measure of isolation taken out is seen": Tests([f"{BLOCKS}/test_isolation_defences.py"]),
        "whole runs audited on neighbours, with scripts that try to tell": Tests(
            [f"{BLOCKS}/test_script_neighbours.py"], [f"whole_{n}_{r}" for n in WHOLE for r in RUNTIMES]
        ),
        "scripts that people write, in real containers": Tests(
            [f"{BLOCKS}/test_real_scripts.py"], [f"people_write_{n}_{r}" for n in PEOPLE for r in RUNTIMES]
        ),
        "what one block can move, and what is charged for it": Tests(
            ["tests/unit/privacy/test_sample_and_aggregate.py", "tests/unit/python_jobs/test_private_directive.py"]
        ),
        "charged once, answered once, whatever ends between; progress that tells nothing": Tests(
            [f"{WORKFLOW}/test_private_scripts.py", f"{WORKFLOW}/test_block_progress.py"]
        ),
    },
)
