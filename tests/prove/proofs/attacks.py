"""Each attack that was ever found is rebuilt and stays shut; the search for decoders finds none."""

from tests.attacks.profiles import SHIPPED
from tests.prove.proof import ROOT, Proof, Tests

SEED = 20261127
ATTACKS = "tests/attacks"
ENDINGS = ("withdrawn", "withdrawn_later", "failed", "left_nothing", "withheld", "in_review")


def files(*names: str) -> list[str]:
    return [f"{ATTACKS}/test_{name}.py" for name in names]


NAMED = {
    "SQL attacks rebuilt: branches, holes, reach, series": Tests(
        files("branches_as_amounts", "holes", "reach", "denials_in_series"),
        [*(f"branches_{attack}_{profile}" for attack in ("totals", "padded") for profile in SHIPPED), "holes", "reach",
         *(f"denials_in_series_{profile}" for profile in SHIPPED)],
    ),
    "scripts' attacks rebuilt: time, neighbours, files, unread scripts, low findings": Tests(
        files("neighbours", "unread_scripts", "low_findings"),
        ["neighbours_runc", "neighbours_runsc", *(f"unread_scripts_{ending}" for ending in ENDINGS),
         "unread_scripts_at_once", "low_findings_lock_out", "low_findings_bodies"],
    ),
    "the search for decoders: nothing beyond a rounding edge depends on one child": Tests(
        files("decoder_search"), ["decoders_in_process", "decoders_end_to_end"]
    ),
    "time: 200 drawn secrets tell at most what the slots state": Tests(files("times_as_carriers"), ["times"]),
    "fairness: whoever waits behind 20 long scripts starts at the end of a slot": Tests(
        files("fairness"), ["fairness"]
    ),
    "private questions: refused, or planned before they are charged": Tests(
        files("planned_questions", "private_plans"), ["planned"]
    ),
    "what fell out of the automatic lane, with reasons": Tests(["tests/docs/test_reach_page.py"], ["lane"]),
    "reconstruction at 100, 200 and all allowed counts; ordinary tables leave": Tests(
        files("reconstruction"), ["reconstruction", "reconstruction_capped", "ordinary_tables"]
    ),
    "hostile files: fuzzed and written, in memory and time": Tests(
        files("hostile_files"), ["hostile_files", "hostile_files_delay"]
    ),
    "whole jobs of composed outputs are judged without an error": Tests(files("whole_jobs"), ["whole_jobs"]),
    "evidence by removal of each person": Tests(files("evidence_by_removal"), [f"evidence_by_removal_{SEED}"]),
}  # fmt: skip


def others() -> list[str]:
    named = {file for tests in NAMED.values() for file in tests.files}
    paths = sorted(str(path.relative_to(ROOT)) for path in (ROOT / ATTACKS).glob("test_*.py"))
    return [path for path in paths if path not in named]


PROOF = Proof(
    "each attack that was ever found is rebuilt and stays shut; the search for decoders finds none",
    seed=SEED,
    sizes={
        "PROOF_DECODERS_TEXTS": 20_000, "PROOF_DECODERS_END_TO_END": 1_500, "PROOF_DECODERS_PROCESSES": 2,
        "PROOF_TIMES": 200, "PROOF_STEP": 5, "PROOF_FUZZED_FILES": 2_000, "PROOF_JOBS_BESIDE": 20, "PROOF_JOBS": 6_000,
        "PROOF_EVIDENCE": 6_000, "PROOF_HOLES": 300, "PROOF_DENIALS": 40, "PROOF_REACH": 40,
        "PROOF_RECONSTRUCTION": 400, "PROOF_FAIR": 20, "PROOF_PLANNED": 2_000, "PROOF_AMOUNT_TOWNS": 8,
    },
    tests={**NAMED, "every other attack that was ever rebuilt stays shut": Tests(others())},
)  # fmt: skip
