"""How tests are shared among workers: the files that come first are there, and what shares a broker is one share."""

from pathlib import Path

import pytest

from tests.sharing import LONGEST, place, share_of

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_that_comes_first_is_there_and_named_once():
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_what_is_not_named_comes_after_all_that_is():
    assert place(LONGEST[0]) < place(LONGEST[-1]) < place("tests/unit/nowhere/test_new.py")


@pytest.mark.parametrize(
    ("test", "share"),
    [
        ("tests/e2e/test_crashes.py::test_a[runc]", "tests/e2e/[runc]"),
        ("tests/e2e/test_crashes.py::test_b[runsc-0]", "tests/e2e/[runsc]"),
        ("tests/e2e/test_the_way.py::test_c[runc]", "tests/e2e/[runc]"),
        ("tests/e2e/test_memory.py::test_b[sql-first0-runsc]", "tests/e2e/[runsc]"),
        ("tests/e2e/test_demo.py::test_d", "tests/e2e/test_demo.py"),
        ("tests/attacks/test_hostile_python.py::test_e[runc-x]", "tests/attacks/test_hostile_python.py"),
    ],
)
def test_a_file_is_one_share_and_so_is_a_broker_on_one_runtime(test, share):
    assert share_of(test) == share
