"""The full proof of "Close what attackers found": each attack rebuilt, each defence taken out, the search for decoders
at size, time, reconstruction, hostile files, evidence by removal, and what still leaves; figures go to
docs/proofs/attacks.json. It goes on where it stopped: a line that is met is not run again on the same commit.

`python -m tests.prove.attacks [WORD ...]` runs only the lines whose names hold one of the words, and writes nothing."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.attacks.profiles import SHIPPED
from tests.prove.attack_lists import file_of, lists
from tests.prove.properties import property_line
from tests.prove.ranges import Told, resumed
from tests.prove.record import ROOT, Line, write

SEED = 20261127
SIZES = {
    "PROOF_DECODERS_TEXTS": 20_000, "PROOF_DECODERS_END_TO_END": 1_500,
    "PROOF_DECODERS_PROCESSES": 2, "PROOF_TIMES": 200, "PROOF_STEP": 5, "PROOF_FUZZED_FILES": 2_000,
    "PROOF_JOBS_BESIDE": 20, "PROOF_JOBS": 6_000,
    "PROOF_EVIDENCE": 6_000, "PROOF_HOLES": 300, "PROOF_DENIALS": 40, "PROOF_REACH": 40, "PROOF_RECONSTRUCTION": 400,
    "PROOF_FAIR": 20, "PROOF_PLANNED": 2_000, "PROOF_AMOUNT_TOWNS": 8,
}  # fmt: skip
ALL_DEFENCES = {"PROOF_DEFENCES": "all"}
"""Each is seen at the sizes of every day."""
REMOVED = "each defence taken out is seen"
ATTACKS = "tests/attacks"
Property = tuple[Sequence[str], Sequence[str]]
SERIES = tuple(f"denials_in_series_{profile}" for profile in SHIPPED)
BRANCHES = tuple(f"branches_{attack}_{profile}" for attack in ("totals", "padded") for profile in SHIPPED)
ENDINGS = ("withdrawn", "withdrawn_later", "failed", "left_nothing", "withheld", "in_review")


def files(*names: str) -> list[str]:
    return [f"{ATTACKS}/test_{name}.py" for name in names]


PROPERTIES: Mapping[str, Property] = {
    "SQL attacks rebuilt: branches, holes, reach, series": (
        files("branches_as_amounts", "holes", "reach", "denials_in_series"), (*BRANCHES, "holes", "reach", *SERIES),
    ),
    "scripts' attacks rebuilt: time, neighbours, files, unread scripts, low findings": (
        files("neighbours", "unread_scripts", "low_findings"),
        (
            "neighbours_runc", "neighbours_runsc", *(f"unread_scripts_{ending}" for ending in ENDINGS),
            "unread_scripts_at_once", "low_findings_lock_out", "low_findings_bodies",
        ),
    ),
    REMOVED: (
        files("attack_defences"), tuple(f"defences_{name}" for name in lists()),
    ),
    "the search for decoders: nothing beyond a rounding edge depends on one child": (
        files("decoder_search"), ("decoders_in_process", "decoders_end_to_end"),
    ),
    "time: 200 drawn secrets tell at most what the slots state": (files("times_as_carriers"), ("times",)),
    "fairness: whoever waits behind 20 long scripts starts at the end of a slot": (files("fairness"), ("fairness",)),
    "private questions: refused, or planned before they are charged": (
        files("planned_questions", "private_plans"), ("planned",),
    ),
    "what fell out of the automatic lane, with reasons": (("tests/docs/test_reach_page.py",), ("lane",)),
    "reconstruction at 100, 200 and all allowed counts; ordinary tables leave": (
        files("reconstruction"),
        ("reconstruction", "reconstruction_capped", "ordinary_tables"),
    ),
    "hostile files: fuzzed and written, in memory and time": (
        files("hostile_files"), ("hostile_files", "hostile_files_delay"),
    ),
    "whole jobs of composed outputs are judged without an error": (files("whole_jobs"), ("whole_jobs",)),
    "evidence by removal of each person": (files("evidence_by_removal"), (f"evidence_by_removal_{SEED}",)),
}  # fmt: skip
REST = "every other attack that was ever rebuilt stays shut"


def properties() -> dict[str, Property]:
    """The lines above, and one of all other files of attacks."""
    named = {file for given, _ in PROPERTIES.values() for file in given}
    others = sorted(str(p.relative_to(ROOT)) for p in (ROOT / ATTACKS).glob("test_*.py"))
    return {**PROPERTIES, REST: ([f for f in others if f not in named], ())}


def main(words: Sequence[str]) -> None:
    asked = {t: p for t, p in properties().items() if not words or any(w.casefold() in t.casefold() for w in words)}
    with tempfile.TemporaryDirectory(prefix="prove-attacks-") as folder:
        lines = [_line(Path(folder), title, *given) for title, given in asked.items()]
    if words:
        print(*lines, sep="\n")
        sys.exit(0 if all(line.met for line in lines) else 1)
    sys.exit(0 if write("attacks", SEED, lines) else 1)


def _line(folder: Path, title: str, given: Sequence[str], told: Sequence[str]) -> Line:
    sizes, read = (ALL_DEFENCES, map(file_of, lists())) if title == REMOVED else (SIZES, ())

    def run() -> Told:
        return asdict(property_line(title, given, told, sizes, SEED, folder))

    return Line(**resumed(f"attacks {title}", run, {"files": [*given, *read], "sizes": sizes}))


if __name__ == "__main__":
    main(sys.argv[1:])
