"""The privacy policy as files: what it says. Each fault of a file: test_policy_files.py."""

import dataclasses
import re
import shutil
from pathlib import Path

import pytest

from broker.domain.errors import Invalid
from broker.domain.ledger.privacy_loss import Accounting, PrivacyAmount
from broker.policy.data_catalogue import PrivacyUnit
from broker.policy.files import load_policies
from broker.policy.files.privacy_files import load_promises_and_profiles

FOLDER = Path(__file__).parents[3] / "policies" / "privacy"
PROFILE = "profiles/npd-private.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "privacy"))


def test_what_the_files_say() -> None:
    """One release without a person is at most 0.5; a promise is one cap for each unit."""
    found = load_promises_and_profiles(FOLDER)
    profile = found.profile("npd-private")
    assert (profile.max_automatic, profile.level, profile.display_floor) == (0.5, 0.95, 10)
    assert len(profile.source) > 40
    pupil = found.promise(PrivacyUnit.PUPIL)
    assert pupil is not None
    assert pupil.cap == PrivacyAmount(Accounting.APPROXIMATE, 8 * 10**6, 10**7)


def test_limits_of_private_scripts_are_those_of_the_file(folder: Path) -> None:
    limits = {"least_blocks": 30, "most_blocks": 1000, "most_answers": 4, "block_candidates": 801}
    text = (folder / PROFILE).read_text()
    for name, limit in limits.items():
        text = re.sub(rf"^{name}: \d+", f"{name}: {limit}", text, flags=re.MULTILINE)
    (folder / PROFILE).write_text(text)
    profile = load_promises_and_profiles(folder).profile("npd-private")
    assert {name: getattr(profile, name) for name in limits} == limits


def test_a_rho_needs_a_delta_for_its_epsilon(folder: Path) -> None:
    text = (folder / "promises.yaml").read_text()
    zcdp = "zcdp, loss: 0.5, stated_delta: 1.0e-9"
    (folder / "promises.yaml").write_text(text.replace("approximate, loss: 8.0, delta: 1.0e-8", zcdp, 1))
    promise = load_promises_and_profiles(folder).promise(PrivacyUnit.PUPIL)
    assert promise is not None
    assert (promise.accounting, promise.stated_delta) == (Accounting.CONCENTRATED, 1e-9)


def test_the_fingerprint_is_of_every_figure() -> None:
    found = load_policies(FOLDER.parent)
    profiles = (dataclasses.replace(found.privacy.profiles[0], max_cells=5),)
    other = dataclasses.replace(found, privacy=dataclasses.replace(found.privacy, profiles=profiles))
    assert len({found.fingerprint, other.fingerprint, load_policies(FOLDER.parent).fingerprint}) == 2


def test_no_profile_and_two_of_one_name_are_faults(folder: Path) -> None:
    (folder / "profiles" / "again.yaml").write_text((folder / PROFILE).read_text())
    with pytest.raises(Invalid, match="two privacy profiles"):
        load_promises_and_profiles(folder)
    shutil.rmtree(folder / "profiles")
    with pytest.raises(Invalid, match="no privacy profile"):
        load_promises_and_profiles(folder)
