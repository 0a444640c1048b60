"""What is in the policies only for tests is in the tests' own set, which has all else from the examples."""

import os
from collections.abc import Iterator
from pathlib import Path

from broker.policy.files import load_policies
from tests.policy_sets import EXAMPLE_POLICIES, TEST_POLICIES

ONLY_FOR_TESTS = {
    "catalogue/fixture.npd_absence.yaml", "catalogue/fixture.npd_cin.yaml", "catalogue/fixture.npd_pupil.yaml",
    "projects/FIXTURE.yaml", "projects/P0815.yaml",
}  # fmt: skip


def _files(folder: Path) -> Iterator[str]:
    for root, _, names in os.walk(folder, followlinks=True):
        yield from (str((Path(root) / name).relative_to(folder)) for name in names)


def test_the_tests_set_is_the_examples_and_what_is_only_for_tests() -> None:
    """After a new file in `policies/catalogue` or `policies/projects`: ln -s ../../../policies/… tests/policies/…"""
    examples, ours = set(_files(EXAMPLE_POLICIES)), set(_files(TEST_POLICIES))
    assert ours == examples | ONLY_FOR_TESTS
    assert not examples & ONLY_FOR_TESTS
    for name in examples:
        assert (TEST_POLICIES / name).samefile(EXAMPLE_POLICIES / name), f"{name} is a copy: make it a link"


def test_the_sets_differ_in_projects_and_tables_alone() -> None:
    examples, ours = load_policies(EXAMPLE_POLICIES), load_policies(TEST_POLICIES)
    assert [p.ident for p in examples.projects] == ["P0421", "P0733", "P0999"]
    assert {p.ident for p in ours.projects} - {p.ident for p in examples.projects} == {"FIXTURE", "P0815"}
    assert [p for p in ours.projects if p in examples.projects] == list(examples.projects)
    more = set(ours.catalogue.tables) - set(examples.catalogue.tables)
    assert {t.full_name for t in more} == {"fixture.npd_absence", "fixture.npd_cin", "fixture.npd_pupil"}
    assert "fixture" not in {t.schema_name for t in examples.catalogue.tables}
    for part in ("profiles", "combinations", "service", "privacy", "memory", "sizes"):
        assert getattr(ours, part) == getattr(examples, part)
