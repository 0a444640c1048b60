"""Makes a process cheap to fork: its memory is put into large pages, so that a fork copies one entry of its tables
where it would copy hundreds, and an end gives one back. Standard library only. Where the kernel has no such pages
(gVisor) or has none left, everything is as it was: nothing but time depends on it."""

import contextlib
import ctypes
from collections.abc import Iterator

LARGE = 2 << 20
COLLAPSE = 25
"""MADV_COLLAPSE of Linux 6.1: at once, and for this range alone. What a block writes later takes small pages."""


def join() -> int:
    """How many large pages the process has now beside those that it had."""
    libc = ctypes.CDLL(None)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    with contextlib.suppress(OSError):
        return sum(libc.madvise(place, LARGE, COLLAPSE) == 0 for first, end in own() for place in whole(first, end))
    return 0


def own() -> Iterator[tuple[int, int]]:
    """Memory that is no file's: the heap, and what Python's objects live in."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        for line in file.read().splitlines():
            place, rights, _, _, _, *name = line.split()
            if rights == "rw-p" and name in ([], ["[heap]"]):
                first, end = (int(part, 16) for part in place.split("-"))
                yield first, end


def whole(first: int, end: int) -> range:
    """Where large pages can stand in it."""
    return range(-(-first // LARGE) * LARGE, end // LARGE * LARGE, LARGE)
