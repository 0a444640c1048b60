"""Pseudonyms: one person is one name in a project, and another elsewhere."""

import stat
from pathlib import Path

import pytest

from broker.domain.errors import Breach
from broker.vault.pseudonyms import MASTER_FILE, ProjectKey, project_key


def test_keys_of_projects_differ_and_last(tmp_path: Path) -> None:
    one, two = project_key(tmp_path, "ONE"), project_key(tmp_path, "TWO")
    assert project_key(tmp_path, "ONE") == one
    assert one.ident != two.ident
    assert one.pseudonyms("pmr", ["A"]) != two.pseudonyms("pmr", ["A"])
    assert stat.S_IMODE((tmp_path / MASTER_FILE).stat().st_mode) == 0o600


def test_the_same_text_in_another_domain_is_another_person() -> None:
    key = ProjectKey("k", b"x" * 32)
    assert key.pseudonyms("pmr", ["A"]) != key.pseudonyms("staff", ["A"])
    assert key.pseudonyms("a", ["bc"]) != key.pseudonyms("ab", ["c"])
    assert key.pseudonyms("pmr", ["A", "B"]) == [*key.pseudonyms("pmr", ["A"]), *key.pseudonyms("pmr", ["B"])]


def test_a_key_does_not_print_its_secret() -> None:
    assert "xxxx" not in repr(ProjectKey("k", b"x" * 32))


def test_a_damaged_or_open_master_key_is_a_breach(tmp_path: Path) -> None:
    project_key(tmp_path, "ONE")
    (tmp_path / MASTER_FILE).chmod(0o644)
    with pytest.raises(Breach):
        project_key(tmp_path, "ONE")
    (tmp_path / MASTER_FILE).chmod(0o600)
    (tmp_path / MASTER_FILE).write_bytes(b"short")
    with pytest.raises(Breach):
        project_key(tmp_path, "ONE")
