"""One call from a text over the tiny catalogue to what is measured privately of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from query_kit import CATALOGUE, compiled

from broker.domain.errors import Refusal, Refused
from broker.policy.files.privacy import load_privacy
from broker.policy.privacy import PrivacyProfile
from broker.privacy.asking.given import Given
from broker.privacy.asking.measurable import measurable
from broker.privacy.asking.places import Measurable
from broker.privacy.asking.written import written_in

PROFILE = load_privacy(Path(__file__).parents[3] / "policies" / "privacy").profile("npd-private")
Y = "Y = '2018/2019'"


def private(text: str, dialect: str = "tsql", lists_only: bool = False, **limits: Any) -> Measurable:
    found = compiled(text, dialect, in_parts=False)
    assert found.plan is not None, found.refusals
    profile: PrivacyProfile = replace(PROFILE, **limits)
    return measurable(found.plan.outputs[0], Given(CATALOGUE, profile, {}, written_in(text), lists_only))


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
    if found.bounded[0].each is not None:
        return "each"
    return influence.cells, influence.rows_per_cell, influence.rows or 0
