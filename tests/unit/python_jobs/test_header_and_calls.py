"""The header against the calls in the code: refusals with place and advice. Calls that the check cannot read pass."""

from datetime import date
from pathlib import Path

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.python_jobs.script_check import check_python
from broker.workflow.checking.submission_check import check_submission

POLICIES = load_policies(Path(__file__).parents[3] / "policies")
(PROJECT,) = (p for p in POLICIES.projects if p.ident == "P0421")
HEADER = """# input: npd.absence [LA, URN] 2020/2021
# input: ref.schools
# output: table.csv | A table
# output: chart.png | A chart
import npd as n
from npd import output, load as read
"""


def refusals(text: str) -> list[tuple[str, int | None, int | None]]:
    return [(r.code, r.line, r.column) for r in check_python(HEADER + text, PROJECT, POLICIES).refusals]


@pytest.mark.parametrize(("text", "code", "column"), [
    ('x = load("spring_census")', "table-not-mounted", 10),
    ('x = read("npd.Spring_Census")', "table-not-mounted", 10),
    ('n.table(name="nothing")', "table-not-mounted", 14),
    ('n.table("absence", variables=["LA", "SENprovision"])', "variable-not-mounted", 37),
    ('n.table("absence", ["LAA"])', "variable-not-mounted", 21),
    ('output.table(rows, by="LA", name="tabel")', "output-not-declared", 34),
    ('output.table(rows, "LA", {}, "tabel")', "output-not-declared", 30),
    ("output.table(rows)", "output-not-declared", 1),
    ('n.output.figure(made, "bar", "plot")', "output-not-declared", 30),
    ('n.output.regression("y ~ x", rows, name="model")', "output-not-declared", 41),
    ('n.output.file("/out/note.txt")', "output-not-declared", 15),
])  # fmt: skip
def test_what_the_header_lacks_is_refused_at_its_place(text: str, code: str, column: int) -> None:
    assert refusals(text) == [(code, 7, column)]


@pytest.mark.parametrize("text", [
    'load("absence"); read("NPD.ABSENCE"); n.table("schools", variables=["URN", "Phase"])',
    'n.table("absence", variables=["la"])',
    'output.table(rows, by="LA", name="table"); output.figure(made, name="chart.png"); output.file("table.csv")',
    "for name in names: load(name)", "output.table(rows, **more)", "output.table(*everything)",
    'def load(x): return x\nload("anything")',
    'import json\njson.load("anything")',
    'frame.table("x"); output = 3; output.table("x")',
])  # fmt: skip
def test_what_is_there_or_cannot_be_known_is_left_alone(text: str) -> None:
    assert refusals(text) == []


def test_the_advice_says_what_to_write() -> None:
    found = check_python(HEADER + 'load("absense")\nload("spring_census")', PROJECT, POLICIES).refusals
    assert [r.advice for r in found] == [
        "Write `# input: npd.absence` in the header. Did you mean absence?",
        "Write `# input: npd.spring_census` in the header.",
    ]


def test_without_an_input_line_all_of_the_grant_is_mounted() -> None:
    assert check_python('load("spring_census")\nload("absence")', PROJECT, POLICIES).refusals == ()
    (refusal,) = check_python('load("npd.cla")', PROJECT, POLICIES).refusals
    assert refusal.code == "table-not-mounted"


def test_a_table_that_nobody_has_is_refused_in_the_header_alone() -> None:
    text = '# input: spring_census\n# output: table.csv | A table\nimport npd\nnpd.table("spring_census", ["LA"])'
    found = check_submission(text, JobKind.PYTHON, PROJECT.dialect, PROJECT, POLICIES, date(2026, 11, 24))
    assert [(r.code, r.line) for r in found.refusals] == [("unknown-table", 1)]
