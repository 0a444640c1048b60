"""Tables are compared with everything that was released, at speed and under races."""

import math
from collections.abc import Iterator

from bench.memory import DIFFERENT, PROMISED_MB, PROMISED_SECONDS, measured
from tests.attacks.profiles import SHIPPED
from tests.prove.proof import Line, Proof, Tests

PROMISED_TABLES = 1000
HISTORY, ATTACKS = "tests/integration/release_history", "tests/attacks"


def speed() -> Iterator[Line]:
    """A new table against 100, 300 and 1,000 earlier ones: the promise is about the last, the cost of each table about
    all."""
    for row in measured():
        planted = math.ceil(row["tables"] / DIFFERENT)
        figures = {
            "seconds": round(row["seconds"], 2),
            "milliseconds_a_table": round(1000 * row["seconds"] / row["tables"], 2),
            "megabytes": round(row["megabytes"]),
            "megabytes_of_files": round(row["bytes"] / 2**20),
            "planted_leaks_found": f"{row['leaks']:.0f} of {planted}",
            "limit": f"{PROMISED_SECONDS} s and {PROMISED_MB} MB for {PROMISED_TABLES} tables",
        }
        is_met = row["seconds"] <= PROMISED_SECONDS and row["megabytes"] <= PROMISED_MB and row["leaks"] == planted
        name = f"a new table of 3,000 cells against {row['tables']:.0f} of 150 cells over 8 million pupils"
        yield Line(name, is_met, figures)


PROOF = Proof(
    "tables are compared with everything that was released, at speed and under races",
    seed=20261126,
    sizes={
        "PROOF_MEMORY_HISTORIES": 3000, "PROOF_MEMORY_MENDED": 600, "PROOF_MEMORY_RACES": 25, "TEST_MEMORY_KILLS": 5,
        "PROOF_CALLS_APART": 1, "PROOF_RECONSTRUCTION": 200, "PROOF_DENIALS": 40,
    },
    tests={
        "brute force over all unions on small random release histories: no missed leak, false alarms counted": Tests(
            ["tests/generative/disclosure/test_release_history.py"], ["memory", "memory_mended", "memory_totals"]
        ),
        "the reconstruction of a school of 210 is stopped by the cap, padded or not, and succeeds without it": Tests(
            [f"{ATTACKS}/test_reconstruction.py"], ["reconstruction", "reconstruction_capped"]
        ),
        "a series of denials tells no more than the quota": Tests(
            [f"{ATTACKS}/test_denials_in_series.py"], [f"denials_in_series_{profile}" for profile in SHIPPED]
        ),
        "two releases at once, each clean alone, are never both out, on both stores": Tests(
            [f"{HISTORY}/test_random_races.py", f"{HISTORY}/test_kills_and_races.py"], ["races"]
        ),
        "two near-equal everyday tables are both released after repair, on both stores": Tests(
            [f"{HISTORY}/test_everyday_tables.py"], ["everyday"]
        ),
        "what is left of an ordinary table that is asked for after another one": Tests(
            ["tests/unit/disclosure/test_everyday_pairs.py"], ["memory_everyday_pairs"]
        ),
        "attacks by a researcher through the workflow, on the synthetic NPD": Tests(
            [f"{HISTORY}/test_two_release_attacks.py"]
        ),
        "the findings of the paper attack": Tests([f"{ATTACKS}/test_findings_of_release_history.py"]),
        "the store: append-only, raced, killed, restored": Tests(
            [f"{HISTORY}/test_history_store.py", f"{HISTORY}/test_restored_backup.py"]
        ),
        "comparison on a job's way: identical, moved by a few, across projects and snapshots, the cap, review": Tests(
            ["tests/unit/workflow/test_job_comparison.py", "tests/integration/storage/test_comparisons.py"]
        ),
        "whichever call a process dies at, the job ends once": Tests(["tests/unit/workflow/test_crashes.py"]),
        "members are what the evidence says, person by person": Tests(["tests/generative/query/test_members.py"]),
        "a whole way through containers on runc and runsc; workers killed as they compare and release": Tests(
            ["tests/e2e/test_release_history.py"]
        ),
    },
    measured={"speed": speed},
)  # fmt: skip
