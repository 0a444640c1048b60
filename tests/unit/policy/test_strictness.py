"""The stricter of two profiles: an output released under one may leave again under the other."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest

from broker.policy.disclosure_rules import AttackerKnowledge, DisclosureRules, Rounding, ZeroPolicy, is_as_strict
from broker.policy.files import load_policies

POLICIES = load_policies(Path(__file__).resolve().parents[3] / "policies")
DEFAULT = POLICIES.disclosure_rules("npd-default")
NOT_COMPARED = {
    "name", "source", "suppressed_symbol", "file_digits", "many_rows", "many_values", "nearly_all", "extreme_percent",
    "max_listed_rows", "max_group_steps", "max_joint_cells", "max_joint_targets", "reach", "small_quota",
}  # fmt: skip
"""Parameters about files of scripts, which are never compared, and limits beyond which a person reviews an output, or
cells that do not pass are not listed. They change no figure that passes."""


def test_every_profile_is_as_strict_as_itself():
    assert all(is_as_strict(p, p) for p in POLICIES.profiles)


@pytest.mark.parametrize("changed", [
    {"t": 12}, {"p_percent": 20.0}, {"dominance_k": 80.0}, {"round_base": 10}, {"mean_digits": 0}, {"sum_digits": -2},
    {"percent_digits": 0}, {"zeros": ZeroPolicy.SUPPRESS}, {"full_share": 0.9}, {"protects_institutions": True},
    {"coalition": 2}, {"min_interval": 20}, {"dof": 30},
    {"attacker": AttackerKnowledge.EXACT},
])  # fmt: skip
def test_one_stricter_parameter_makes_a_profile_stricter(changed):
    stricter = replace(DEFAULT, **changed)
    assert is_as_strict(stricter, DEFAULT)
    assert not is_as_strict(DEFAULT, stricter)


@pytest.mark.parametrize("changed", [{"rounding": Rounding.CELL_KEY}, {"prior_q": 50.0}, {"round_base": 7}])
def test_what_cannot_be_ordered_is_not(changed):
    other = replace(DEFAULT, **changed)
    assert not is_as_strict(other, DEFAULT)
    assert not is_as_strict(DEFAULT, other)


def test_a_larger_threshold_alone_does_not_make_up_for_finer_figures():
    assert not is_as_strict(replace(DEFAULT, t=20, round_base=1), DEFAULT)


def test_every_parameter_is_compared_or_listed_here():
    """A new parameter fails here until somebody decides which value is stricter."""
    read = set[str]()

    class Spied:
        def __getattr__(self, name: str) -> Any:
            read.add(name)
            return getattr(schools, name)

    schools = replace(DEFAULT, protects_institutions=True)
    assert is_as_strict(cast(DisclosureRules, Spied()), schools)
    assert {f.name for f in fields(DisclosureRules)} - read == NOT_COMPARED
