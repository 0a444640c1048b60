"""Locks on files, which the kernel releases when the process that holds them ends."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def try_lock(file: IO[str]) -> bool:
    """Lock a file that nobody else has locked, without waiting. Returns whether it did."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def sole_holder(path: Path) -> Iterator[bool]:
    """Whether nobody else holds the file at this path, as long as the context lasts."""
    with path.open("a") as mark:
        yield try_lock(mark)
