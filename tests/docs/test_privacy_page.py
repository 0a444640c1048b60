"""docs/explanation/privacy.md is true: the broker accepts or refuses its queries as stated, and its figures are
right."""

import re
from datetime import date
from math import ceil, exp

import pytest

from broker.domain.jobs.job import JobKind
from broker.policy.files import load_policies
from broker.workflow.checking.submission_check import CheckedSubmission, check_submission
from broker.workflow.private_jobs.private_outputs import method_record
from broker.workflow.private_jobs.private_request import PrivateScript
from tests.docs.commands import ROOT
from tests.docs.test_commands_in_docs import RUN_HERE

PAGE = (ROOT / "docs" / "explanation" / "privacy.md").read_text()
POLICIES = load_policies(ROOT / "policies")
REFUSED = dict(re.findall(r"^### ([a-z-]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def blocks(text: str) -> list[str]:
    return re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


def checked(text: str) -> CheckedSubmission:
    project = POLICIES.project("P0733")
    assert project is not None
    return check_submission(text, JobKind.SQL, project.dialect, project, POLICIES, date(2026, 11, 24))


@pytest.mark.parametrize("number", range(len(blocks(PAGE.partition("\n### ")[0]))))
def test_queries_of_the_page_are_accepted(number: int) -> None:
    found = checked(blocks(PAGE.partition("\n### ")[0])[number])
    assert found.refusals == ()
    assert found.private is not None


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_is_refused_and_what_to_write_instead_is_not(code: str) -> None:
    before, instead = blocks(REFUSED[code])
    assert {r.code for r in checked(before).refusals} == {code}
    assert checked(instead).refusals == ()


def test_the_odds_are_right() -> None:
    rows = re.findall(r"^\| ([\d.]+) \| (\d+) % \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    assert all(int(told) == ceil(100 / (1 + exp(-float(epsilon)))) for epsilon, told in rows)


def test_the_first_query_is_the_demos() -> None:
    demo = (ROOT / "broker" / "demo" / "jobs" / "attendance.sql").read_text()
    lines = [line for line in demo.splitlines() if not line.startswith("-- Pupils")]
    assert blocks(PAGE)[0].split() == "\n".join(lines).split()


def test_the_forms_of_lines_are_understood() -> None:
    text = blocks(PAGE)[0].partition("\n")[2]
    for line in re.findall(r"^\| `(-- private: [^`]+)`", PAGE, re.MULTILINE):
        assert {r.code for r in checked(f"{line}\n{text}").refusals} <= {"private-error"}, line
    *most, last = [f"{seconds // 60}" for seconds in POLICIES.service.time_slots]
    assert f"{', '.join(most)} or {last} minutes" in " ".join(PAGE.split())


def fields(found: object) -> set[str]:
    if isinstance(found, dict):
        own = {k for k in found if k not in DATA}
        return own.union(*(fields(v) for v in found.values()))
    return set[str]().union(*(fields(v) for v in found)) if isinstance(found, list | tuple) else set()


DATA = {"NCyearActual", "MonthOfBirth", "LA", "often"}
"""Keys of queries, which are names in a record."""


@pytest.mark.parametrize("number", [0, 2, 3])
def test_every_field_of_a_privacy_record_is_named(number: int) -> None:
    private = checked(blocks(PAGE)[number]).private
    assert private is not None
    own = {"name", "columns", "symbols", "notes"}
    assert {f for f in own | fields(method_record(private)) if f"`{f}`" not in PAGE} == set()


def test_its_command_is_run_by_the_test_of_commands() -> None:
    run = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert run
    assert set(run) <= {command for _, command in RUN_HERE}


def test_the_script_is_accepted_and_its_record_is_named() -> None:
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    project = POLICIES.project("P0733")
    assert project is not None
    found = check_submission(script, JobKind.PYTHON, project.dialect, project, POLICIES, date(2026, 11, 24))
    assert found.refusals == ()
    assert isinstance(found.private, PrivateScript)
    told = {f for f in fields(method_record(found.private)) if f"`{f}`" not in PAGE}
    assert told == set()
