"""The full proof of "A memory of everything released": brute force over release histories, the reconstruction and the
cap, races on both stores, everyday tables, the memory on a job's way; figures go to docs/proofs/G.json."""

import sys

from tests.prove.properties import property_lines
from tests.prove.record import write

SEED = 20261126
SIZES = {"PROOF_MEMORY_HISTORIES": 3000, "PROOF_MEMORY_MENDED": 600}
MEMORY, ATTACKS = "tests/integration/memory", "tests/attacks"
PROPERTIES = {
    "brute force over all unions on small random release histories: no missed leak, false alarms counted": (
        ("tests/generative/disclosure/test_memory.py",), ("memory", "memory_mended")
    ),
    "the reconstruction of 200 pupils is stopped by the cap and succeeds without it": (
        (f"{ATTACKS}/test_reconstruction.py",), ("reconstruction",)
    ),
    "the findings of the paper attack, and each defence taken out": (
        (f"{ATTACKS}/test_findings_of_memory.py", f"{ATTACKS}/test_memory_defences.py"), ()
    ),
    "two releases at once, and two near-equal everyday tables, through the workflow on both stores": (
        (f"{MEMORY}/test_everyday_tables.py",), ()
    ),
    "the store: append-only, raced, killed, restored": (
        (f"{MEMORY}/test_memory.py", f"{MEMORY}/test_killed_and_races.py", f"{MEMORY}/test_restored.py"), ()
    ),
    "the memory on a job's way: identical, moved by a few, across projects and snapshots, the cap, back to review": (
        ("tests/unit/workflow/test_remembering.py", "tests/integration/storage/test_comparing.py"), ()
    ),
    "whichever call a process dies at, the job ends once": (("tests/unit/workflow/test_crashes.py",), ()),
    "members are what the evidence says, person by person": (("tests/generative/query/test_members.py",), ()),
}  # fmt: skip


def main() -> None:
    sys.exit(0 if write("G", SEED, property_lines(PROPERTIES, SIZES, SEED)) else 1)


if __name__ == "__main__":
    main()
