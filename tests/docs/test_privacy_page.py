"""docs/privacy.md says what is true: its queries are accepted or refused as it says, its figures are right."""

import re
from datetime import date
from math import ceil, exp

import pytest

from broker.domain.jobs import Kind
from broker.policy.files import load_policies
from broker.workflow.check import Checked, check_submission
from tests.docs.commands import ROOT

PAGE = (ROOT / "docs" / "privacy.md").read_text()
POLICIES = load_policies(ROOT / "policies")
REFUSED = dict(re.findall(r"^### ([a-z-]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def blocks(text: str) -> list[str]:
    return re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


def checked(text: str) -> Checked:
    project = POLICIES.project("P0733")
    assert project is not None
    return check_submission(text, Kind.SQL, project.dialect, project, POLICIES, date(2026, 11, 24))


@pytest.mark.parametrize("number", range(len(blocks(PAGE.partition("\n### ")[0]))))
def test_what_can_be_asked_is_accepted(number: int) -> None:
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
    assert f"{POLICIES.service.time_slot_seconds} seconds" in PAGE.replace("ten", "10")
