"""The full proof of "Disclosure control": attacks on repaired tables and jobs, every finding with its defence removed,
worked examples, evidence by certificates, and speed; figures go to docs/proofs/disclosure.json."""

import sys

from bench.acro import acro_lines
from bench.evidence import evidence_lines
from bench.harness import Line as Speed
from bench.rehearse import rehearse_lines
from bench.repair import repair_lines
from tests.prove.properties import property_lines
from tests.prove.record import Line, write

SEED = 20261125
SIZES = {
    "PROOF_TABLES": 500,
    "PROOF_OPTIMA": 40,
    "PROOF_JOBS": 1000,
    "PROOF_DEFENCES": "all",
    "PROOF_CERTIFIED_WORLDS": 150,
    "PROOF_BESIDE_QUERIES": 400,
}
GENERATIVE, SPEC = "tests/generative/disclosure", "tests/spec/disclosure"
PROPERTIES = {
    "random tables through repair, then an independent attacker": (
        (f"{GENERATIVE}/test_repair_attacked.py",), ("repair",)
    ),
    "information loss beside the optimum": ((f"{GENERATIVE}/test_repair_optimal.py",), ("optimal",)),
    "random jobs of linked tables, then an outsider": ((f"{GENERATIVE}/test_linked_jobs.py",), ("linked",)),
    "findings of attackers, each with its defence removed": (
        ("tests/attacks/test_findings_of_disclosure.py", "tests/attacks/test_defences.py"), ("defences",)
    ),
    "worked examples and drawn tables": ((SPEC, "tests/unit/disclosure"), ()),
    "silence, from the researcher's side": (
        ("tests/unit/workflow/test_silence_at_the_door.py", "tests/unit/workflow/test_silence.py",
         f"{GENERATIVE}/test_silence.py", f"{GENERATIVE}/test_hidden_values_in_programs.py"), ()
    ),
    "evidence by certificates against a look at everybody": (
        ("tests/generative/query/test_certified_evidence.py",), ("certified",)
    ),
    "rules by column against every rule asked of every cell": (
        (f"{GENERATIVE}/test_screens.py", "tests/integration/engine/test_read_cells.py"), ()
    ),
    "institutions and record keys against the reference": (
        ("tests/generative/query/test_extra_evidence.py",), ("beside",)
    ),
}  # fmt: skip


def speed_line(name: str, found: Speed, is_met: bool, limit: str) -> Line:
    figures = {"ours_ms": found.ours_ms, "baseline_ms": found.baseline_ms, "ratio": found.ratio, "limit": limit}
    return Line(name, is_met, figures, found.note)


def speed_lines() -> list[Line]:
    lines = []
    for found, most in zip(evidence_lines(), (None, None, 1.5, None, None, None, 3.0, None), strict=True):
        if most is not None:
            lines.append(speed_line(found.name, found, found.ratio <= most, f"{most} x the plain query"))
        else:
            lines.append(speed_line(f"{found.name} (a part)", found, True, "none: shows what the whole is made of"))
    for found, seconds in zip(repair_lines(), (5, 5, 60), strict=True):
        lines.append(speed_line(found.name, found, found.ours_ms <= seconds * 1000, f"{seconds} s"))
    for found in acro_lines():
        lines.append(speed_line(found.name, found, found.ratio <= 0.1, "0.1 x acro"))
    for found in rehearse_lines():
        lines.append(speed_line(found.name, found, found.ours_ms <= 2000, "2 s"))
    return lines


def main() -> None:
    lines = speed_lines() + property_lines(PROPERTIES, SIZES, SEED)
    sys.exit(0 if write("disclosure", SEED, lines) else 1)


if __name__ == "__main__":
    main()
