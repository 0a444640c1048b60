"""What runs of what could run in several places: each case somewhere, each place something."""

import argparse
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.places import by_turns, group_of, in_slice, parsed_slice, parted

FILE = "tests/integration/storage/test_jobs.py::"


def item(name: str, *marks: str) -> SimpleNamespace:
    return SimpleNamespace(nodeid=FILE + name, get_closest_marker=lambda mark: mark if mark in marks else None)


def run(*items: SimpleNamespace) -> list[str]:
    return [i.nodeid.removeprefix(FILE) for i in by_turns(items)[0]]


@pytest.mark.parametrize(
    ("test", "case", "place"),
    [
        ("a.py::test_one", ("a.py::test_one",), ()),
        ("a.py::test_one[x-1]", ("a.py::test_one", "x", "1"), ()),
        ("a.py::test_one[sqlite]", ("a.py::test_one",), ("sqlite",)),
        ("a.py::test_one[x-runc-1]", ("a.py::test_one", "x", "1"), ("runc",)),
        ("a.py::test_one[runsc-x-postgresql]", ("a.py::test_one", "x"), ("runsc", "postgresql")),
    ],
)
def test_a_name_has_a_case_and_places(test, case, place):
    assert parted(test) == (case, place)


def test_cases_of_a_file_take_turns():
    names = [f"test_{n}[{place}]" for n in "abc" for place in ("sqlite", "postgresql")]
    assert run(*map(item, names)) == ["test_a[postgresql]", "test_b[sqlite]", "test_c[postgresql]"]
    assert run(*map(item, reversed(names))) == ["test_c[postgresql]", "test_b[sqlite]", "test_a[postgresql]"]


def test_cases_of_a_test_take_turns():
    names = [f"test_a[{place}-{case}]" for place in ("runc", "runsc", "bubblewrap") for case in "xyz"]
    assert run(*map(item, names)) == ["test_a[runc-y]", "test_a[runsc-z]", "test_a[bubblewrap-x]"]


def test_a_case_of_one_place_or_none_runs():
    assert run(item("test_a"), item("test_b[x]"), item("test_c[runsc]")) == ["test_a", "test_b[x]", "test_c[runsc]"]


def test_a_case_that_is_marked_each_runs_in_each_place_and_takes_no_turn():
    both = [item(f"test_a[{place}]", "each") for place in ("runc", "runsc")]
    turn = [item(f"test_b[{place}]") for place in ("runc", "runsc")]
    assert run(*both, *turn) == ["test_a[runc]", "test_a[runsc]", "test_b[runc]"]


def test_a_case_that_is_marked_everywhere_takes_no_turn_and_does_not_run():
    names = [item("test_a[runc]"), item("test_a[runsc]", "everywhere"), item("test_b[runc]")]
    assert run(*names) == ["test_a[runc]", "test_b[runc]"]


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/e2e/test_crashes.py::test_a[runc]", "e2e-runc"),
        ("tests/e2e/test_crashes.py::test_b[runsc-0]", "e2e-runsc"),
        ("tests/e2e/test_submission_to_release.py::test_c[runc]", "e2e-runc"),
        ("tests/e2e/test_demo.py::test_d", "tests/e2e/test_demo.py"),
        ("tests/attacks/test_hostile_python.py::test_e[runc-x]", "tests/attacks/test_hostile_python.py"),
        ("tests/integration/submitted_rows/test_tables.py::test_f", "tests/integration/submitted_rows"),
        ("tests/architecture/test_names.py::test_g", "tests/architecture"),
    ],
)
def test_a_file_goes_to_one_worker_and_so_do_the_end_to_end_tests_of_one_broker(test, group):
    assert group_of(test) == group


def test_every_group_is_in_one_slice_whole():
    files = [f"tests/{folder}/test_{n}.py" for folder in ("unit", "e2e") for n in range(90)]
    names = [f"{file}::test_{case}" for file in files for case in "ab"]
    slices = [[name for name in names if in_slice(name, part, 8)] for part in range(1, 9)]
    assert sorted(name for names in slices for name in names) == sorted(names)
    assert all(slices)
    groups = [set(map(group_of, names)) for names in slices]
    assert sum(map(len, groups)) == len(set().union(*groups))


@pytest.mark.parametrize(("asked", "found"), [("3/8", (3, 8)), ("8/8", (8, 8)), ("0/8", (0, 8))])
def test_a_slice_is_a_part_of_so_many(asked, found):
    assert parsed_slice(asked) == found


@pytest.mark.parametrize("asked", ["9/8", "1/0", "8", "a/b", ""])
def test_what_is_no_slice_is_an_error(asked):
    with pytest.raises(argparse.ArgumentTypeError, match="3/8"):
        parsed_slice(asked)


@pytest.mark.long
def test_all_tests_of_a_file_run_in_one_worker() -> None:
    """In a real run: a new version of pytest or xdist may share tests out otherwise, and nothing else would fail."""
    env = {k: v for k, v in os.environ.items() if "PYTEST" not in k}
    command = [sys.executable, "-m", "pytest", "-n", "2", "-vv", __file__, "-k", "a_name_has_a_case"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    workers = re.findall(r"^\[(gw\d+)\]", ended.stdout, re.MULTILINE)
    assert len(workers) == 5
    assert len(set(workers)) == 1
