"""The part of the proof of "Differential privacy" that needs no engine and no store: properties of the privacy room at
full size. `tests.prove.privacy` takes them in; by itself it prints them."""

import sys
import tempfile
from pathlib import Path

from tests.prove.properties import property_line
from tests.prove.record import Line

SEED = 20261125
SIZES = {
    "PROOF_NOISE": 100_000,
    "PROOF_SENSITIVITIES": 4000,
    "PROOF_RELEASES": 10,
    "PROOF_COVERAGES": 30,
    "PROOF_FITS": 100,
    "PROOF_MARGINS": 1500,
}
FOLDER = "tests/generative/privacy"
SHAPES = (
    "a_count_one_row", "a_count_two_cells_of_two_rows", "a_count_three_rows_in_all_in_one_cell", "complementary_sums",
    "complementary_sums_at_the_end_of_the_clamp", "squares_with_a_row_that_lacks_x", "squares_in_the_middle",
)  # fmt: skip
AUDITS = (
    *(f"audit_{family}_{shape}" for family in ("laplace", "gaussian") for shape in SHAPES),
    "audit_choice_pure", "audit_choice_zcdp", "audit_threshold_laplace", "audit_threshold_gaussian",
    "audit_events",
)  # fmt: skip
COVERAGES = ("accuracy", "coverage_pure", "coverage_approximate", "coverage_zcdp", "coverage_small", "margins")
PROPERTIES = {
    "guarantee: mechanisms audited from below, bounds broken on purpose": ((f"{FOLDER}/test_audit.py",), AUDITS),
    "sensitivities of bounded answers by brute force": ((f"{FOLDER}/test_sensitivity.py",), ("sensitivity",)),
    "every charge is OpenDP's own map": (("tests/unit/privacy/test_charges.py",), ()),
    "traps of other systems": ((f"{FOLDER}/test_traps.py", "tests/integration/privacy"), ()),
    "accuracy, forecast and coverage": ((f"{FOLDER}/test_accuracy.py",), COVERAGES),
    "margins against an independent least-squares fit": ((f"{FOLDER}/test_margins.py",), ()),
}


def private_lines(folder: Path) -> list[Line]:
    """One line a property; figures pass through `folder`."""
    return [property_line(name, files, told, SIZES, SEED, folder) for name, (files, told) in PROPERTIES.items()]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="prove-d-") as name:
        lines = private_lines(Path(name))
    for line in lines:
        print(f"{'met    ' if line.met else 'NOT MET'} {line.name}: {line.figures} {line.note}")
    sys.exit(0 if all(line.met for line in lines) else 1)


if __name__ == "__main__":
    main()
