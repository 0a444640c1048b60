"""Components by whole-array steps are those that a plain search finds."""

import numpy as np
from hypothesis import given, strategies as st

from broker.vault.person_numbers import connected_components

graphs = st.integers(1, 30).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=50))
)


def searched(size: int, edges: list[tuple[int, int]]) -> list[int]:
    least = list(range(size))
    for _ in range(size):
        for a, b in edges:
            least[a] = least[b] = min(least[a], least[b])
    return least


def found(size: int, edges: list[tuple[int, int]]) -> list[int]:
    left, right = (np.array([e[side] for e in edges], dtype=np.int64) for side in (0, 1))
    return [int(n) for n in connected_components(size, left, right)]


@given(graphs)
def test_brute_force(graph: tuple[int, list[tuple[int, int]]]) -> None:
    assert found(*graph) == searched(*graph)


def test_a_long_chain_in_the_worst_order() -> None:
    size = 3000
    assert set(found(size, [(i, i + 1) for i in reversed(range(size - 1))])) == {0}
