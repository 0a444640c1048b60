"""One call from a text over the tiny catalogue to what is measured privately of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from query_kit import CATALOGUE, compiled

from broker.domain.errors import Refusal, Refused
from broker.policy.files.privacy_files import load_promises_and_profiles
from broker.policy.privacy_policy import PrivacyProfile
from broker.privacy.request.directives import read_bounds
from broker.privacy.request.private_output_plan import PrivateOutputPlan
from broker.privacy.request.private_output_planner import PrivateContext, plan_private_output

PROFILE = load_promises_and_profiles(Path(__file__).parents[3] / "policies" / "privacy").profile("npd-private")
Y = "Y = '2018/2019'"


def private(text: str, dialect: str = "tsql", lists_only: bool = False, **limits: Any) -> PrivateOutputPlan:
    found = compiled(text, dialect, in_parts=False)
    assert found.plan is not None, found.refusals
    profile: PrivacyProfile = replace(PROFILE, **limits)
    return plan_private_output(
        found.plan.outputs[0], PrivateContext(CATALOGUE, profile, {}, read_bounds(text), lists_only)
    )


def refusals(text: str, dialect: str = "tsql", lists_only: bool = False, **limits: Any) -> tuple[Refusal, ...]:
    try:
        private(text, dialect, lists_only, **limits)
    except Refused as refused:
        return refused.refusals
    raise AssertionError("it is measurable")


def bound(text: str, dialect: str = "tsql") -> tuple[int, int, int] | str:
    """(cells, rows in a cell, rows) of one person by ranks; "each" where rows are added up by person first."""
    found = private(text, dialect)
    influence = found.tables[0].influence
    if found.bounded[0].person_bound is not None:
        return "each"
    return influence.cells, influence.rows_per_cell, influence.rows or 0
