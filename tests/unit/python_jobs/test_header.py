"""Header lines of scripts: inputs become uses, outputs become declared files, and faults are told with their place."""

import time

import pytest

from broker.domain.plans.variable_uses import Usage
from broker.policy.files import load_policies
from broker.python_jobs.script_check import check_python
from broker.python_jobs.script_header import ScriptHeader, read_header
from tests.policy_sets import TEST_POLICIES

POLICIES = load_policies(TEST_POLICIES)
PROJECTS = {p.ident: p for p in POLICIES.projects}


def header(text: str, ident: str = "P0421") -> ScriptHeader:
    return read_header(text, PROJECTS[ident], POLICIES)


def used(text: str, ident: str = "P0421") -> list[tuple[str, str | None, list[int] | None]]:
    return [(u.table, u.variable, None if u.years is None else sorted(u.years)) for u in header(text, ident).uses]


# A header line, and the variables and years that it uses.
@pytest.mark.parametrize(("line", "names", "years"), [
    ("# input: npd.absence [URN, LA] 2018/2019-2022/2023", ["URN", "LA"], [2018, 2020, 2021, 2022]),
    ("#INPUT:NPD.Absence[urn la]2021/2022", ["URN", "LA"], [2021]),
    ("# input: npd.absence [LA] 2018/2019, 2021/2022", ["LA"], [2018, 2021]),
    ("# input: npd.absence [LA] 2018-2020", ["LA"], [2018, 2020]),
    ("# input: npd.absence [LA, la, LA]", ["LA"], [2015, 2016, 2017, 2018, 2020, 2021, 2022]),
    ("# input: leo.earnings [Earnings] 201920-202021", ["Earnings"], [2019, 2020]),
    ("# input: ref.schools [Region]", ["Region"], None),
])  # fmt: skip
def test_an_input_names_variables_and_years(line: str, names: list[str], years: list[int] | None) -> None:
    found = used(line)
    assert [name for _, name, _ in found] == names
    assert all(y == years for *_, y in found)
    assert header(line).refusals == []


def test_uses_are_reads_with_their_place() -> None:
    (use,) = header("# note\n# input: npd.absence [LA] 2022").uses
    assert (use.how, use.line, use.column) == ({Usage.READ}, 2, 23)


def test_without_brackets_all_granted_variables_are_meant_and_without_an_input_line_all_of_the_grant() -> None:
    names = {name for _, name, _ in used("# input: npd.absence 2022")}
    assert {"PupilMatchingRefAnonymous", "OverallAbsence_6HalfTerms"} <= names
    assert names == {g.variable for g in PROJECTS["P0421"].grants if g.table == "npd.absence"}

    assert {(t, v) for t, v, _ in used("x = 1")} == {(g.table, g.variable) for g in PROJECTS["P0421"].grants}


def test_bare_names_are_of_the_default_schema_and_what_was_not_granted_is_a_use_all_the_same() -> None:
    assert used("# input: npd_pupil [fsm]", "FIXTURE") == [("fixture.npd_pupil", "fsm", None)]
    assert used("# input: npd.cla 2020") == [("npd.cla", None, [2020])]
    assert used("# input: npd.absence [UPN] 2020") == [("npd.absence", "UPN", [2020])]
    assert used("# input: npd.none [x]") == [("npd.none", None, None)]


@pytest.mark.parametrize(("text", "code", "column"), [
    ("# input:", "header-syntax", 9),
    ("# input: npd.absence [LA", "header-syntax", 9),
    ("# input: npd.absence []", "header-syntax", 22),
    ("# input: npd.absence 2022/2023-2018/2019", "header-years", 22),
    ("# input: npd.absence 2019/2020", "header-years", 22),
    ("# input: npd.absence soon", "header-years", 22),
    ("# input: ref.schools 2020", "header-years", 22),
    ("# output: table.csv", "header-syntax", 11),
    ("# output: table.csv |", "header-syntax", 11),
    ("# output: ../table.csv | t", "output-name", 11),
    ("# output: a.b.csv | t", "output-name", 11),
    ("# output: manifest.json | t", "output-name", 11),
    ("# output: model.pkl | t", "output-type", 11),
    ("x = 1\n# input: npd.absence", "header-place", 1),
    ("# output: t.csv | t\n# output: T.csv | t", "output-twice", 11),
])  # fmt: skip
def test_faults(text: str, code: str, column: int) -> None:
    (refusal,) = header(text).refusals
    assert (refusal.code, refusal.column) == (code, column)
    assert refusal.line == text.count("\n") + 1
    assert refusal.advice


def test_declared_outputs() -> None:
    (output,) = header("# output: Table-1.csv | Absence | by LA").outputs
    assert (output.name, output.description) == ("Table-1.csv", "Absence | by LA")


LONG = ["# input: " + "a" * 60_000 + " [", "# input: npd.absence " + "2018," * 12_000, "# input: npd.absence\n" * 3_000]


@pytest.mark.parametrize("text", LONG, ids=["one name", "many years", "many lines"])
def test_long_headers_cost_no_more_than_their_length(text: str) -> None:
    started = time.process_time()
    assert header(text).refusals
    assert time.process_time() - started < 2


def test_the_whole_check_has_refusals_of_scan_and_header() -> None:
    found = check_python("# output: t.pkl | t\r\nimport ctypes\r\nimport socket", PROJECTS["P0421"], POLICIES)
    assert [(r.code, r.line) for r in found.refusals] == [("output-type", 1), ("module", 2)]
    assert found.canonical == "# output: t.pkl | t\nimport ctypes\nimport socket\n"
    assert len(found.uses) > 100
    assert len(found.review) == 2


def test_a_text_that_is_too_long_is_not_read() -> None:
    found = check_python("# input: npd.absence\n" + "x" * 70_000, PROJECTS["P0421"], POLICIES)
    assert [r.code for r in found.refusals] == ["too-long"]
    assert found.uses == ()
