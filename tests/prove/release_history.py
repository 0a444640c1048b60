"""The full proof of "A memory of everything released": speed first, then brute force over release histories, the
reconstruction and the cap, races on both stores, everyday tables, the memory on a job's way, real containers; figures
go to docs/proofs/release_history.json. `python -m tests.prove.release_history parts` leaves speed out, and prints
without writing."""

import math
import sys

from bench.memory import DIFFERENT, PROMISED_MB, PROMISED_SECONDS, measured
from tests.attacks.profiles import SHIPPED
from tests.prove.properties import property_lines
from tests.prove.record import Line, write

SEED = 20261126
SIZES = {
    "PROOF_MEMORY_HISTORIES": 3000,
    "PROOF_MEMORY_MENDED": 600,
    "PROOF_MEMORY_RACES": 25,
    "TEST_MEMORY_KILLS": 5,
    "PROOF_CALLS_APART": 1,
    "PROOF_RECONSTRUCTION": 200,
    "PROOF_DENIALS": 40,
}
PROMISED_TABLES = 1000
HISTORY, ATTACKS = "tests/integration/release_history", "tests/attacks"
PROPERTIES = {
    "brute force over all unions on small random release histories: no missed leak, false alarms counted": (
        ("tests/generative/disclosure/test_release_history.py",), ("memory", "memory_mended", "memory_totals"),
    ),
    "the reconstruction of a school of 210 is stopped by the cap, padded or not, and succeeds without it": (
        (f"{ATTACKS}/test_reconstruction.py",), ("reconstruction", "reconstruction_capped"),
    ),
    "a series of denials tells no more than the quota": (
        (f"{ATTACKS}/test_denials_in_series.py",), tuple(f"denials_in_series_{profile}" for profile in SHIPPED),
    ),
    "two releases at once, each clean alone, are never both out, on both stores": (
        (f"{HISTORY}/test_random_races.py", f"{HISTORY}/test_kills_and_races.py"), ("races",),
    ),
    "two near-equal everyday tables are both released after repair, on both stores": (
        (f"{HISTORY}/test_everyday_tables.py",), ("everyday",),
    ),
    "what is left of an ordinary table that is asked for after another one": (
        ("tests/unit/disclosure/test_everyday_pairs.py",), ("memory_everyday_pairs",),
    ),
    "attacks by a researcher through the workflow, on the synthetic NPD": (
        (f"{HISTORY}/test_two_release_attacks.py",), (),
    ),
    "the findings of the paper attack, and each defence taken out": (
        (f"{ATTACKS}/test_findings_of_release_history.py", f"{ATTACKS}/test_release_history_defences.py"), (),
    ),
    "the store: append-only, raced, killed, restored": (
        (f"{HISTORY}/test_history_store.py", f"{HISTORY}/test_restored_backup.py"), (),
    ),
    "the memory on a job's way: identical, moved by a few, across projects and snapshots, the cap, back to review": (
        ("tests/unit/workflow/test_job_comparison.py", "tests/integration/storage/test_comparisons.py"), (),
    ),
    "whichever call a process dies at, the job ends once": (("tests/unit/workflow/test_crashes.py",), ()),
    "members are what the evidence says, person by person": (("tests/generative/query/test_members.py",), ()),
    "a whole way through containers on runc and runsc, SQL and script; workers killed as they compare and release": (
        ("tests/e2e/test_release_history.py",), (),
    ),
}  # fmt: skip


def speed_lines() -> list[Line]:
    """A new table against 100, 300 and 1,000 earlier ones: the promise is about the last, the cost of each table about
    all."""
    lines = []
    for row in measured():
        planted = math.ceil(row["tables"] / DIFFERENT)
        figures: dict[str, object] = {
            "seconds": round(row["seconds"], 2),
            "milliseconds_a_table": round(1000 * row["seconds"] / row["tables"], 2),
            "megabytes": round(row["megabytes"]),
            "megabytes_of_files": round(row["bytes"] / 2**20),
            "planted_leaks_found": f"{row['leaks']:.0f} of {planted}",
            "limit": f"{PROMISED_SECONDS} s and {PROMISED_MB} MB for {PROMISED_TABLES} tables",
        }
        is_met = row["seconds"] <= PROMISED_SECONDS and row["megabytes"] <= PROMISED_MB and row["leaks"] == planted
        name = f"a new table of 3,000 cells against {row['tables']:.0f} of 150 cells over 8 million pupils"
        lines.append(Line(name, is_met, figures))
    return lines


def main() -> None:
    if sys.argv[1:] != ["parts"]:
        sys.exit(0 if write("release_history", SEED, [*speed_lines(), *property_lines(PROPERTIES, SIZES, SEED)]) else 1)
    lines = property_lines(PROPERTIES, SIZES, SEED)
    for line in lines:
        print(f"{'met    ' if line.met else 'NOT MET'} {line.name}: {line.figures} {line.note}")
    sys.exit(0 if all(line.met for line in lines) else 1)


if __name__ == "__main__":
    main()
