"""The four profiles say what their sources say: a figure that is changed in a file is changed here with its reason."""

from dataclasses import fields
from pathlib import Path

import pytest

from broker.policy.disclosure_rules import PARAMETER_SENTENCES, DisclosureRules, ZeroPolicy
from broker.policy.files import load_policies
from broker.policy.files.yaml_reader import read_file

FOLDER = Path(__file__).parents[3] / "policies"
PROFILES = {p.name: p for p in load_policies(FOLDER).profiles}


@pytest.mark.parametrize(("name", "figures"), [
    # ONS Secure Research Service: 10 unweighted persons; Handbook on SDC: p% with p = 10; ACRO: 10 degrees of freedom.
    ("npd-default", {"t": 10, "p_percent": 10, "dominance_k": None, "dof": 10, "round_base": 5, "full_share": 1.0}),
    ("npd-default", {"zeros": ZeroPolicy.REVIEW, "full": ZeroPolicy.REVIEW, "percent_digits": 1}),
    # LEO: earnings to GBP 100, percentages to 0.1, populations to 5; bodies corporate are protected; ACRO's (2, 90).
    ("leo", {"t": 10, "mean_digits": -2, "sum_digits": -2, "percent_digits": 1, "round_base": 5}),
    ("leo", {"protects_institutions": True, "min_institutions": 3, "dominance_n": 2, "dominance_k": 90}),
    # UK LLC: below 10, zero included; ESSNet: 90 % of a group; ONS training notes: two hold 87.5 %.
    ("strict", {"t": 10, "zeros": ZeroPolicy.SUPPRESS, "full": ZeroPolicy.SUPPRESS, "full_share": 0.9}),
    ("strict", {"dominance_n": 2, "dominance_k": 87.5, "percent_digits": 0}),
    # OpenSAFELY: 7 and fewer are redacted, then rounded to 5; files of at most 5,000 rows.
    ("opensafely-like", {"t": 8, "round_base": 5, "zeros": ZeroPolicy.REVIEW, "max_listed_rows": 5000}),
])  # fmt: skip
def test_a_profile_has_the_figures_of_its_source(name: str, figures: dict[str, object]) -> None:
    assert {k: getattr(PROFILES[name], k) for k in figures} == figures


@pytest.mark.parametrize("name", ["npd-default", "leo", "strict", "opensafely-like"])
def test_a_profile_names_its_source_and_leaves_no_hole_narrower_than_the_threshold(name: str) -> None:
    found = PROFILES[name]
    assert len(found.source) > 40
    assert (found.coalition, found.prior_q, found.whisker) == (1, None, 0.1)
    assert found.min_interval >= found.t


def test_what_a_file_does_not_say_is_as_documented(tmp_path: Path) -> None:
    """A file of before these parameters is a profile still."""
    text = (FOLDER / "profiles" / "strict.yaml").read_text()
    old = "\n".join(line for line in text.splitlines() if not line.startswith(("coalition", "prior_q", "whisker")))
    (tmp_path / "old.yaml").write_text(old)
    found = read_file(tmp_path / "old.yaml", DisclosureRules)
    assert all(getattr(found, name) == getattr(DisclosureRules, name) for name in ("coalition", "prior_q", "whisker"))


def test_every_parameter_of_a_profile_has_a_sentence():
    assert set(PARAMETER_SENTENCES) == {f.name for f in fields(DisclosureRules)} - {"name", "source"}
