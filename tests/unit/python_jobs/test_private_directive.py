"""The directive of a private script, its function, and its blocks: read, or refused with code and place."""

from datetime import date
from pathlib import Path

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import check_submission

ROOT = Path(__file__).resolve().parents[3]
POLICIES = load_policies(ROOT / "policies")
TODAY = date(2026, 11, 24)
LINE = "# private: epsilon 0.5, blocks 200, range [1, 12]"
INPUT = "# input: npd.absence [MonthOfBirth] 2022/2023"
ANSWER = 'def answer(tables):\n    return tables["absence"].MonthOfBirth.mean()\n'


def checked(line=LINE, body=ANSWER, header=INPUT, project="P0733"):
    found = POLICIES.project(project)
    assert found is not None
    return check_submission(f"{line}\n{header}\n{body}", JobKind.PYTHON, "duckdb", found, POLICIES, TODAY)


def refused(*given, **more):
    return {(r.code, r.line) for r in checked(*given, **more).refusals}


def test_a_private_script_is_accepted_without_a_review():
    found = checked()
    assert found.accepted, found.refusals
    assert found.is_private
    assert found.review == ()
    assert found.declared == (("answer", ""),)
    private = found.private
    assert (private.parameters.blocks, private.charge.micro, private.datasets) == (200, 500_000, ("npd.absence",))
    assert found.canonical.startswith("# private: epsilon 0.5, blocks 200, range answer [1, 12], mean\n")


def test_the_canonical_text_is_the_same_job():
    first = checked()
    project = POLICIES.project("P0733")
    again = check_submission(first.canonical, JobKind.PYTHON, "duckdb", project, POLICIES, TODAY)
    assert again.accepted
    assert again.canonical == first.canonical
    assert again.plan_hash == first.plan_hash
    assert again.private == first.private


@pytest.mark.parametrize("line", [
    "# private: blocks 200 , EPSILON 0.5, Range  [1,12]",
    "#private: epsilon 0.50, blocks 200, range answer [1, 12], mean",
])  # fmt: skip
def test_the_same_line_in_another_way_is_the_same_question(line):
    assert checked(line).plan_hash == checked().plan_hash


USUAL = "epsilon 0.5, blocks 200, range [1, 12]"
REFUSED = {
    "private-line": [
        "as little as it takes", "epsilon 0.5, range [1, 12]", "blocks 200, range [1, 12]",
        f"{USUAL}, range [1, 12], blocks 20", "epsilon 0.5, blocks 200, range a [1, 12], range A [1, 12]",
        "epsilon 0, blocks 200, range [1, 12]", f"{USUAL}, mean, median", f"{USUAL}, seconds 0", f"{USUAL}, mode",
        f"{USUAL}\n{LINE}", "epsilon 0.5, blocks 200, range answer_2 [1, 12], range [1, 12]",
        f"{USUAL}, range ANSWER_1 [1, 12]", "epsilon 0.\u0665, blocks 200, range [1, 12]",
        "epsilon 0.5, blocks \u0665\u0660, range [1, 12]",
    ],
    "private-range": ["epsilon 0.5, blocks 200", "epsilon 0.5, blocks 200, range [12, 1]"],
    "private-blocks": ["epsilon 0.5, blocks 19, range [1, 12]", "epsilon 0.5, blocks 2001, range [1, 12]"],
    "private-time": [f"{USUAL}, seconds 31", "epsilon 0.5, blocks 2000, range [1, 12], seconds 1"],
    "private-spend": ["epsilon 100, blocks 200, range [1, 12]"],
    "private-accounting": ["rho 0.1, blocks 200, range [1, 12]"],
}  # fmt: skip


@pytest.mark.parametrize(("code", "line"), [(code, line) for code, lines in REFUSED.items() for line in lines])
def test_what_a_line_cannot_say(code, line):
    assert {c for c, _ in refused(f"# private: {line}")} == {code}


@pytest.mark.parametrize("body", [
    "mean = 6\n", "def other(tables):\n    return 1\n", "def answer():\n    return 1\n",
    "def answer(tables, more):\n    return 1\n", "def answer(tables, *, more):\n    return 1\n",
    "def answer(tables):\n    yield 1\n", "def answer(tables):\n    pass\n",
    "async def answer(tables):\n    return 1\n", "class answer:\n    pass\n",
    "if True:\n    def answer(tables):\n        return 1\n",
])  # fmt: skip
def test_what_is_no_function(body):
    assert {c for c, _ in refused(body=body)} == {"private-answer"}


@pytest.mark.parametrize("body", [
    "def answer(tables, deep=3):\n    return deep\n", "def answer(*tables):\n    return 1\n",
    "answer = lambda tables: 1\n", "def helper(t):\n    return 1\nanswer = helper\n",
])  # fmt: skip
def test_what_is_one(body):
    assert refused(body=body) == set()


@pytest.mark.parametrize("header", [f"{INPUT}\n# input: swc.workforce [CensusYear] 2022", "# input: ref.schools [URN]"])
def test_a_second_kind_of_person_and_public_tables_alone_are_refused(header):
    assert ("private-unit", 1) in refused(header=header, project="P0421")


def test_a_project_of_private_queries_only_may_use_private_scripts():
    found = checked(line="# no line")
    assert {r.code for r in found.refusals} == {"differential-privacy-only"}
    assert "private-not-here" in {c for c, _ in refused(project="P0999")}


def test_one_output_and_its_name():
    header = f"{INPUT}\n# output: month.csv | Mean month of birth"
    assert checked(header=header).declared == (("month", "Mean month of birth"),)
    assert refused(header=f"{header}\n# output: b.csv | two") == {("private-output", 4)}


def test_only_libraries_are_imported_before_rows_come():
    body = "import pandas as pd\nfrom sklearn.linear_model import Ridge\nimport json\n" + ANSWER
    assert checked(body=body).private.program.modules == ("json", "pandas", "sklearn.linear_model")
