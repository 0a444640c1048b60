"""Long vectors are drawn in pieces side by side. Only additive noise may be: it is drawn coordinate by coordinate, each
from the same distribution and by itself, so pieces one after another are distributed as the whole is. Charges nothing:
the loss is the map of the whole."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from opendp.mod import Measurement

SHORTEST = 1024
"""Coordinates of a piece for which another thread is worth its start."""


def in_pieces(noise: Measurement, exact: Sequence[int]) -> list[int]:
    """The noisy vector. OpenDP holds no lock while it draws, and takes its random bytes from the thread's generator."""
    hands = len(os.sched_getaffinity(0))
    count = max(1, min(hands, len(exact) // SHORTEST))
    if count == 1:
        return list(noise(exact))
    size = -(-len(exact) // count)
    pieces = [exact[start : start + size] for start in range(0, len(exact), size)]
    return [value for found in _pool(hands).map(noise, pieces) for value in found]


@cache
def _pool(hands: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(hands, "noise")
