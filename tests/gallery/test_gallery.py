"""Eight analyses of researchers, each in the real container, with the verdicts on its outputs.

docs/reference/gallery.md says the same in words.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from broker.disclosure.records.staff_record_json import staff_record_to_json
from broker.domain.findings import Verdict
from broker.domain.jobs.job import OutputKind
from broker.domain.staff_records import StaffRecord
from tests.gallery.conftest import RUNTIMES

pytestmark = [pytest.mark.long, pytest.mark.docker]
TABLE, FILE = OutputKind.TABLE, OutputKind.FILE
WANTED: dict[str, dict[str, tuple[OutputKind, set[Verdict]]]] = {
    "cohort_table": {"cohort.csv": (TABLE, {Verdict.REVIEW})},
    "absence_fixed_effects": {"absence.csv": (TABLE, {Verdict.REVIEW})},
    "attainment_logit": {"expected.csv": (TABLE, {Verdict.REVIEW})},
    "school_variation": {"variation.csv": (TABLE, {Verdict.REVIEW})},
    "decomposition": {"parts.csv": (TABLE, {Verdict.REVIEW}), "model.csv": (TABLE, {Verdict.REVIEW, Verdict.REFUSE})},
    "survival": {"survival.csv": (FILE, {Verdict.REVIEW})},
    "clustering": {"clusters.csv": (FILE, {Verdict.REVIEW})},
    "figure": {"by_year_group.png": (FILE, {Verdict.REVIEW})},
    "drawn_figure": {"shares.csv": (TABLE, {Verdict.REVIEW}), "shares_drawn.svg": (FILE, {Verdict.REVIEW})},
}
"""Never PUBLISH: what a script prepared is looked at by a person, whatever the rules say of its figures."""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", WANTED)
def test_an_analysis_and_its_verdict(gallery, name, runtime):
    made = gallery.run(name, runtime)
    told = {p.name: (p.kind, p.verdict, _why(p.record)) for p in made}
    _write_figures(f"{name} on {runtime}", {p.name: p.verdict.value for p in made})
    assert set(told) == set(WANTED[name]), told
    for output, (kind, verdicts) in WANTED[name].items():
        assert told[output][0] is kind, told
        assert told[output][1] in verdicts, told
    assert all(p.candidate for p in made)
    for table in (p for p in made if p.kind is TABLE):
        shown = [c for line in table.candidate.decode().splitlines()[1:] for c in line.split(",")[1:]]
        assert any(c not in {"c", ""} for c in shown), table.candidate.decode()


def _write_figures(name: str, verdicts: dict[str, str]) -> None:
    """The figures of a proof."""
    if "PROOF_FIGURES" in os.environ:
        file = Path(os.environ["PROOF_FIGURES"]) / "gallery.json"
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(before | {name: verdicts}))


def _why(record: StaffRecord) -> Any:
    document = staff_record_to_json(record)
    return document.get("problem"), document.get("summary"), document.get("findings", [])[-3:]
