"""What runs every day of what could run in several places: each case somewhere, each place something."""

from types import SimpleNamespace

import pytest

from tests import turns
from tests.turns import parted, shared_out

FILE = "tests/integration/storage/test_jobs.py::"


def item(name: str, *marks: str) -> SimpleNamespace:
    return SimpleNamespace(nodeid=FILE + name, get_closest_marker=lambda mark: mark if mark in marks else None)


def today(*items: SimpleNamespace) -> list[str]:
    return [i.nodeid.removeprefix(FILE) for i in shared_out(items)[0]]


@pytest.fixture(autouse=True)
def every_day(monkeypatch):
    monkeypatch.setattr(turns, "EVERYWHERE", False)


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
def test_a_name_tells_case_and_place(test, case, place):
    assert parted(test) == (case, place)


def test_cases_of_a_file_take_turns():
    names = [f"test_{n}[{place}]" for n in "abc" for place in ("sqlite", "postgresql")]
    assert today(*map(item, names)) == ["test_a[sqlite]", "test_b[postgresql]", "test_c[sqlite]"]


def test_cases_of_a_test_take_turns():
    names = [f"test_a[{place}-{case}]" for place in ("runc", "runsc", "bubblewrap") for case in "xyz"]
    assert today(*map(item, names)) == ["test_a[runc-x]", "test_a[runsc-y]", "test_a[bubblewrap-z]"]


def test_what_runs_in_one_place_or_none_runs():
    assert today(item("test_a"), item("test_b[x]"), item("test_c[runsc]")) == ["test_a", "test_b[x]", "test_c[runsc]"]


def test_what_is_to_run_on_each_runs_on_each_and_has_no_turn():
    both = [item(f"test_a[{place}]", "each") for place in ("runc", "runsc")]
    turn = [item(f"test_b[{place}]") for place in ("runc", "runsc")]
    assert today(*both, *turn) == ["test_a[runc]", "test_a[runsc]", "test_b[runc]"]


def test_a_proof_runs_all(monkeypatch):
    monkeypatch.setattr(turns, "EVERYWHERE", True)
    names = [f"test_{n}[{place}]" for n in "ab" for place in ("sqlite", "postgresql")]
    assert today(*map(item, names)) == names
