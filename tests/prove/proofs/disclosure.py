"""Released tables do not isolate a few people, and rules cost little time."""

from collections.abc import Iterator

from bench.acro import acro_lines
from bench.evidence import evidence_lines
from bench.harness import Line as Speed
from bench.rehearse import rehearse_lines
from bench.repair import repair_lines
from tests.prove.proof import Line, Proof, Tests

GENERATIVE, WORKFLOW = "tests/generative/disclosure", "tests/unit/workflow"


def line(name: str, found: Speed, is_met: bool, limit: str) -> Line:
    figures = {"ours_ms": found.ours_ms, "baseline_ms": found.baseline_ms, "ratio": found.ratio, "limit": limit}
    return Line(name, is_met, figures, found.note)


def speed() -> Iterator[Line]:
    for found, most in zip(evidence_lines(), (None, None, 1.5, None, None, None, 3.0, None), strict=True):
        if most is not None:
            yield line(found.name, found, found.ratio <= most, f"{most} x the plain query")
        else:
            yield line(f"{found.name} (a part)", found, True, "none: shows what the whole is made of")
    for found, seconds in zip(repair_lines(), (5, 8, 90), strict=True):
        yield line(found.name, found, found.ours_ms <= seconds * 1000, f"{seconds} s")
    for found in acro_lines():
        yield line(found.name, found, found.ratio <= 0.1, "0.1 x acro")
    for found in rehearse_lines():
        yield line(found.name, found, found.ours_ms <= 2000, "2 s")


PROOF = Proof(
    "released tables do not isolate a few people, and rules cost little time",
    seed=20261125,
    sizes={"PROOF_CERTIFIED_WORLDS": 150, "PROOF_BESIDE_QUERIES": 400},
    tests={
        "findings of attackers": Tests(["tests/attacks/test_findings_of_disclosure.py"]),
        "worked examples and drawn tables": Tests(["tests/spec/disclosure", "tests/unit/disclosure"]),
        "silence, from the researcher's side": Tests(
            [f"{WORKFLOW}/test_silence_at_the_door.py", f"{WORKFLOW}/test_silence.py", f"{GENERATIVE}/test_silence.py",
             f"{GENERATIVE}/test_hidden_values_in_programs.py"]
        ),
        "evidence by certificates against a look at everybody": Tests(
            ["tests/generative/query/test_certified_evidence.py"], ["certified"]
        ),
        "rules by column against every rule asked of every cell": Tests(
            [f"{GENERATIVE}/test_screens.py", "tests/integration/engine/test_read_cells.py"]
        ),
        "institutions and record keys against the reference": Tests(
            ["tests/generative/query/test_extra_evidence.py"], ["beside"]
        ),
    },
    measured={"speed": speed},
)  # fmt: skip
