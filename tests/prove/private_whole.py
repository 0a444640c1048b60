"""The part of the proof of "Differential privacy" that needs an engine, a vault, a store or the workflow: properties at
full size. `tests.prove.privacy` takes them in; those of the privacy room alone are in `private_core`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.prove.properties import property_line
from tests.prove.record import Line

SEED = 20261125
SIZES = {
    "PROOF_NOISE": 100_000,
    "PROOF_BOUNDED_QUERIES": 2700,
    "PROOF_BOUNDED_WORLDS": 20,
    "PROOF_BOUNDED_REMOVED": 100,  # everybody
    "PROOF_BOUNDED_EXACT": 600,
    "PROOF_TOTAL": 1500,
    "PROOF_DEFENCES": "all",
    "PROOF_LEDGER_JOBS": 200,
    "PROOF_LEDGER_KILLS": 40,
    "PROOF_LEDGER_OPENINGS": 20,
    "PROOF_LEDGER_SEQUENCES": 150,
}
PRIVACY, QUERY = "tests/generative/privacy", "tests/generative/query"
NEIGHBOURS = (
    "one_row_of_several", "complementary_sums_of_all_rows", "several_years", "a_join_in_a_year", "a_join_without_bound",
    "a_table_twice", "persons_first", "distinct_persons", "margins", "a_median", "keys_of_the_data",
)  # fmt: skip
BACKENDS = ("sqlite", "postgresql")
PROPERTIES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "guarantee: whole queries audited on neighbours, vaults, ranks and numbers made again": (
        (f"{PRIVACY}/test_neighbours.py",), (*(f"neighbours_{s}" for s in NEIGHBOURS), "neighbours_events"),
    ),
    "sensitivity by brute force: every person removed, generated measurable queries": (
        (f"{QUERY}/test_bounded_sensitivity.py",), ("bounded",),
    ),
    "no value ends a bounded statement or weighs more than a row": ((f"{QUERY}/test_bounded_errors.py",), ()),
    "findings of attackers and traps of other systems, each with its defence removed": (
        ("tests/attacks/test_findings_of_privacy.py", "tests/attacks/test_traps_of_privacy.py",
         "tests/attacks/test_private_defences.py"),
        ("private_defences",),
    ),
    "ledger: jobs at once against a cap, on both databases": (
        ("tests/integration/ledger/test_races.py",), tuple(f"race_{b}" for b in BACKENDS),
    ),
    "ledger: killed with -9 at each named point, and restored": (
        ("tests/integration/ledger/test_killed.py", "tests/integration/ledger/test_restored.py"),
        tuple(f"kills_{b}" for b in BACKENDS),
    ),
    "ledger: random steps and crashes beside a model": (
        ("tests/integration/ledger/test_properties.py", "tests/integration/ledger/test_spends.py",
         "tests/integration/ledger/test_balances.py"),
        tuple(f"sequences_{b}" for b in BACKENDS),
    ),
    "private jobs in the workflow: charged once, answered once, whatever ends between": (
        ("tests/unit/workflow/test_private_jobs.py", "tests/unit/workflow/test_parallel_releases.py",
         "tests/unit/workflow/test_budgets.py", "tests/unit/workflow/test_spends.py"), (),
    ),
    "bounds, refusals, records, words and forecasts": (
        ("tests/spec/query/test_private_bounds.py", "tests/spec/query/test_private_refusals.py", "tests/unit/privacy",
         "tests/integration/rehearse/test_private_query.py"), (),
    ),
}  # fmt: skip


def whole_line(name: str, folder: Path) -> Line:
    """One property; its figures pass through `folder`."""
    files, told = PROPERTIES[name]
    return property_line(name, files, told, SIZES, SEED, folder)
