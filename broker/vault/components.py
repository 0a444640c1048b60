"""Connected components by whole-array steps. Pure arithmetic: knows nothing of keys or tables."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def components(size: int, left: Numbers, right: Numbers) -> Numbers:
    """The least node of the component of each of `size` nodes, given edges (left[i], right[i]).

    Every round hooks each root to the least root it meets and then halves all paths to their root, so the
    number of rounds grows with the logarithm of the longest chain.
    """
    root = np.arange(size, dtype=np.int64)
    while True:
        here, there = root[left], root[right]
        open_edges = here != there
        if not open_edges.any():
            return root
        here, there = here[open_edges], there[open_edges]
        np.minimum.at(root, np.maximum(here, there), np.minimum(here, there))
        while True:
            shorter = root[root]
            if np.array_equal(shorter, root):
                break
            root = shorter
