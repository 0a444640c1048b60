"""The document of a rehearsal: values look as in a release, and a hidden cell shows only that it is hidden."""

from datetime import date
from decimal import Decimal

import pytest

from broker.cli.output.rehearsal_output import MOST_REASONS, MOST_ROWS, print_rehearsal, rehearsal_document
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE
from broker.domain.findings import AssessedRow, Assessment, Finding, Verdict
from broker.domain.jobs.job import JobKind, OutputState
from broker.domain.plans.scalars import Value
from broker.policy.data_catalogue import Catalogue
from broker.workflow.checking.submission_check import CheckedSubmission
from broker.workflow.rehearsal.query_rehearsal import RehearsedOutput, output_document
from broker.workflow.rehearsal.synthetic_data import SyntheticDataSpec

CHECKED = CheckedSubmission(JobKind.SQL, (), ("A person looks.",), ("Say it shorter.",), (), "", None, "")
WANTED = SyntheticDataSpec(Catalogue(version=1, codesets=(), tables=()), (2021, 2023), 500, 1)
FINDINGS = (Finding("F1", Verdict.SUPPRESS, "Too few.", (("persons", "3"),), ("a",), "n"),)


def row(key: str, value: Value, rules: tuple[str, ...] = ()) -> AssessedRow:
    hidden = bool(rules)
    return AssessedRow((key,), (key, 3), (key, value), (False, hidden), (Verdict.PUBLISH,) * 2, ((), rules), 3)


def document(*rows: AssessedRow, way: OutputState = OutputState.APPROVED, why: tuple[str, ...] = ()):
    symbols = (("c", "Not shown."),)
    found = Assessment("t", ("k", "n"), 1, rows, FINDINGS, Verdict.SUPPRESS, False, symbols, ("A note.",))
    outputs = [output_document(RehearsedOutput(found, way, why))]
    return rehearsal_document(CHECKED, {"outputs": outputs}, WANTED, {"check": 0.1})


@pytest.mark.parametrize(("value", "written"), [
    (15, 15), (Decimal("12.50"), 12.5), (Decimal("12.00"), 12), (0.1 + 0.2, 0.3), (date(2023, 1, 9), "2023-01-09"),
    ("x", "x"), (True, True), (None, None),
])  # fmt: skip
def test_a_value_has_the_digits_that_it_is_released_with(value, written):
    (output,) = document(row("a", value))["outputs"]
    assert repr(output["rows"]) == repr([["a", written]])


def test_a_hidden_cell_shows_its_rules_and_no_figure_of_a_finding():
    found = document(row("a", 3, ("F1", "P1")), row("b", 20))
    (output,) = found["outputs"]
    assert output["rows"] == [["a", None], ["b", 20]]
    assert output["hidden"] == [[False, True], [False, False]]
    assert output["rules"] == [[[], ["F1", "P1"]], [[], []]]
    assert output["meaning"] == {"F1": "Too few.", "P1": RULE_CATALOGUE["P1"].sentence}
    assert "persons" not in str(found)
    assert found["data"] == {"pupils": 500, "years": [2021, 2022, 2023], "seed": 1}


def test_people_read_all_of_it(capsys):
    print_rehearsal(document(row("a", None, ("F1",)), row("b", 20), way=OutputState.IN_REVIEW, why=("A1: why.",)))
    assert capsys.readouterr().out.splitlines() == [
        "accepted; rehearsed on a synthetic NPD of 500 pupils, 2021-2023",
        "note: A person looks.", "note: Say it shorter.", "",
        "output t", "k  n", "a  c", "b  20", "c: Not shown.", "A note.",
        "verdict: suppress; it would be reviewed by a checker", "  A1: why.",
        "hidden, and by which rules (shown for synthetic data only):", "  a: n: F1", "  F1: Too few.", "",
        "check 0.10 s",
    ]  # fmt: skip


def test_long_tables_and_long_lists_are_cut_and_say_so(capsys):
    print_rehearsal(document(*(row(f"k{n}", None, ("F1",)) for n in range(MOST_ROWS + 5))))
    out = capsys.readouterr().out
    assert "... and 5 more rows: --json has all" in out
    assert f"... and {MOST_ROWS + 5 - MOST_REASONS} more: --json has all" in out
