"""Differentially private answers keep their promised loss, and the ledger cannot be cheated."""

import re
from collections.abc import Callable, Iterator, Sequence

from bench.harness import Line as Speed
from bench.privacy import PROMISED, PROMISED_MB, privacy_lines
from bench.private_rivals import rival_lines
from tests.prove.proof import Line, Proof, Tests

PRIVACY, QUERY = "tests/generative/privacy", "tests/generative/query"
LEDGER, UNIT, ATTACKS = "tests/integration/ledger", "tests/unit", "tests/attacks"
MECHANISMS = (
    "a_count_one_row", "a_count_two_cells_of_two_rows", "a_count_three_rows_in_all_in_one_cell", "complementary_sums",
    "complementary_sums_at_the_end_of_the_clamp", "squares_with_a_row_that_lacks_x", "squares_in_the_middle",
)  # fmt: skip
AUDITS = (
    *(f"audit_{family}_{shape}" for family in ("laplace", "gaussian") for shape in MECHANISMS),
    "audit_choice_pure", "audit_choice_zcdp", "audit_threshold_laplace", "audit_threshold_gaussian", "audit_events",
)  # fmt: skip
QUERIES = (
    "one_row_of_several", "complementary_sums_of_all_rows", "several_years", "a_join_in_a_year", "a_join_without_bound",
    "a_table_twice", "persons_first", "distinct_persons", "margins", "a_median", "keys_of_the_data",
)  # fmt: skip
COVERAGES = ("accuracy", "coverage_pure", "coverage_approximate", "coverage_zcdp", "coverage_small", "margins")
BACKENDS = ("sqlite", "postgresql")
TENTH = 0.1
SPEEDS: Sequence[tuple[Callable[[], list[Speed]], Sequence[float | None]]] = (
    # Lines of the bench, and the most that each may take of its baseline; None: a part that has no limit of its own.
    (privacy_lines, (None, PROMISED, None)),
    (rival_lines, (TENTH, TENTH, TENTH, TENTH)),
)
MEMORY = re.compile(r"memory at most: (\d+) MB \+ noise process (\d+) MB, plain query (\d+) MB")
EVENTS = ("audit_events", "neighbours_events")


def speed() -> Iterator[Line]:
    for lines, limits in SPEEDS:
        for found, most in zip(lines(), limits, strict=True):
            yield _speed(found, most)


def _speed(found: Speed, most: float | None) -> Line:
    figures = {"ours_ms": found.ours_ms, "baseline_ms": found.baseline_ms, "ratio": found.ratio}
    if most is None:
        return Line(f"{found.name} (a part)", True, figures, found.note)
    figures |= {"most": most}
    is_met = found.ratio <= most
    if memory := MEMORY.search(found.note):
        ours, noise, plain = map(int, memory.groups())
        over = ours + noise - plain
        figures |= {"megabytes_over": over, "most_megabytes_over": PROMISED_MB}
        is_met = is_met and over <= PROMISED_MB
    return Line(found.name, is_met, figures, found.note)


def confidence(lines: Sequence[Line]) -> Line:
    """All audits together: the confidence is shared among more events than they have looked at."""
    told = [line.figures[part] for line in lines for part in EVENTS if part in line.figures]
    counts = [t for t in told if isinstance(t, dict)]
    looked = sum(t["events"] for t in counts)
    among = min((t["shared_among"] for t in counts), default=0)
    figures = {"events": looked, "shared_among": among, "confidence": "1 - 1e-9 over all shapes"}
    return Line("family-wise confidence of all audits", len(counts) == len(EVENTS) and looked <= among, figures)


PROOF = Proof(
    "differentially private answers keep their promised loss, and the ledger cannot be cheated",
    seed=20261125,
    sizes={
        "PROOF_NOISE": 100_000, "PROOF_SENSITIVITIES": 4000, "PROOF_RELEASES": 10, "PROOF_COVERAGES": 30,
        "PROOF_FITS": 100, "PROOF_MARGINS": 1500, "PROOF_BOUNDED_QUERIES": 2700, "PROOF_BOUNDED_WORLDS": 20,
        "PROOF_BOUNDED_REMOVED": 100, "PROOF_BOUNDED_EXACT": 600, "PROOF_TOTAL": 1500, "PROOF_LEDGER_JOBS": 200,
        "PROOF_LEDGER_KILLS": 40, "PROOF_LEDGER_OPENINGS": 20, "PROOF_LEDGER_SEQUENCES": 150,
    },
    # The longest first.
    tests={
        "guarantee: whole queries audited on neighbours, vaults, ranks and numbers made again": Tests(
            [f"{PRIVACY}/test_neighbours.py"], [*(f"neighbours_{s}" for s in QUERIES), "neighbours_events"]
        ),
        "sensitivity by brute force: every person removed, generated measurable queries": Tests(
            [f"{QUERY}/test_bounded_sensitivity.py"], ["bounded"]
        ),
        "no value ends a bounded statement or weighs more than a row": Tests([f"{QUERY}/test_bounded_errors.py"]),
        "findings of attackers and traps of other systems": Tests(
            [f"{ATTACKS}/test_findings_of_privacy.py", f"{ATTACKS}/test_traps_of_privacy.py"]
        ),
        "ledger: jobs at once against a cap, on both databases": Tests(
            [f"{LEDGER}/test_races.py"], [f"race_{b}" for b in BACKENDS]
        ),
        "ledger: killed with -9 at each named point, and restored": Tests(
            [f"{LEDGER}/test_killed.py", f"{LEDGER}/test_restored.py"], [f"kills_{b}" for b in BACKENDS]
        ),
        "ledger: random steps and crashes beside a model": Tests(
            [f"{LEDGER}/test_properties.py", f"{LEDGER}/test_spends.py", f"{LEDGER}/test_balances.py"],
            [f"sequences_{b}" for b in BACKENDS],
        ),
        "private jobs in the workflow: charged once, answered once, whatever ends between": Tests(
            [f"{UNIT}/workflow/test_{n}.py" for n in ("private_jobs", "parallel_releases", "budgets")]
        ),
        "bounds, refusals, records, words and forecasts": Tests(
            ["tests/spec/query/test_private_bounds.py", "tests/spec/query/test_private_refusals.py", f"{UNIT}/privacy",
             "tests/integration/rehearse/test_private_query.py"]
        ),
        "guarantee: mechanisms audited from below, bounds broken on purpose": Tests(
            [f"{PRIVACY}/test_audit.py"], AUDITS
        ),
        "sensitivities of bounded answers by brute force": Tests([f"{PRIVACY}/test_sensitivity.py"], ["sensitivity"]),
        "every charge is OpenDP's own map": Tests([f"{UNIT}/privacy/test_charges.py"]),
        "traps of other systems": Tests([f"{PRIVACY}/test_traps.py", "tests/integration/privacy"]),
        "accuracy, forecast and coverage": Tests([f"{PRIVACY}/test_accuracy.py"], COVERAGES),
        "margins against an independent least-squares fit": Tests([f"{PRIVACY}/test_margins.py"]),
    },
    measured={"speed": speed},
    at_once=2,
    over_all=confidence,
)  # fmt: skip
