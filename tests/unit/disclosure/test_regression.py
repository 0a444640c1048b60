"""R1 to R3 on the evidence of a fit: each rule finds its case, and an ordinary model passes."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from broker.disclosure.judge_regression import is_per_person, judge_regression, regression_findings, with_digits
from broker.domain.evidence import ModelFit, ModelFitCell, ModelFitColumn, ModelFitGroup
from broker.domain.findings import Verdict
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.files.yaml_reader import read_file

PROFILE = read_file(Path(__file__).parents[3] / "policies" / "profiles" / "npd-default.yaml", DisclosureRules)
CONSTANT = ModelFitColumn("(constant)", "constant", 1.23456, 0.1, 500, 500)
DUMMY = ModelFitColumn("sex[M]", "level", 0.54321, 0.2, 240, 260)
CELL = ModelFitCell(100, 40, 60, 1000.0, 50.0, 40.0, 9.0)
FIT = ModelFit(
    columns=(CONSTANT, DUMMY), cells=(), rows=1003, persons=500, residual_df=1001, absorbed_groups=0, clusters=0,
    groups=(ModelFitGroup("sex[F]", 260, 100, 160), ModelFitGroup("sex[M]", 240, 90, 150)),
    r_squared=0.123456, binary=False, leverage=0.02, influence=0.1,
)  # fmt: skip


def found(fit: ModelFit) -> set[tuple[str, Verdict]]:
    return {(f.rule, f.verdict) for f in regression_findings(fit, PROFILE)}


def test_an_ordinary_model_passes() -> None:
    assert found(FIT) == set()
    assert judge_regression("r", FIT, PROFILE).verdict is Verdict.PUBLISH


@pytest.mark.parametrize(("changed", "wanted"), [
    ({"residual_df": 9}, ("R1", Verdict.REFUSE)),
    ({"persons": 11}, ("R1", Verdict.REFUSE)),
    ({"clusters": 7}, ("R1", Verdict.REVIEW)),
    ({"groups": (ModelFitGroup("sex[F]", 9, 0, 0),)}, ("R2", Verdict.REFUSE)),
    ({"columns": (CONSTANT, replace(DUMMY, persons=1))}, ("R2", Verdict.REFUSE)),
    ({"columns": (CONSTANT, replace(DUMMY, rest=3))}, ("R2", Verdict.REFUSE)),
    ({"columns": (CONSTANT, replace(DUMMY, kind="number", persons=2, rest=499))}, ("R2", Verdict.REFUSE)),
    ({"binary": True, "groups": (ModelFitGroup("sex[F]", 260, 3, 257),)}, ("R2", Verdict.REVIEW)),
    ({"cells": (replace(CELL, persons=4),)}, ("F1", Verdict.REFUSE)),
    ({"cells": (replace(CELL, spread=0.0),)}, ("M9", Verdict.REFUSE)),
    ({"cells": (replace(CELL, largest=940.0, second=50.0),)}, ("M3", Verdict.REFUSE)),
    ({"binary": True, "cells": (replace(CELL, rest=0),)}, ("F3", Verdict.REFUSE)),
    ({"leverage": 0.95}, ("R2", Verdict.REFUSE)),
    ({"influence": 1.5}, ("R2", Verdict.REVIEW)),
])  # fmt: skip
def test_each_rule_finds_its_case(changed: dict[str, object], wanted: tuple[str, Verdict]) -> None:
    assert wanted in found(replace(FIT, **changed))


def test_a_number_that_nobody_has_as_zero_is_no_dummy() -> None:
    age = ModelFitColumn("age", "number", 0.1, 0.01, 500, 0)
    assert found(replace(FIT, columns=(CONSTANT, age))) == set()


def test_figures_leave_with_few_digits_and_rounded_numbers() -> None:
    rows = {r.keys[0]: r.released[1:] for r in judge_regression("r", FIT, PROFILE).rows}
    assert rows["sex[M]"] == (Decimal("0.5432"), Decimal("0.2000"))
    assert rows["(rows)"] == (1005, None)
    assert rows["(residual degrees of freedom)"] == (1003, None)
    assert rows["(R squared)"] == (Decimal("0.123"), None)


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (123456.0, "1.235E+5"), (-0.00012345678, "-0.0001235")])
def test_digits_are_significant_ones(value: float, text: str) -> None:
    assert str(with_digits(value, 4)) == text


@pytest.mark.parametrize(("column", "told"), [
    ("residual", True), ("Residuals", True), ("fitted values", True), ("cook_d", True), ("student_resid", True),
    ("hat", True), ("what", False), ("n", False), ("LA", False),
])  # fmt: skip
def test_columns_of_single_persons_are_known_by_name(column: str, told: bool) -> None:
    assert is_per_person(column) is told
