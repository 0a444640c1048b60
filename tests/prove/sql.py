"""The full proof of "Free SQL": the properties of the everyday suite at full size; figures go to
docs/proofs/sql.json."""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.cold import cold_lines
from bench.samples import sample_lines
from tests.prove import mutants
from tests.prove.properties import property_line
from tests.prove.record import Line, write

SEED = 20261124
GENERATIVE = "tests/generative/query"
SIZES = {
    "PROOF_QUERIES": 3000,
    "PROOF_WORLDS": 3,
    "PROOF_EVIDENCE_QUERIES": 3000,
    "PROOF_SUBMISSIONS": 100_000,
    "PROOF_PROCESSES": 2,
    "PROOF_EXPRESSIONS": 600,
    "PROOF_CALLS": 2000,
    "PROOF_MADE_AMOUNTS": 300,
}
PROPERTIES = {
    "years, non-interference and scanned columns of generated queries": ("test_shapes.py", ("shapes",)),
    "TPC-H and TPC-DS attributed": ("test_tpc.py", ("tpch", "tpcds")),
    "evidence: reference evaluator, removals, changes of attributes": ("test_evidence.py", ("evidence",)),
    "meaning: engine, reference and folding of generated expressions": ("test_scalars.py", ("scalars",)),
    "fuzzed submissions": ("test_fuzz.py", ("fuzz",)),
    "every function of the parser with too few arguments": ("test_arguments_missing.py", ("calls",)),
    "non-interference of every accepted sample": ("test_samples_scrambled.py", ()),
    "verdicts of the samples": ("test_sample_verdicts.py", ()),
    "an amount within the catalogue moves a mean by at most two steps": ("test_made_amounts.py", ()),
}
MUTANTS, SCORE = 60, 0.85
"""Changes tried in each module, and the share of them that the fast tests must see."""

CHECK_MS, COLD_MS = 10, 700


def _line(name: str, folder: Path) -> Line:
    file, told = PROPERTIES[name]
    return property_line(name, [f"{GENERATIVE}/{file}"], told, SIZES, SEED, folder)


def mutation_line() -> Line:
    figures = mutants.run(list(mutants.MODULES), MUTANTS, SEED)
    score = figures.get("score", 0.0)
    return Line("mutation testing of scope, uses, years, kinds", isinstance(score, float) and score >= SCORE, figures)


def speed_lines() -> list[Line]:
    (sample,), (cold,) = sample_lines(), cold_lines()
    return [
        Line(
            "check of the samples in one process",
            sample.ours_ms <= CHECK_MS,
            {"median_ms": sample.ours_ms, "limit": CHECK_MS, "ratio_to_parse_and_qualify": sample.ratio},
            sample.note,
        ),
        Line(
            "broker check from the shell, cold",
            cold.ours_min_ms <= COLD_MS,
            {
                "median_ms": cold.ours_ms,
                "fastest_ms": cold.ours_min_ms,
                "limit": COLD_MS,
                "ratio_to_import": cold.ratio,
            },
        ),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="prove-b-") as name, ThreadPoolExecutor(2) as pool:
        lines = list(pool.map(lambda p: _line(p, Path(name)), PROPERTIES))
    lines += [*speed_lines(), mutation_line()]
    sys.exit(0 if write("sql", SEED, lines) else 1)


if __name__ == "__main__":
    main()
