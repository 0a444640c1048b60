"""Tests that measure time run while no other test runs: pytest's workers on a machine hand each other a lock."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def turn(run: str, alone: bool) -> Iterator[None]:
    """Waits for all others of the run where this test is to be alone, else only for one that is. Whoever waits holds
    the door, so that nobody who comes later is let in before."""
    with ExitStack() as stack:
        with _held(f"{run}-door", fcntl.LOCK_EX):
            stack.enter_context(_held(f"{run}-room", fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield


@contextmanager
def _held(name: str, how: int) -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / f"tests-{name}").open("w") as file:
        fcntl.flock(file, how)
        yield
