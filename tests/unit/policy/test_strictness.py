"""The stricter of two profiles: an output released under one may leave again under the other."""

from dataclasses import replace
from pathlib import Path

import pytest

from broker.policy.disclosure_rules import Rounding, ZeroPolicy, is_as_strict
from broker.policy.files import load_policies

POLICIES = load_policies(Path(__file__).resolve().parents[3] / "policies")
DEFAULT = POLICIES.disclosure_rules("npd-default")


def test_every_profile_is_as_strict_as_itself():
    assert all(is_as_strict(p, p) for p in POLICIES.profiles)


@pytest.mark.parametrize(
    "changed",
    [
        {"t": 12}, {"p_percent": 20.0}, {"dominance_k": 80.0}, {"round_base": 10}, {"mean_digits": 0},
        {"sum_digits": -2}, {"percent_digits": 0}, {"zeros": ZeroPolicy.SUPPRESS}, {"full_share": 0.9},
        {"protects_institutions": True}, {"coalition": 2}, {"min_interval": 20}, {"dof": 30},
    ],
)  # fmt: skip
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
