"""Tests that measure time run alone: while one has its turn nobody else has, and who waits for it is not overtaken."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import alone

SOON, LONG = 0.2, 10.0
Other = Callable[[bool], Callable[[float], bool]]


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    """Another worker's test, which keeps the turn that it gets to the end: whether it has it after so many seconds."""
    monkeypatch.setattr(alone.tempfile, "gettempdir", lambda: str(tmp_path))
    ends, threads = threading.Event(), list[threading.Thread]()

    def begin(is_alone: bool) -> Callable[[float], bool]:
        has = threading.Event()

        def run() -> None:
            with alone.turn("run", is_alone):
                has.set()
                ends.wait(LONG)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return has.wait

    yield begin
    ends.set()
    for thread in threads:
        thread.join(LONG)


def test_tests_that_measure_nothing_run_side_by_side(other: Other) -> None:
    assert other(False)(LONG)
    assert other(False)(LONG)


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_one_that_measures_runs_while_no_other_does(other: Other, first: bool, second: bool) -> None:
    assert other(first)(LONG)
    assert not other(second)(SOON)


def test_whoever_waits_to_be_alone_is_not_overtaken(other: Other) -> None:
    assert other(False)(LONG)
    assert not other(True)(SOON)
    assert not other(False)(SOON)


def test_another_run_waits_for_nobody(other: Other) -> None:
    assert other(True)(LONG)
    with alone.turn("another run", True):
        pass
