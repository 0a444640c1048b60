"""SQL that analysts write is understood, with its exact years, and computed as its dialect says."""

from collections.abc import Iterator

from bench.cold import cold_lines
from bench.samples import sample_lines
from tests.prove import mutants
from tests.prove.proof import Line, Proof, Tests

SEED = 20261124
GENERATIVE = "tests/generative/query"
MUTANTS, SCORE = 60, 0.85
"""Changes tried in each module, and the share of them that the fast tests must see."""
CHECK_MS, COLD_MS = 10, 700


def mutation() -> Iterator[Line]:
    figures = mutants.run(list(mutants.MODULES), MUTANTS, SEED)
    score = figures.get("score", 0.0)
    yield Line("mutation testing of scope, uses, years, kinds", isinstance(score, float) and score >= SCORE, figures)


def speed() -> Iterator[Line]:
    (sample,), (cold,) = sample_lines(), cold_lines()
    figures = {"median_ms": sample.ours_ms, "limit": CHECK_MS, "ratio_to_parse_and_qualify": sample.ratio}
    yield Line("check of the samples in one process", sample.ours_ms <= CHECK_MS, figures, sample.note)
    figures = {
        "median_ms": cold.ours_ms, "fastest_ms": cold.ours_min_ms, "limit": COLD_MS, "ratio_to_import": cold.ratio
    }  # fmt: skip
    yield Line("broker check from the shell, cold", cold.ours_min_ms <= COLD_MS, figures)


def generative(file: str, *figures: str) -> Tests:
    return Tests([f"{GENERATIVE}/{file}.py"], figures)


SIZES = {
    "PROOF_QUERIES": 3000, "PROOF_WORLDS": 3, "PROOF_EVIDENCE_QUERIES": 3000, "PROOF_SUBMISSIONS": 100_000,
    "PROOF_PROCESSES": 2, "PROOF_EXPRESSIONS": 600, "PROOF_CALLS": 2000, "PROOF_MADE_AMOUNTS": 300,
}  # fmt: skip
TESTS = {
    "years, non-interference and scanned columns of generated queries": generative("test_shapes", "shapes"),
    "TPC-H and TPC-DS attributed": generative("test_tpc", "tpch", "tpcds"),
    "evidence: reference evaluator, removals, changes of attributes": generative("test_evidence", "evidence"),
    "meaning: engine, reference and folding of generated expressions": generative("test_scalars", "scalars"),
    "fuzzed submissions": generative("test_fuzz", "fuzz"),
    "every function of the parser with too few arguments": generative("test_arguments_missing", "calls"),
    "non-interference of every accepted sample": generative("test_samples_scrambled"),
    "verdicts of the samples": generative("test_sample_verdicts"),
    "an amount within the catalogue moves a mean by at most two steps": generative("test_made_amounts"),
}
PROOF = Proof(
    "SQL that analysts write is understood, with its exact years, and computed as its dialect says",
    seed=SEED,
    sizes=SIZES,
    tests=TESTS,
    measured={"speed": speed, "mutation testing": mutation},
    at_once=2,
)
